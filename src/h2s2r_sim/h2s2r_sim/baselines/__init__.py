"""Baselines: what the human path alone can do, replayed as it was, moved with the object, or imitated."""

from h2s2r_sim.baselines.behaviour_cloning import BehaviourCloning, CloningSettings
from h2s2r_sim.baselines.object_aware_replay import ObjectAwareReplay
from h2s2r_sim.baselines.replay import Replay

__all__ = ["BehaviourCloning", "CloningSettings", "ObjectAwareReplay", "Replay"]
