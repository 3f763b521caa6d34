"""Playing joint paths in every environment, at the pace of each episode's goal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_sim.environment import Environment, StepResult

Array = NDArray[np.float64]

SHARE_OF_HOLD = 0.75
"""The path is over when the goal has been at its end for this share of the hold time."""


class PathPlayer:
    """Sends the joint targets of a path, one path for each environment, and holds the last.

    The human path begins a little before the object moves and ends a little after. It is played at the goal's
    speed, or as much faster as it takes to be over before the episode is: a baseline must not fail for having been
    cut short.

    Args:
        environment: At the beginning of its episodes.
        stamp_s: `(M,)` from 0.
        joint_position: `(n, M, J)` [rad], or `(1, M, J)` for the same path everywhere.
    """

    def __init__(self, environment: Environment, stamp_s: Array, joint_position: Array) -> None:
        episodes = environment.episodes
        available_s = (
            environment.reference.goal_path.duration_s / episodes.speed + SHARE_OF_HOLD * episodes.settings.hold_s
        )
        self._pace = np.maximum(episodes.speed, stamp_s[-1] / available_s)
        self._stamp_s = stamp_s
        self._joint_position = np.broadcast_to(
            joint_position, (environment.num_environments, *joint_position.shape[1:])
        )
        self._elapsed_s = 0.0

    def step(self, environment: Environment) -> StepResult:
        """Advance the environment towards the path's next joint targets."""
        self._elapsed_s += 1.0 / POLICY_RATE_HZ
        return environment.step_joint_target(self.joint_target(self._elapsed_s))

    def joint_target(self, elapsed_s: float) -> Array:
        """Joint targets `(n, J)` [rad] at a time since the start, linear between the path's points."""
        time_s = np.minimum(self._pace * elapsed_s, self._stamp_s[-1])
        segment = np.clip(np.searchsorted(self._stamp_s, time_s, side="right") - 1, 0, len(self._stamp_s) - 2)
        start, end = self._stamp_s[segment], self._stamp_s[segment + 1]
        fraction = ((time_s - start) / (end - start))[:, None]
        rows = np.arange(len(segment))
        before, after = self._joint_position[rows, segment], self._joint_position[rows, segment + 1]
        return np.asarray((1.0 - fraction) * before + fraction * after)
