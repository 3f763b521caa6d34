"""Procrustes alignment: how alike two hands are in shape, wherever they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def aligned(points: FloatArray, target: FloatArray, *, scaled: bool = True) -> FloatArray:
    """`points (P, 3)` moved onto `target (P, 3)` with the least squared error.

    Minimises `sum_p |s R x_p + t - y_p|^2` over proper rotations R, t and, if `scaled`, s (Umeyama 1991): no point
    is given more weight than another, the wrist neither.

    Args:
        points: x.
        target: y.
        scaled: A similarity (the usual PA-MPJPE), otherwise a rigid motion.
    """
    x, y = points - points.mean(axis=0), target - target.mean(axis=0)
    U, S, Vt = np.linalg.svd(y.T @ x)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    rotation = (U * signs) @ Vt
    scale = (S * signs).sum() / (x**2).sum() if scaled else 1.0
    moved: FloatArray = scale * x @ rotation.T + target.mean(axis=0)
    return moved


def aligned_error_m(points: FloatArray, target: FloatArray, *, scaled: bool = True) -> float:
    """Mean distance of the joints after alignment [m]: PA-MPJPE of one hand."""
    return float(np.linalg.norm(aligned(points, target, scaled=scaled) - target, axis=1).mean())
