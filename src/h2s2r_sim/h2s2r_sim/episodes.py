"""Episodes: where the goal is on its path, and when an episode ends, as success or failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.goal_clock import GoalClockConfiguration, advance
from h2s2r_policy.goal_path import GoalPath

if TYPE_CHECKING:
    from h2s2r_sim.task import SuccessSpec

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class EpisodeSettings:
    """When an episode ends."""

    hold_s: float = 1.2
    """Time at the end of the path for the object to reach a goal that moved until then."""
    patience: float = 1.5
    """An episode that lasts this many times the path at its slowest ends as a failure (the goal waited)."""
    fall_m: float = 0.10
    """An object this far below where it started has fallen."""


@dataclass(frozen=True)
class Ending:
    """How episodes stand after a step, arrays `(n,)`.

    Attributes:
        terminated: Lost, fallen, out of the hand's reach, or out of time: a failure.
        truncated: The path and the hold time are over.
        success: The path is over and the object is within the task's limit of its goal.
    """

    terminated: Flags
    truncated: Flags
    success: Flags


class Episodes:
    """Goal clocks and counters of N running episodes.

    Attributes:
        phase_s: `(n,)` of the goal on its path.
        speed: `(n,)` of the goal clock.
        steps: `(n,)` policy steps so far.
        hold_s: `(n,)` time spent at the end of the path.
        total_reward: `(n,)` so far.
        T_world_goal: `(n, 4, 4)` present goals.
    """

    def __init__(
        self,
        num_environments: int,
        path: GoalPath,
        success: SuccessSpec,
        *,
        step_s: float,
        clock: GoalClockConfiguration,
        settings: EpisodeSettings,
    ) -> None:
        self._path, self._success, self._clock, self.settings = path, success, clock, settings
        self._step_s = step_s
        slowest_s = settings.patience * path.duration_s / clock.speed_minimum + settings.hold_s
        self.maximum_steps = int(np.ceil(slowest_s / step_s))
        self.phase_s, self.hold_s = np.zeros(num_environments), np.zeros(num_environments)
        self.speed, self.total_reward = np.ones(num_environments), np.zeros(num_environments)
        self.steps = np.zeros(num_environments, dtype=np.int64)
        self.T_world_goal = np.array(path.pose(self.phase_s))

    @property
    def progress(self) -> Array:
        """Phase as a fraction of the path, `(n,)` in [0, 1]."""
        return self.phase_s / self._path.duration_s

    def advance(self, observed_distance: Array) -> None:
        """Move the goals by one policy step, given the observed anchor distances `(n,)` [m].

        Observed and not true: the robot's goal clock knows no other.
        """
        self.steps = self.steps + 1
        self.hold_s = self.hold_s + self._step_s * (self.phase_s >= self._path.duration_s)
        self.phase_s = np.asarray(
            advance(
                self._clock,
                self.phase_s,
                observed_distance,
                elapsed_s=self._step_s,
                speed=self.speed,
                duration_s=self._path.duration_s,
            )
        )
        self.T_world_goal = np.asarray(self._path.pose(self.phase_s))

    def ending(self, anchor_distance: Array, object_height: Array, hand_is_near: Flags) -> Ending:
        """Judge the episodes.

        Args:
            anchor_distance: `(n,)` true mean anchor distance to the goal [m].
            object_height: `(n,)` [m].
            hand_is_near: `(n,)` whether the fingertips are within reach of the object.
        """
        fallen = object_height < self._path.T_world_object[0, 2, 3] - self.settings.fall_m
        lost = (anchor_distance > self._success.lost_anchor_distance_m) | fallen | ~hand_is_near
        over = self.hold_s >= self.settings.hold_s - 1e-9
        terminated = lost | (~over & (self.steps >= self.maximum_steps))
        truncated = over & ~terminated
        return Ending(terminated, truncated, truncated & (anchor_distance < self._success.final_anchor_distance_m))

    def reset(self, ids: Ids, speed: Array) -> None:
        """Start episodes `ids (k,)` with goal clocks of `speed (k,)`."""
        for name, value in (("phase_s", 0.0), ("hold_s", 0.0), ("steps", 0), ("total_reward", 0.0), ("speed", speed)):
            array = getattr(self, name).copy()
            array[ids] = value
            setattr(self, name, array)
        self.T_world_goal = self.T_world_goal.copy()
        self.T_world_goal[ids] = self._path.T_world_object[0]

    def state_dict(self) -> dict[str, Any]:
        """Clocks and counters."""
        names = ("phase_s", "hold_s", "steps", "total_reward", "speed", "T_world_goal")
        return {name: getattr(self, name).copy() for name in names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        for name, value in state.items():
            setattr(self, name, value.copy())
