"""The goal on the robot: one goal pose for each object pose, by the clock of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_policy.anchors import anchor_distance
from h2s2r_policy.goal_clock import GoalClockConfiguration, advance
from h2s2r_policy.goal_path import GoalPath

Array = NDArray[np.float64]

LONGEST_STEP_S = 0.1
"""The clock counts at most this much between two object poses: while nobody sees the object, it waits."""


class GoalFollower:
    """Remembers the goal's phase, the stamp it belongs to, and whether it has been started.

    Args:
        path: The demonstrated path.
        clock: As in the policy's contract.
        anchors: `(K, 3)` [m], as in the contract.
        speed: Seconds of the demonstration per second, within the trained range.

    Raises:
        InputError: The speed is outside the range of training.
    """

    def __init__(self, path: GoalPath, clock: GoalClockConfiguration, anchors: Array, speed: float) -> None:
        if not clock.speed_minimum <= speed <= clock.speed_maximum:
            raise InputError(
                "goal",
                "speed",
                found=str(speed),
                expected=f"{clock.speed_minimum} to {clock.speed_maximum}, as in training",
                remedy="choose a speed that the policy was trained with",
            )
        self._path, self._clock, self._anchors, self._speed = path, clock, anchors, speed
        self._phase_s = np.zeros(1)
        self._stamp_ns: int | None = None
        self._started = False

    @property
    def phase_s(self) -> float:
        """Phase of the goal [s of the demonstration]."""
        return float(self._phase_s[0])

    def start(self) -> None:
        """Go to the start of the path and, from the next object pose on, along it."""
        self._phase_s = np.zeros(1)
        self._stamp_ns = None
        self._started = True

    def goal(self, stamp_ns: int, T_world_object: Array) -> Array:
        """The goal pose `(4, 4)` that belongs to the object pose `(4, 4)` of this stamp."""
        if self._started and self._stamp_ns is not None:
            elapsed_s = min(max((stamp_ns - self._stamp_ns) * 1e-9, 0.0), LONGEST_STEP_S)
            distance = anchor_distance(T_world_object[None], self._path.pose(self._phase_s), self._anchors)
            self._phase_s = advance(
                self._clock,
                self._phase_s,
                distance,
                elapsed_s=elapsed_s,
                speed=self._speed,
                duration_s=self._path.duration_s,
            )
        self._stamp_ns = stamp_ns
        goal: Array = self._path.pose(self._phase_s)[0]
        return goal
