"""How fast a path may be followed: as recorded where the joints can, slower where not, at rest at both ends.

Along a path `q(s)`, s being recorded time, the squared pace `x = (ds/dt)^2` and `u = d2s/dt2` give joint velocities
`q' sqrt(x)` and accelerations `q' u + q'' x`: limits on them are linear in x and u. A sweep from the end finds the
largest x that can still be braked, a sweep from the start keeps below it (Pham and Pham 2018, TOPP-RA; here with
x <= 1, because nothing is to be faster than the human).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BISECTIONS = 26
_STILL = 1e-9
"""A joint that moves less than this per second of recording does not limit u."""


@dataclass(frozen=True, eq=False)
class TimedPace:
    """When a path is where."""

    recorded_s: Array
    """`(G,)`, the grid, from 0."""
    time_s: Array
    """`(G,)`, when the robot is there, from 0."""
    pace: Array
    """`(G,)`: recorded seconds per second, at most 1."""

    def at(self, time_s: Array) -> Array:
        """Recorded time `(...)` s that is reached at a time; acceleration is constant between grid points."""
        index = np.clip(np.searchsorted(self.time_s, time_s, side="right") - 1, 0, len(self.time_s) - 2)
        since = time_s - self.time_s[index]
        lasts = self.time_s[index + 1] - self.time_s[index]
        gain = (self.pace[index + 1] - self.pace[index]) / lasts
        return np.asarray(
            np.minimum(self.recorded_s[index] + (self.pace[index] + 0.5 * gain * since) * since, self.recorded_s[-1])
        )


def paced(
    recorded_s: Array, slope: tuple[Array, Array], bend: tuple[Array, Array], velocity: Array, acceleration: Array
) -> TimedPace:
    """The fastest pace within the limits, never faster than recorded.

    Args:
        recorded_s: `(G,)` s, increasing from 0, with every place where the path's second derivative jumps.
        slope: `(G - 1, J)` dq/ds at the beginning and at the end of each interval.
        bend: `(G - 1, J)` d2q/ds2 there.
        velocity: `(J,)` limits.
        acceleration: `(J,)`.
    """
    steps, count = np.diff(recorded_s), len(recorded_s)
    speed = np.zeros(count)
    speed[:-1] = np.max(np.abs(slope[0]) / velocity, axis=1)
    speed[1:] = np.maximum(speed[1:], np.max(np.abs(slope[1]) / velocity, axis=1))
    largest = np.minimum(1.0, 1.0 / np.maximum(speed, _STILL) ** 2)
    # In an interval u is constant, so x at its end is x + 2 step u.
    slopes = np.concatenate([slope[0], slope[1] + 2.0 * steps[:, None] * bend[1]], axis=1)
    bends, most_acceleration = np.concatenate(bend, axis=1), np.tile(acceleration, 2)
    brakable = np.zeros(count)
    for index in range(count - 2, -1, -1):
        limits = _Limits(slopes[index], bends[index], most_acceleration, brakable[index + 1], steps[index])
        brakable[index] = limits.largest(largest[index])
    x = np.zeros(count)
    for index in range(count - 1):
        limits = _Limits(slopes[index], bends[index], most_acceleration, brakable[index + 1], steps[index])
        x[index + 1] = np.clip(x[index] + 2.0 * steps[index] * limits.range_of_u(x[index])[1], 0.0, brakable[index + 1])
    pace = np.sqrt(x)
    lasts = 2.0 * steps / np.maximum(pace[1:] + pace[:-1], _STILL)
    return TimedPace(recorded_s, np.concatenate([[0.0], np.cumsum(lasts)]), pace)


@dataclass(frozen=True, eq=False)
class _Limits:
    """What one interval allows."""

    slope: Array
    bend: Array
    acceleration: Array
    following: float
    """Largest x at its end."""
    step: float

    def largest(self, most: float) -> float:
        """The largest x up to `most` from which some allowed u leads into `[0, following]`."""
        if self._can(most):
            return most
        low, high = 0.0, most
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._can(middle) else (low, middle)
        return low

    def range_of_u(self, x: float) -> tuple[float, float]:
        """Between which u every joint keeps its acceleration limit and the end is in bounds; empty if crossed."""
        room, moves = self.acceleration - np.abs(self.bend) * x, np.abs(self.slope) > _STILL
        least, most = -x / (2.0 * self.step), (self.following - x) / (2.0 * self.step)
        if (room[~moves] < 0.0).any():
            return np.inf, -np.inf
        if moves.any():
            centre = -self.bend[moves] * x / self.slope[moves]
            half = self.acceleration[moves] / np.abs(self.slope[moves])
            least, most = max(least, float(np.max(centre - half))), min(most, float(np.min(centre + half)))
        return least, most

    def _can(self, x: float) -> bool:
        least, most = self.range_of_u(x)
        return least <= most
