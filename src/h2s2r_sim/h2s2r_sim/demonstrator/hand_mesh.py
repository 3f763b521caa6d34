"""The skin of the hand: tapered capsules melted together, meshed once, weighted to the bones.

The surface is the zero level of a signed distance made of round cones, joined by a smooth minimum;
fingers melt into the palm but not into each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_sim.demonstrator.hand_model import BONE_COUNT, MODEL, HandPosture, bone_frames, joint_positions

Array = npt.NDArray[np.float64]

VOXEL_M = 0.0022
BLEND_M = 0.005
"""Width of the smooth minimum."""
_COARSE = 4
_WEIGHT_WIDTH_M = 0.004
"""A vertex this much further from one bone than from another follows it e times less."""

FOREARM_DIRECTION = np.array([-0.92, -0.34, 0.16]) / np.linalg.norm([-0.92, -0.34, 0.16])
"""From the wrist, in the hand frame: the wrist is bent a little, as when reaching down."""
FOREARM_SKIN_M = 0.10
"""Bare skin between wrist and cuff."""

# First point, second point [m], radii [m] there: the metacarpals, ball of the thumb, heel, wrist.
_PALM_CONES: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float, float], ...] = (
    ((0.010, 0.012, 0.000), (0.088, 0.026, -0.001), 0.0170, 0.0125),
    ((0.008, 0.004, 0.000), (0.091, 0.004, 0.000), 0.0175, 0.0130),
    ((0.008, -0.006, 0.000), (0.085, -0.017, -0.001), 0.0170, 0.0125),
    ((0.008, -0.014, -0.001), (0.076, -0.036, -0.005), 0.0160, 0.0115),
    ((0.018, 0.014, -0.008), (0.055, 0.030, -0.010), 0.0170, 0.0110),
    ((0.018, -0.018, -0.006), (0.062, -0.032, -0.008), 0.0160, 0.0120),
)


@dataclass(frozen=True, eq=False)
class SkinMesh:
    """A closed triangle mesh in the hand frame of the posture it was made in."""

    vertices: Array
    """`(V, 3)` [m]."""
    faces: npt.NDArray[np.int32]
    """`(F, 3)`, anticlockwise from outside."""
    weights: Array
    """`(V, 16)`, rows sum to one: how much each vertex follows each bone."""
    shade: Array
    """`(V,)` in [0, 1]: 0 in creases, 1 on open skin, for colouring."""
    nail: npt.NDArray[np.bool_]
    """`(V,)`: on a finger nail."""


def build_skin(bind_posture: HandPosture) -> SkinMesh:
    """Mesh the hand in `bind_posture`."""
    import mcubes

    frames = bone_frames(np.eye(4), bind_posture)
    joints = joint_positions(frames)
    ends = np.vstack([joints, FOREARM_SKIN_M * FOREARM_DIRECTION])
    low, high = ends.min(axis=0) - 0.036, ends.max(axis=0) + 0.036
    axes = [np.arange(a, b, VOXEL_M) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = _grid_distance(grid, joints)
    vertices, faces = mcubes.marching_cubes(values, 0.0)
    vertices = vertices * VOXEL_M + low
    faces = faces.astype(np.int32)
    if _signed_volume(vertices, faces) < 0.0:
        faces = faces[:, ::-1].copy()
    normals = _normals(vertices, joints)
    # In a crease the distance grows more slowly than the way along the normal.
    shade = np.clip(_distance(vertices + 0.008 * normals, joints) / 0.008, 0.0, 1.0)
    return SkinMesh(vertices, faces, _weights(vertices, joints), shade, _nails(vertices, normals, frames))


def _grid_distance(grid: Array, joints: Array) -> Array:
    """Distances on a grid `(X, Y, Z, 3)`: exact near the surface, elsewhere those of a coarser grid."""
    coarse = grid[::_COARSE, ::_COARSE, ::_COARSE]
    values = _distance(coarse.reshape(-1, 3), joints).reshape(coarse.shape[:3])
    for axis in range(3):
        values = np.repeat(values, _COARSE, axis=axis)
    values = values[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    # A point is at most this far from the coarse point that stands for it.
    near = np.abs(values) < 1.1 * np.sqrt(3.0) * (_COARSE - 1) * VOXEL_M
    values[near] = _distance(grid[near], joints)
    return values


def _distance(points: Array, joints: Array) -> Array:
    palm = _palm_distance(points)
    fingers = [_smooth_minimum(palm, _chain(points, joints, index)) for index in range(len(MODEL))]
    nearest: Array = np.min(fingers, axis=0)
    return nearest


def _palm_distance(points: Array) -> Array:
    wrist = FOREARM_SKIN_M * FOREARM_DIRECTION
    side = np.array([0.0, 0.010, 0.0])
    total = _round_cone(points, -side, wrist - side, 0.0185, 0.0230)
    total = _smooth_minimum(total, _round_cone(points, side, wrist + side, 0.0185, 0.0230))
    for first, second, radius_first, radius_second in _PALM_CONES:
        total = _smooth_minimum(
            total, _round_cone(points, np.array(first), np.array(second), radius_first, radius_second)
        )
    return total


def _chain(points: Array, joints: Array, index: int) -> Array:
    bones = [_bone_distance(points, joints, index, bone) for bone in range(3)]
    return _smooth_minimum(_smooth_minimum(bones[0], bones[1]), bones[2])


def _bone_distance(points: Array, joints: Array, index: int, bone: int) -> Array:
    first = 1 + 4 * index + bone
    radii = MODEL[index].radii
    return _round_cone(points, joints[first], joints[first + 1], radii[bone], radii[bone + 1])


def _round_cone(points: Array, first: Array, second: Array, radius_first: float, radius_second: float) -> Array:
    """Signed distance to a capsule whose radius changes linearly along its axis (to first order)."""
    axis = second - first
    along = np.clip((points - first) @ axis / (axis @ axis), 0.0, 1.0)
    distance: Array = np.linalg.norm(points - first - along[:, None] * axis, axis=1)
    return distance - radius_first - along * (radius_second - radius_first)


def _smooth_minimum(a: Array, b: Array) -> Array:
    """Quadratic smooth minimum: `min(a, b) - h^2 / 4k`, with `h = max(k - |a - b|, 0)`."""
    overlap = np.maximum(BLEND_M - np.abs(a - b), 0.0)
    return np.minimum(a, b) - overlap**2 / (4.0 * BLEND_M)


def _normals(vertices: Array, joints: Array) -> Array:
    step = 0.5 * VOXEL_M
    gradient = np.stack(
        [_distance(vertices + step * axis, joints) - _distance(vertices - step * axis, joints) for axis in np.eye(3)],
        axis=1,
    )
    normals: Array = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
    return normals


def _weights(vertices: Array, joints: Array) -> Array:
    """Soft assignment to the palm and the bones of the nearest finger."""
    distance = np.full((len(vertices), BONE_COUNT), np.inf)
    distance[:, 0] = _palm_distance(vertices)
    bones = np.stack([_bone_distance(vertices, joints, i, b) for i in range(5) for b in range(3)], axis=1)
    nearest = bones.reshape(-1, 5, 3).min(axis=2).argmin(axis=1)
    for index in range(5):
        mine = nearest == index
        columns = slice(3 * index, 3 * index + 3)
        distance[mine, 1 + columns.start : 1 + columns.stop] = bones[mine, columns]
    score = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / _WEIGHT_WIDTH_M)
    score[score < 0.01] = 0.0
    weights: Array = score / score.sum(axis=1, keepdims=True)
    return weights


def _nails(vertices: Array, normals: Array, frames: Array) -> npt.NDArray[np.bool_]:
    """The back of each last bone, near its end."""
    nail = np.zeros(len(vertices), bool)
    for index, finger in enumerate(MODEL):
        frame = frames[3 + 3 * index]
        local = (vertices - frame[:3, 3]) @ frame[:3, :3]
        upward = normals @ frame[:3, 2]
        length, radius = finger.lengths[2], finger.radii[3]
        nail |= (
            (upward > 0.72)
            & (local[:, 0] > 0.50 * length)
            & (local[:, 0] < length + 0.55 * radius)
            & (np.abs(local[:, 1]) < 0.8 * radius)
            & (np.abs(local[:, 2]) < 3.0 * radius)
        )
    return nail


def _signed_volume(vertices: Array, faces: npt.NDArray[np.int32]) -> float:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)
