"""Objects that look the same from all sides: which of their equal poses is meant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector

FloatArray = NDArray[np.float64]


def nearest_yaw(T_world_object: FloatArray, T_world_reference: FloatArray) -> FloatArray:
    """Turn poses about the object's own z axis until they are nearest to a reference.

    The angle maximises `trace(R_ref^T R Rz(a))`, so `a = atan2(M01 - M10, M00 + M11)` with `M = R_ref^T R`.

    Args:
        T_world_object: `(..., 4, 4)` [m] of an object with yaw symmetry.
        T_world_reference: `(..., 4, 4)` [m].
    """
    M = np.swapaxes(T_world_reference[..., :3, :3], -1, -2) @ T_world_object[..., :3, :3]
    angle = np.arctan2(M[..., 0, 1] - M[..., 1, 0], M[..., 0, 0] + M[..., 1, 1])
    turn = np.zeros((*angle.shape, 3))
    turn[..., 2] = angle
    R = T_world_object[..., :3, :3] @ rotation_from_vector(turn)
    return np.asarray(pose(R, T_world_object[..., :3, 3]))


def without_yaw(tracks: list[FloatArray], confidence: list[FloatArray]) -> list[FloatArray]:
    """The same tracks `(T, 4, 4)` of a symmetric object, with the yaw of one that never spins.

    Nothing measures the yaw of such an object: each track turns as it likes. So in the most confident one each pose
    takes the yaw nearest to the last, and in the others the yaw nearest to that one's.

    Args:
        tracks: `(T, 4, 4)` [m] each.
        confidence: Of each, `(T,)`, 0 where the pose means nothing.
    """
    order = sorted(range(len(tracks)), key=lambda k: -float(confidence[k].sum()))
    base, trust = tracks[order[0]].copy(), confidence[order[0]]
    last = base[int(np.argmax(trust > 0.0))]
    for frame in range(len(base)):
        base[frame] = nearest_yaw(base[frame], last) if trust[frame] > 0.0 else last
        last = base[frame]
    return [base if k == order[0] else nearest_yaw(tracks[k], base) for k in range(len(tracks))]
