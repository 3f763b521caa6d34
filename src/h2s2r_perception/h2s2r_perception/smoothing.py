"""The path that measurements of a moving thing imply, seen from both ends of time.

A point whose velocity changes by white noise of spectral density q is filtered forwards and smoothed backwards
(Kalman; Rauch, Tung and Striebel, "Maximum likelihood estimates of linear dynamic systems", 1965). Between
measurements the result is the cubic that bends least, and its variance says how far that may be off: in the
middle of a gap of length T, without noise, q T^3 / 192.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_UNKNOWN = 1e6
"""Variance of position and velocity before the first measurement, in units of the values."""


def smooth_path(
    time: FloatArray, values: FloatArray, variance: FloatArray, density: float
) -> tuple[FloatArray, FloatArray]:
    """Smooth `D` coordinates that share their noise and their liveliness.

    Args:
        time: `(T,)` [s], increasing.
        values: `(T, D)`; where `variance` is infinite they are not looked at.
        variance: `(T,)` of each value; infinite where nothing was measured. At least two are finite.
        density: q, of each coordinate: squared units over s^3.

    Returns:
        The smoothed values `(T, D)` and the standard deviation `(T,)` of each coordinate.
    """
    count = len(time)
    mean, covariance = np.zeros((count, 2, values.shape[1])), np.zeros((count, 2, 2))
    predicted_mean, predicted = np.zeros_like(mean), np.zeros_like(covariance)
    predicted[0] = np.eye(2) * _UNKNOWN
    for k in range(count):
        if k:
            F, Q = _transition(time[k] - time[k - 1], density)
            predicted_mean[k], predicted[k] = F @ mean[k - 1], F @ covariance[k - 1] @ F.T + Q
        mean[k], covariance[k] = _updated(predicted_mean[k], predicted[k], values[k], float(variance[k]))
    for k in range(count - 2, -1, -1):
        F, _ = _transition(time[k + 1] - time[k], density)
        gain = np.linalg.solve(predicted[k + 1], F @ covariance[k]).T
        mean[k] += gain @ (mean[k + 1] - predicted_mean[k + 1])
        covariance[k] += gain @ (covariance[k + 1] - predicted[k + 1]) @ gain.T
    return mean[:, 0], np.sqrt(np.maximum(covariance[:, 0, 0], 0.0))


def _transition(dt: float, density: float) -> tuple[FloatArray, FloatArray]:
    """Motion and its noise over `dt` [s], for the state (position, velocity)."""
    F = np.array([[1.0, dt], [0.0, 1.0]])
    return F, density * np.array([[dt**3 / 3.0, dt**2 / 2.0], [dt**2 / 2.0, dt]])


def _updated(mean: FloatArray, covariance: FloatArray, value: FloatArray, variance: float) -> tuple[FloatArray, ...]:
    if not np.isfinite(variance):
        return mean, covariance
    gain = covariance[:, 0] / (covariance[0, 0] + variance)
    # Joseph's form keeps the covariance positive although it starts enormous.
    keep = np.eye(2) - np.outer(gain, [1.0, 0.0])
    return mean + np.outer(gain, value - mean[0]), keep @ covariance @ keep.T + variance * np.outer(gain, gain)
