"""The plane an object rests on, `(4,)`: unit normal towards the camera and offset, `n . p + d` = height [m]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

INLIER_M = 0.006
_ROUNDS = 300
_POINTS = 3000
_SMALLEST_SHARE = 0.3
"""A plane that holds fewer of the points is no table."""


def fit_table_plane(points: FloatArray, seed: int = 0) -> FloatArray | None:
    """The plane that holds most of the points, by RANSAC and a least-squares fit to its inliers.

    Args:
        points: `(P, 3)` [m], camera frame.
        seed: The same seed gives the same plane.

    Returns:
        `(4,)`, or `None` when no plane holds a good share of the points.
    """
    if len(points) < 50:
        return None
    generator = np.random.default_rng(seed)
    if len(points) > _POINTS:
        points = points[generator.choice(len(points), _POINTS, replace=False)]
    corner = points[generator.integers(0, len(points), (_ROUNDS, 3))]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    length = np.linalg.norm(normal, axis=1)
    normal, corner = normal[length > 1e-8] / length[length > 1e-8, None], corner[length > 1e-8, 0]
    if len(normal) == 0:
        return None
    distance = np.abs(points @ normal.T - np.einsum("rk,rk->r", normal, corner))
    best = int(np.argmax((distance < INLIER_M).sum(axis=0)))
    inlier = distance[:, best] < INLIER_M
    if inlier.mean() < _SMALLEST_SHARE:
        return None
    middle = points[inlier].mean(axis=0)
    fitted = np.linalg.svd(points[inlier] - middle, full_matrices=False)[2][2]
    return _facing_camera(np.append(fitted, -fitted @ middle))


def plane_from_height(T_world_camera: FloatArray, table_height_m: float) -> FloatArray:
    """The plane `z = table_height_m` of the world, in the camera's frame, for `T_world_camera (4, 4)`."""
    world = np.array([0.0, 0.0, 1.0, -table_height_m])
    return np.asarray(T_world_camera.T @ world)


def _facing_camera(plane: FloatArray) -> FloatArray:
    return plane if plane[3] >= 0.0 else -plane
