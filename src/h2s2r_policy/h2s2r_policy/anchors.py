"""Anchor points: an object pose written as points, so that one distance covers position and rotation.

Points have no double cover and no wrap-around, and an object's symmetry is a choice of points. Length
and sets follow Human2Sim2Robot (CoRL 2025); the distance is the mean over anchors, as in its code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

Array = Any

ANCHOR_LENGTH_M = 0.2
"""Distance of an anchor from the object's origin: 1 rad then weighs as much as 0.2 m at that anchor."""


def object_anchors(symmetry: str) -> NDArray[np.float64]:
    """Anchor points `(K, 3)` [m] in the object frame.

    Args:
        symmetry: `none` (one anchor on each axis) or `yaw` (a turn about z moves no anchor).

    Raises:
        InputError: Another symmetry.
    """
    x, y, z = ANCHOR_LENGTH_M * np.eye(3)
    if symmetry == "none":
        return np.stack([x, y, z])
    if symmetry == "yaw":
        return np.stack([0.0 * z, 0.0 * z, z])
    raise InputError("object", "symmetry", found=repr(symmetry), expected="none or yaw", remedy="correct the task file")


def anchor_positions(T: Array, anchors: Array) -> Array:
    """Where the anchors are: `(N, K, 3)` [m] in frame a, for `T_a_object (N, 4, 4)` and `anchors (K, 3)`."""
    # Written as three products instead of a matmul: BLAS may round a row differently in another batch size.
    columns = T[..., None, :3, :3]
    rotated = columns[..., 0] * anchors[:, 0:1] + columns[..., 1] * anchors[:, 1:2] + columns[..., 2] * anchors[:, 2:3]
    return T[..., None, :3, 3] + rotated


def anchor_distance(T_a: Array, T_b: Array, anchors: Array) -> Array:
    """Mean distance `(N,)` [m] between the anchors of poses `T_a` and `T_b` `(N, 4, 4)`."""
    xp = array_namespace(T_a, T_b)
    difference = anchor_positions(T_a, anchors) - anchor_positions(T_b, anchors)
    return xp.mean(xp.sqrt(xp.sum(difference * difference, axis=-1)), axis=-1)
