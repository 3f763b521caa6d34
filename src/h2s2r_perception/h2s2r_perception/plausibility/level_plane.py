"""How level the large planes in view are: one of them is the table, if the camera's pose is right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.segmentation.table_plane import INLIER_M, fit_table_plane

_PLANES = 3
"""Walls and a floor may be larger than the table."""
_POINTS = 6000
_REACH_M = 2.0
"""Points further away are of the room."""


def plane_tilt(
    points: NDArray[np.float64], known: NDArray[np.bool_], T_world_camera: NDArray[np.float64]
) -> float | None:
    """Smallest angle [rad] between one of the largest planes and the world's horizontal.

    Args:
        points: `(H, W, 3)` [m], camera frame.
        known: `(H, W)` where there is depth.
        T_world_camera: `(4, 4)` [m].

    Returns:
        `None` when no plane is large enough to be a table.
    """
    remaining = points[known & (points[..., 2] < _REACH_M)]
    if len(remaining) > _POINTS:
        remaining = remaining[np.random.default_rng(0).choice(len(remaining), _POINTS, replace=False)]
    tilts = []
    for _ in range(_PLANES):
        plane = fit_table_plane(remaining)
        if plane is None:
            break
        tilts.append(float(np.arccos(np.clip(abs(T_world_camera[2, :3] @ plane[:3]), 0.0, 1.0))))
        remaining = remaining[np.abs(remaining @ plane[:3] + plane[3]) > 2.0 * INLIER_M]
    return min(tilts) if tilts else None
