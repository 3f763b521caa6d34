"""Behaviour cloning: a diffusion policy trained on object-aware replays of the one demonstration."""

from h2s2r_sim.baselines.behaviour_cloning.controller import BehaviourCloning
from h2s2r_sim.baselines.behaviour_cloning.settings import CloningSettings

__all__ = ["BehaviourCloning", "CloningSettings"]
