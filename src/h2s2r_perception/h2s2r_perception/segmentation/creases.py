"""Where two things touch, the surface folds inwards: the only trace that contact leaves in depth.

Between two points of a surface, a step e apart and with normals n towards the camera, the fold is
`(n_b - n_a) . e / |e|`: positive where the surface bulges, negative in a crease.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import FloatArray

REACH_PX = 4
"""Half the distance over which a fold is measured; depth noise hides shorter ones."""
_SMOOTH_PX = 2.0
_FOLD = -0.25
"""About 15 deg; noise at 1 m makes less."""
_FARTHEST_M = 0.05
"""Points further apart lie on two surfaces with a gap between: no contact."""


def creases(depth_m: NDArray[np.float32], rays: FloatArray) -> NDArray[np.bool_]:
    """Pixels `(H, W)` in an inward fold of depth `(H, W)` [m] along rays `(H, W, 3)` with z = 1."""
    smooth = cv2.GaussianBlur(cv2.medianBlur(depth_m, 5), (0, 0), _SMOOTH_PX)
    points = (rays * smooth[..., None]).astype(np.float32)
    normal = np.cross(_difference(points, 1), _difference(points, 0))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    normal *= np.where(normal[..., 2:] > 0.0, -1.0, 1.0)
    folded = np.zeros(depth_m.shape, dtype=bool)
    for axis in (0, 1):
        step = _difference(points, axis)
        length = np.linalg.norm(step, axis=-1)
        fold = (_difference(normal, axis) * step).sum(axis=-1) / np.maximum(length, 1e-9)
        folded |= (fold < _FOLD) & (length < _FARTHEST_M)
    return folded


def _difference(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Central difference along rows (0) or columns (1); it wraps round at the image's border."""
    return np.asarray(np.roll(values, -REACH_PX, axis) - np.roll(values, REACH_PX, axis))
