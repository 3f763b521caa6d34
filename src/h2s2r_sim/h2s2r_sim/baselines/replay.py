"""Replay: the retargeted human path, open loop, wherever the object is."""

from __future__ import annotations

from h2s2r_sim.baselines.path_player import PathPlayer
from h2s2r_sim.environment import Environment


class Replay(PathPlayer):
    """Plays the demonstrated path unchanged."""

    def __init__(self, environment: Environment) -> None:
        path = environment.reference.human_path
        super().__init__(environment, path.stamp_s, path.joint_position[None])
