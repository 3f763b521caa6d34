"""One deployment trial: what is watched while it runs, and the strict verdict when it is over.

Ground truth is used for the verdict alone; nothing of it reaches a node that moves the robot.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_angle
from h2s2r_policy.anchors import anchor_distance
from h2s2r_sim.episodes import EpisodeSettings
from h2s2r_sim.task import SuccessSpec

Array = NDArray[np.float64]

SETTLE_S = EpisodeSettings.hold_s
"""After the goal has reached its end, the policy has as long to finish as in training [s of simulated time]."""
STABLE_POSES = 4
STABLE_POSITION_M = 0.003
STABLE_ROTATION_RAD = 0.03


@dataclass(frozen=True)
class Verdict:
    """The outcome of one trial."""

    success: bool
    final_distance_m: float | None
    """Mean anchor distance between the object, by ground truth, and the end of the demonstrated path; None when
    the trial ended before the object was seen."""
    largest_distance_m: float | None
    """Largest mean anchor distance between object and goal of the same instant; None when there was none."""
    simulated_s: float
    """From the policy's start to the end, in simulated time."""
    wall_s: float
    """The whole trial, reset and registration included."""
    registration_s: float | None
    """Wall time from the reset to a stable object pose; None when there was none."""
    reason: str
    """Why it ended: `settled`, or the limit that was passed."""

    def as_mapping(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class TrialWatch:
    """Follows one trial by its messages; remembers poses by stamp, from the policy's start on.

    Args:
        anchors: `(K, 3)` [m], object frame.
        T_world_end: Last pose `(4, 4)` of the demonstrated path.
        success: The task's criterion.
    """

    def __init__(self, anchors: Array, T_world_end: Array, success: SuccessSpec) -> None:
        self.largest_distance_m: float | None = None
        """Largest mean anchor distance from object to goal at equal stamps; None before the first such stamp."""
        self._anchors, self._T_world_end, self._success = anchors, T_world_end, success
        self._object: dict[int, Array] = {}
        self._goal: dict[int, Array] = {}
        self._finished_ns: int | None = None
        self._last_ns: int | None = None

    def object_is_at(self, stamp_ns: int, T_world_object: Array) -> None:
        """Ground truth of an instant."""
        self._object[stamp_ns] = T_world_object
        self._last_ns = stamp_ns
        self._compare(stamp_ns)

    def goal_is_at(self, stamp_ns: int, T_world_goal: Array) -> None:
        """The goal that the policy was given for an instant."""
        self._goal[stamp_ns] = T_world_goal
        if self._finished_ns is None and np.allclose(T_world_goal, self._T_world_end, atol=1e-5):
            self._finished_ns = stamp_ns
        self._compare(stamp_ns)

    def _compare(self, stamp_ns: int) -> None:
        if stamp_ns in self._object and stamp_ns in self._goal:
            distance_m = self._distance_m(self._object[stamp_ns], self._goal[stamp_ns])
            self.largest_distance_m = max(distance_m, self.largest_distance_m or 0.0)

    def _distance_m(self, T_a: Array, T_b: Array) -> float:
        return float(anchor_distance(T_a[None], T_b[None], self._anchors)[0])

    @property
    def simulated_s(self) -> float:
        """Simulated time watched so far."""
        return (self._last_ns - min(self._object)) * 1e-9 if self._last_ns is not None else 0.0

    @property
    def has_settled(self) -> bool:
        """Whether the goal reached its end at least `SETTLE_S` ago."""
        if self._finished_ns is None or self._last_ns is None:
            return False
        return (self._last_ns - self._finished_ns) * 1e-9 >= SETTLE_S

    @property
    def is_lost(self) -> bool:
        """Whether the object was ever further from its goal than the task allows."""
        return (self.largest_distance_m or 0.0) > self._success.lost_anchor_distance_m

    def verdict(self, reason: str, wall_s: float, registration_s: float | None = None) -> Verdict:
        """Strict success: settled, final mean anchor distance below the limit, never lost."""
        final = None
        if self._last_ns is not None:
            final = self._distance_m(self._object[self._last_ns], self._T_world_end)
        close = final is not None and final < self._success.final_anchor_distance_m
        success = close and reason == "settled" and self.largest_distance_m is not None and not self.is_lost
        return Verdict(success, final, self.largest_distance_m, self.simulated_s, wall_s, registration_s, reason)


def is_stable(T_world_object: list[Array]) -> bool:
    """Whether the last `STABLE_POSES` of the tracker's poses agree: it has registered the resting object."""
    if len(T_world_object) < STABLE_POSES:
        return False
    T = np.stack(T_world_object[-STABLE_POSES:])
    moved = np.linalg.norm(T[:, :3, 3] - T[-1, :3, 3], axis=-1).max()
    turned = rotation_angle(T[:, :3, :3], np.broadcast_to(T[-1, :3, :3], (STABLE_POSES, 3, 3))).max()
    return bool(moved < STABLE_POSITION_M and turned < STABLE_ROTATION_RAD)
