"""Domain randomisation as data: what varies, how, by how much, and when it is drawn.

Every row reaches the physics, the observation or the command; tests read each one back after a reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.goal_clock import GoalClockConfiguration

Array = NDArray[np.float64]

Distribution = Literal["uniform", "log_uniform", "integer", "event"]
Moment = Literal["episode", "step"]


@dataclass(frozen=True)
class Parameter:
    """One row of the table."""

    name: str
    distribution: Distribution
    """`uniform` or `log_uniform` in [low, high]; `integer` in {low, ..., high}; `event`: 1 with probability
    `high`, otherwise 0."""
    low: float
    high: float
    unit: str
    """`x` is a factor on the nominal value."""
    drawn: Moment
    """At each reset (`episode`) or at each policy step."""
    size: Literal["one", "axes", "joints"] = "one"
    """One value for each environment, one for each axis x, y, z, or one for each joint."""

    def draw(self, rng: np.random.Generator, num_environments: int, num_joints: int) -> Array:
        """Draw values `(n,)`, `(n, 3)` or `(n, J)`."""
        shape = {"one": (num_environments,), "axes": (num_environments, 3), "joints": (num_environments, num_joints)}
        size = shape[self.size]
        if self.distribution == "uniform":
            return rng.uniform(self.low, self.high, size)
        if self.distribution == "log_uniform":
            return np.exp(rng.uniform(np.log(self.low), np.log(self.high), size))
        if self.distribution == "integer":
            return rng.integers(int(self.low), int(self.high) + 1, size).astype(np.float64)
        return (rng.random(size) < self.high).astype(np.float64)


_CLOCK = GoalClockConfiguration()

TABLE = (
    # Physics. Mass and friction as the published `medium` setting intends them (there they never arrive).
    Parameter("object_mass", "uniform", 0.7, 1.3, "x", "episode"),
    Parameter("object_friction", "uniform", 0.7, 1.3, "x", "episode"),
    Parameter("table_friction", "uniform", 0.7, 1.3, "x", "episode"),
    Parameter("stiffness", "log_uniform", 0.8, 1.25, "x", "episode", "joints"),
    Parameter("damping", "log_uniform", 0.8, 1.25, "x", "episode", "joints"),
    # A push on the object: rare, one policy step long, horizontal, scaled by the object's mass.
    Parameter("push", "event", 0.0, 0.02, "1", "step"),
    Parameter("push_acceleration", "uniform", 1.0, 4.0, "m/s^2", "step"),
    Parameter("push_direction", "uniform", -np.pi, np.pi, "rad", "step"),
    # The tracker's pose: an offset for the episode, white noise, and now and then an outlier.
    Parameter("pose_offset_position", "uniform", -0.004, 0.004, "m", "episode", "axes"),
    Parameter("pose_offset_rotation", "uniform", -0.02, 0.02, "rad", "episode", "axes"),
    Parameter("pose_noise_position", "uniform", -0.004, 0.004, "m", "step", "axes"),
    Parameter("pose_noise_rotation", "uniform", -0.02, 0.02, "rad", "step", "axes"),
    Parameter("pose_outlier", "event", 0.0, 0.02, "1", "step"),
    Parameter("pose_outlier_position", "uniform", -0.05, 0.05, "m", "step", "axes"),
    Parameter("pose_outlier_rotation", "uniform", -0.3, 0.3, "rad", "step", "axes"),
    # Latency in frames of the 30 Hz camera; a dropped pose leaves the one before it in place.
    Parameter("pose_delay", "integer", 0, 2, "frames", "episode"),
    Parameter("pose_drop", "event", 0.0, 0.05, "1", "step"),
    # The robot: joint encoders, and ticks of the 60 Hz controller before a new target takes effect.
    Parameter("joint_noise", "uniform", -0.001, 0.001, "rad", "step", "joints"),
    Parameter("action_delay", "integer", 0, 2, "ticks", "episode"),
    # The goal clock: seconds of the demonstration per second.
    Parameter("goal_speed", "uniform", _CLOCK.speed_minimum, _CLOCK.speed_maximum, "x", "episode"),
)

_PHYSICAL = {
    "object_mass_kg": "object_mass",
    "object_friction": "object_friction",
    "table_friction": "table_friction",
    "stiffness": "stiffness",
    "damping": "damping",
}


def physical_parameters() -> Mapping[str, str]:
    """Engine parameter (`h2s2r_sim.engines.PARAMETERS`) to the row of the table that scales it."""
    return _PHYSICAL


NONE = tuple(
    Parameter(p.name, "uniform", float(p.unit == "x"), float(p.unit == "x"), p.unit, p.drawn, p.size) for p in TABLE
)
"""The same rows at their nominal values: nothing varies."""


class Randomiser:
    """Draws a table's rows; remembers its random generators and the values of the running episodes.

    Steps have a generator of their own, so that two policies meet the same noise although their episodes end
    at different times.

    Attributes:
        episode: Row name to the values `(n, ...)` of the running episodes.
    """

    def __init__(
        self,
        table: Iterable[Parameter],
        num_environments: int,
        num_joints: int,
        episode_rng: np.random.Generator,
        step_rng: np.random.Generator,
    ) -> None:
        self._episode_rng, self._step_rng = episode_rng, step_rng
        self._num_environments, self._num_joints = num_environments, num_joints
        rows = tuple(table)
        self._episode_rows = [row for row in rows if row.drawn == "episode"]
        self._step_rows = [row for row in rows if row.drawn == "step"]
        self.episode = {row.name: row.draw(episode_rng, num_environments, num_joints) for row in self._episode_rows}

    def draw_episode(self, ids: NDArray[np.int64]) -> None:
        """Draw the episode rows anew for environments `ids`."""
        for row in self._episode_rows:
            self.episode[row.name][ids] = row.draw(self._episode_rng, len(ids), self._num_joints)

    def draw_step(self) -> dict[str, Array]:
        """Draw the step rows for all environments."""
        n, joints = self._num_environments, self._num_joints
        return {row.name: row.draw(self._step_rng, n, joints) for row in self._step_rows}

    def state_dict(self) -> dict[str, Any]:
        """Generators and the running episodes' values."""
        return {
            "episode_rng": self._episode_rng.bit_generator.state,
            "step_rng": self._step_rng.bit_generator.state,
            "episode": {name: value.copy() for name, value in self.episode.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._episode_rng.bit_generator.state = state["episode_rng"]
        self._step_rng.bit_generator.state = state["step_rng"]
        self.episode = {name: value.copy() for name, value in state["episode"].items()}
