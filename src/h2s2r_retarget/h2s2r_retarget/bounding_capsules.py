"""A capsule round every shape of the robot: lower bounds of distances for many postures at once, without coal.

A capsule and a sphere are their own bounds; anything else gets one round its bounding box, along the longest side.
coal is asked only about pairs whose bound is small: a few of some two hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.kinematics import JointFrames

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class BoundingCapsules:
    """Capsules of S shapes, each fixed to a joint's child."""

    joint: Indices
    """`(S,)` in the order of `Embodiment.joint_names`; -1 for what stands still."""
    ends: Array
    """`(2, S, 3)` m: both ends of the axis, in the joint's child frame."""
    radius: Array
    """`(S,)` m."""

    def placed(self, frames: JointFrames) -> Array:
        """Ends `(2, 3, S, N)` m in the world."""
        ends = np.moveaxis(self.ends, 2, 1)[..., None]
        R, p = frames.pose[:, :3, self.joint], frames.pose[:, 3, self.joint]
        moved = np.stack([R[:, 0] * e[0] + R[:, 1] * e[1] + R[:, 2] * e[2] + p for e in ends])
        still = self.joint < 0
        moved[:, :, still] = ends[:, :, still]
        return moved

    def between(self, ends: Array, first: Indices, second: Indices, within_m: float) -> Array:
        """Lower bounds `(P, N)` m of the distances of pairs of shapes; those over `within_m` are rough ones.

        Args:
            ends: From `placed`.
            first: `(P,)` shapes.
            second: `(P,)`.
            within_m: Which pairs are looked at twice.
        """
        (start, end), radius = ends, (self.radius[first] + self.radius[second])[:, None]
        centre, along = (start + end) / 2, self.ends[1] - self.ends[0]
        reach = self.radius + np.sqrt(np.sum(along * along, axis=1)) / 2
        gap = centre[:, first] - centre[:, second]
        bounds = np.sqrt(_dot(gap, gap)) - (reach[first] + reach[second])[:, None]
        pairs, rows = np.nonzero(bounds < within_m)
        a, b = ends[:, :, first[pairs], rows]
        c, d = ends[:, :, second[pairs], rows]
        bounds[pairs, rows] = segment_distance(a, b, c, d) - radius[pairs, 0]
        return np.asarray(bounds)

    def to_box(self, ends: Array, shapes: Indices, T_world_box: Array, half_size_m: Array) -> Array:
        """Lower bounds `(K, N)` m of the distances of shapes to a box, one for all postures or one for each.

        The distance to a convex thing is itself convex along an axis and changes by no more than the way gone: three
        points of the axis bound it.

        Args:
            ends: From `placed`.
            shapes: `(K,)`.
            T_world_box: `(4, 4)` or `(N, 4, 4)`.
            half_size_m: `(3,)`.
        """
        a, b = ends[:, :, shapes]
        T = np.broadcast_to(T_world_box, (ends.shape[-1], 4, 4))
        at = [box_distance(point, T, half_size_m) for point in (a, (a + b) / 2, b)]
        quarter = np.sqrt(np.sum((b - a) ** 2, axis=0)) / 4
        lowest = np.minimum(at[0] + at[1], at[1] + at[2]) / 2 - quarter
        return np.asarray(lowest - self.radius[shapes][:, None])


def bounding_capsules(geometries: Sequence[Any], columns: dict[int, int]) -> BoundingCapsules:
    """Capsules of pinocchio's geometry objects; `columns` maps its joint indices to ours."""
    joint, ends, radius = [], [], []
    for shape in geometries:
        centre, half_length, axis, r = _capsule(shape.geometry)
        along = np.zeros(3)
        along[axis] = half_length
        R, p = np.array(shape.placement.rotation), np.array(shape.placement.translation)
        joint.append(columns.get(int(shape.parentJoint), -1))
        ends.append([p + R @ (centre - along), p + R @ (centre + along)])
        radius.append(r)
    # A robot may have no shapes at all.
    axes = np.array(ends, dtype=float).reshape(-1, 2, 3).transpose(1, 0, 2)
    return BoundingCapsules(np.array(joint, dtype=int), axes, np.array(radius, dtype=float))


def _capsule(geometry: Any) -> tuple[Array, float, int, float]:
    """Centre, half length, axis and radius of a capsule round a coal shape, in the shape's frame."""
    kind = type(geometry).__name__
    if kind == "Capsule":
        return np.zeros(3), float(geometry.halfLength), 2, float(geometry.radius)
    if kind == "Sphere":
        return np.zeros(3), 0.0, 2, float(geometry.radius)
    geometry.computeLocalAABB()
    low = np.array(geometry.aabb_local.min_).ravel()
    high = np.array(geometry.aabb_local.max_).ravel()
    half = (high - low) / 2
    axis = int(np.argmax(half))
    return (low + high) / 2, float(half[axis]), axis, float(np.hypot(*np.delete(half, axis)))


def segment_distance(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Distances `(...)` between segments ab and cd, points `(3, ...)` (Ericson, section 5.1.9)."""
    along, other, gap = b - a, d - c, a - c
    aa, ee = _dot(along, along), _dot(other, other)
    ab, f, g = _dot(along, other), _dot(other, gap), _dot(along, gap)
    s = np.clip((ab * f - g * ee) / np.maximum(aa * ee - ab * ab, _TINY), 0.0, 1.0)
    t = np.clip((ab * s + f) / np.maximum(ee, _TINY), 0.0, 1.0)
    s = np.clip((ab * t - g) / np.maximum(aa, _TINY), 0.0, 1.0)
    between = gap + s * along - t * other
    return np.asarray(np.sqrt(_dot(between, between)))


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def box_distance(point: Array, T: Array, half_size_m: Array) -> Array:
    """Signed distance `(K, N)` of points `(3, K, N)` to boxes `T (N, 4, 4)`."""
    offset = point - T[:, :3, 3].T[:, None]
    outside, deepest = np.zeros(point.shape[1:]), np.full(point.shape[1:], -np.inf)
    for axis in range(3):
        over = np.abs(_dot(offset, T[:, :3, axis].T[:, None])) - half_size_m[axis]
        outside += np.maximum(over, 0.0) ** 2
        deepest = np.maximum(deepest, over)
    return np.where(deepest > 0.0, np.sqrt(outside), deepest)
