"""The conditions of a stage as functions of many object poses at once; world frame, metres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_angle
from h2s2r_sim.success.stage import Over, Upright, Within

if TYPE_CHECKING:
    from h2s2r_sim.fixtures import BoxSpec

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

REST_S = 0.4
_REST_M, _REST_RAD = 0.005, 0.05


def touches(T_world_object: Array, points: Array, boxes: Sequence[BoxSpec], within_m: float) -> Flags:
    """Whether some surface point `(P, 3)` of the objects `(n, 4, 4)` is within reach of one of the boxes, `(n,)`."""
    world = _placed(T_world_object, points)
    return np.any([_distance(world, box).min(axis=1) <= within_m for box in boxes], axis=0)


def above_table(T_world_object: Array, points: Array, table_height_m: float, height_m: float) -> Flags:
    """Whether the lowest surface point is at least `height_m` above the table, `(n,)`."""
    return _placed(T_world_object, points)[..., 2].min(axis=1) >= table_height_m + height_m


def upright(T_world_object: Array, spec: Upright) -> Flags:
    """Whether the object's axis points along the world's direction, `(n,)`."""
    axis, along = (np.asarray(v) / np.linalg.norm(v) for v in (spec.axis, spec.along))
    cosine = T_world_object[:, :3, :3] @ axis @ along
    return np.asarray((np.abs(cosine) if spec.either_way else cosine) >= np.cos(spec.within_rad))


def over(T_world_object: Array, spec: Over, boxes: Sequence[BoxSpec]) -> Flags:
    """Whether the point is inside the outline that the boxes have from above, and higher than all of them, `(n,)`."""
    point = _placed(T_world_object, np.array([spec.point_m]))[:, 0]
    corners = np.concatenate([_corners(box) for box in boxes])
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = np.all((point[:, :2] > low[:2] + spec.margin_m) & (point[:, :2] < high[:2] - spec.margin_m), axis=1)
    return np.asarray(inside & (point[:, 2] > high[2]))


def within(T_world_object: Array, spec: Within) -> Flags:
    """Whether the object's origin is inside the region, `(n,)`."""
    offset = np.abs(T_world_object[:, :3, 3] - np.asarray(spec.centre_m))
    return np.asarray(np.all(offset <= np.asarray(spec.size_m) / 2, axis=1))


def at_rest(before: Array, now: Array) -> Flags:
    """Whether objects `(n, 4, 4)` are where they were `REST_S` ago, `(n,)`."""
    moved = np.linalg.norm(now[:, :3, 3] - before[:, :3, 3], axis=1)
    return np.asarray((moved < _REST_M) & (rotation_angle(before[:, :3, :3], now[:, :3, :3]) < _REST_RAD))


def _placed(T_world_object: Array, points: Array) -> Array:
    return points @ np.swapaxes(T_world_object[:, :3, :3], 1, 2) + T_world_object[:, None, :3, 3]


def _distance(points: Array, box: BoxSpec) -> Array:
    """Distances `(n, P)` of points `(n, P, 3)` to a solid box; 0 inside."""
    cosine, sine = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    local = points - np.asarray(box.position_m)
    local = np.stack(
        [cosine * local[..., 0] + sine * local[..., 1], cosine * local[..., 1] - sine * local[..., 0], local[..., 2]],
        axis=-1,
    )
    return np.linalg.norm(np.maximum(np.abs(local) - np.asarray(box.size_m) / 2, 0.0), axis=-1)


def _corners(box: BoxSpec) -> Array:
    signs = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    local = signs * np.asarray(box.size_m)
    cosine, sine = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    turned = np.stack([cosine * local[:, 0] - sine * local[:, 1], sine * local[:, 0] + cosine * local[:, 1]], axis=1)
    return np.column_stack([turned, local[:, 2]]) + np.asarray(box.position_m)
