"""Baselines: controllers that follow the retargeted human path without having learned anything."""

from h2s2r_sim.baselines.object_aware_replay import ObjectAwareReplay
from h2s2r_sim.baselines.replay import Replay

__all__ = ["ObjectAwareReplay", "Replay"]
