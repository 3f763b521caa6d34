"""The table in a depth view: its plane, and the frame in which that plane is level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector, transform_points
from h2s2r_perception.segmentation.table_plane import fit_table_plane
from h2s2r_sim.twin_building.depth_view import DepthView

FloatArray = NDArray[np.float64]

TRUSTED_TILT_RAD = 0.09
"""A table that leans further is not level, or the camera's pose is wrong (5 deg)."""
GUESSED_TILT_RAD = 0.35
"""The same where the pose is only a first guess."""
_BAND_M = 0.012
_BASELINE_PX = 10
"""Half the distance over which the direction of a surface is taken; noise of depth tilts it over less."""
_NORMAL_NOISE_RAD = 0.25
_TRIES = 4
_LARGE = 0.25
"""Of the largest plane's pixels; the top of a box on the table has fewer."""


@dataclass(frozen=True)
class LevelTable:
    """The table's plane, made level."""

    height_m: float
    """World z of the upper face."""
    tilt_rad: float
    """How far it leans against the stated camera pose: an error of that pose, if the table is level."""
    T_level_camera: FloatArray
    """`(4, 4)`: the stated camera pose, turned by the tilt about the table's middle, so that the table is level."""
    points: FloatArray
    """`(H, W, 3)` [m] in the level frame, whose axes are the world's."""
    measured: NDArray[np.bool_]
    """`(H, W)` where there is a point."""
    on_table: NDArray[np.bool_]
    """`(H, W)` pixels that show the table itself."""
    rms_m: float
    """Of the table's pixels about the plane."""


def find_table(view: DepthView, largest_tilt_rad: float = TRUSTED_TILT_RAD) -> LevelTable:
    """Find the highest of the large level planes: the table, not the floor beside it.

    Args:
        view: Depth, and the stated camera pose.
        largest_tilt_rad: How far the table may lean against that pose.

    Raises:
        InputError: There is none, or it leans so far that the camera's pose cannot be right.
    """
    camera_points = view.camera_points()
    measured = view.depth_m > 0
    T = view.T_world_camera
    world = transform_points(T, camera_points.reshape(-1, 3)).reshape(camera_points.shape)
    left = measured & _faces_up(world, measured)
    found = []
    for _ in range(_TRIES):
        plane = fit_table_plane(world[left]) if left.sum() > 100 else None
        if plane is None:
            break
        normal = plane[:3] * np.sign(plane[2])
        near = left & (np.abs(world @ plane[:3] + plane[3]) < _BAND_M)
        if np.arccos(np.clip(normal[2], -1, 1)) < GUESSED_TILT_RAD and near.sum() > 100:
            found.append((float(world[near][:, 2].mean()), near))
        left &= ~near
    if found:
        largest = max(near.sum() for _, near in found)
        _, near = max((item for item in found if item[1].sum() > _LARGE * largest), key=lambda item: item[0])
        return _level(T, world, camera_points, measured, near, largest_tilt_rad)
    raise InputError(
        "depth",
        "table",
        found="no large level plane",
        expected="a table that fills a third of the view",
        remedy="point the camera at the table, and give T_world_camera (h2s2r calibrate camera)",
    )


def _faces_up(world: FloatArray, measured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels `(H, W)` that face roughly upwards: without walls and the robot the table is a large share."""
    k = _BASELINE_PX
    up = np.zeros(measured.shape, dtype=bool)
    right = world[k:-k, 2 * k :] - world[k:-k, : -2 * k]
    down = world[2 * k :, k:-k] - world[: -2 * k, k:-k]
    normal = np.cross(right, down)
    length = np.linalg.norm(normal, axis=-1)
    known = measured[k:-k, 2 * k :] & measured[k:-k, : -2 * k] & measured[2 * k :, k:-k] & measured[: -2 * k, k:-k]
    up[k:-k, k:-k] = known & (np.abs(normal[..., 2]) > np.cos(GUESSED_TILT_RAD + _NORMAL_NOISE_RAD) * length)
    return up


def _level(
    T: FloatArray,
    world: FloatArray,
    camera_points: FloatArray,
    measured: NDArray[np.bool_],
    near: NDArray[np.bool_],
    largest_tilt_rad: float,
) -> LevelTable:
    for _ in range(3):
        middle = world[near].mean(axis=0)
        normal = np.linalg.svd(np.cov((world[near] - middle).T))[0][:, 2]
        normal = normal * np.sign(normal[2])
        off = (world - middle) @ normal
        spread = float(np.sqrt(np.mean(off[near] ** 2)))
        near = measured & (np.abs(off) < np.clip(3.0 * spread, 0.003, _BAND_M))
    axis = np.cross(normal, [0.0, 0.0, 1.0])
    tilt = float(np.arctan2(np.linalg.norm(axis), normal[2]))
    if tilt > largest_tilt_rad:
        raise InputError(
            "T_world_camera",
            "table",
            found=f"a table that leans {np.degrees(tilt):.1f} deg",
            expected=f"at most {np.degrees(largest_tilt_rad):.0f} deg",
            remedy="calibrate the camera (h2s2r calibrate camera), or give the robot's posture to register with",
        )
    R = rotation_from_vector(axis / max(float(np.linalg.norm(axis)), 1e-12) * tilt)
    T_level_camera = np.asarray(pose(R, middle - R @ middle) @ T)
    points = transform_points(T_level_camera, camera_points.reshape(-1, 3)).reshape(camera_points.shape)
    height = float(np.mean(points[near][:, 2]))
    rms = float(np.std(points[near][:, 2]))
    return LevelTable(height, tilt, T_level_camera, np.asarray(points), measured, near, rms)
