"""The one-euro filter (Casiez, Roussel and Vogel 2012): calm when the hand is still, quick when it moves.

A first-order low-pass whose cutoff grows with the speed of what it follows, `f_c = f_min + beta |v|`; the speed is
low-passed itself. Two things differ from the paper. The smoothing factor is the exact `1 - exp(-2 pi f_c dt)` in the
place of `1 / (1 + 1 / (2 pi f_c dt))`, so that two short steps do what one long one does: frames may come at any
rate, and be left out. And the speed is that of the whole point, not of each of its coordinates, so that the axes of
the frame do not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_from_vector, vector_from_rotation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OneEuroConfiguration:
    """How calm and how quick; the unit is that of what is filtered (m, or rad)."""

    minimum_cutoff_hz: float
    """Of something that stands still: lower removes more noise."""
    beta_hz_s: float
    """Cutoff gained per unit of speed, Hz per (unit/s): higher lags less."""
    speed_cutoff_hz: float = 1.0
    """Of the low-pass of the speed."""


class OneEuroFilter:
    """Filters points; remembers the last filtered points, their velocities and stamp.

    Args:
        configuration: See there.
    """

    def __init__(self, configuration: OneEuroConfiguration) -> None:
        self._configuration = configuration
        self._last: tuple[float, Array, Array] | None = None

    def reset(self) -> None:
        """Take the next points as they come."""
        self._last = None

    def __call__(self, stamp_s: float, points: Array) -> Array:
        """Filter points `(..., D)`; each row of the last axis is one point with a speed of its own.

        Args:
            stamp_s: Later than the last one; of an earlier or equal stamp nothing new is known.
            points: Of the same shape in each call, finite.
        """
        if self._last is None:
            self._last = (stamp_s, points.copy(), np.zeros_like(points))
            return points.copy()
        last_s, filtered, velocity = self._last
        dt_s = stamp_s - last_s
        if dt_s <= 0.0:
            return filtered.copy()
        filtered, velocity = _advanced(self._configuration, dt_s, filtered, velocity, points - filtered)
        self._last = (stamp_s, filtered, velocity)
        return filtered.copy()


class OneEuroRotation:
    """The same for rotations, whose differences are rotation vectors; remembers what `OneEuroFilter` does.

    Args:
        configuration: In rad.
    """

    def __init__(self, configuration: OneEuroConfiguration) -> None:
        self._configuration = configuration
        self._last: tuple[float, Array, Array] | None = None

    def reset(self) -> None:
        """Take the next rotations as they come."""
        self._last = None

    def __call__(self, stamp_s: float, R: Array) -> Array:
        """Filter rotations `(..., 3, 3)`; stamps as in `OneEuroFilter`."""
        if self._last is None:
            self._last = (stamp_s, R.copy(), np.zeros(R.shape[:-1]))
            return R.copy()
        last_s, filtered, velocity = self._last
        dt_s = stamp_s - last_s
        if dt_s <= 0.0:
            return filtered.copy()
        turn = np.asarray(vector_from_rotation(R @ np.swapaxes(filtered, -1, -2)))
        step, velocity = _advanced(self._configuration, dt_s, np.zeros_like(turn), velocity, turn)
        filtered = np.asarray(rotation_from_vector(step)) @ filtered
        self._last = (stamp_s, filtered, velocity)
        return filtered.copy()


def _advanced(
    configuration: OneEuroConfiguration, dt_s: float, filtered: Array, velocity: Array, difference: Array
) -> tuple[Array, Array]:
    """Filtered points and velocities, for the difference of the new points from the filtered ones."""
    velocity = velocity + _share(configuration.speed_cutoff_hz, dt_s) * (difference / dt_s - velocity)
    speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
    cutoff_hz = configuration.minimum_cutoff_hz + configuration.beta_hz_s * speed
    return filtered + _share(cutoff_hz, dt_s) * difference, velocity


def _share(cutoff_hz: float | Array, dt_s: float) -> Array:
    """How much of the difference a low-pass takes in this time."""
    return np.asarray(-np.expm1(-2.0 * np.pi * np.asarray(cutoff_hz) * dt_s))
