"""Evenly spread rotations to start a search from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_from_quat_wxyz

_PHI = np.sqrt(2.0)
_PSI = 1.533751168755204288118041
"""Real root of `x^4 = x + 4`."""


def super_fibonacci(count: int) -> NDArray[np.float64]:
    """`count` rotation matrices `(count, 3, 3)` that cover SO(3) evenly.

    Alexa, "Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3)", CVPR 2022.
    """
    s = np.arange(count) + 0.5
    t = s / count
    r, R = np.sqrt(t), np.sqrt(1.0 - t)
    alpha, beta = 2.0 * np.pi * s / _PHI, 2.0 * np.pi * s / _PSI
    quat = np.stack([r * np.sin(alpha), r * np.cos(alpha), R * np.sin(beta), R * np.cos(beta)], axis=-1)
    return np.asarray(rotation_from_quat_wxyz(quat))
