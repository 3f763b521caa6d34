"""The board is held by the robot: camera and mounting are found together from several postures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration.calibrated import Calibrated, rms
from h2s2r_perception.calibration.detection import Detection, board_pose, reprojection_rms
from h2s2r_perception.calibration.hand_eye import METHODS, HandEye
from h2s2r_perception.calibration.refinement import Refined, refine, through_gripper
from h2s2r_perception.geometry import inverse, rotation_angle, vector_from_rotation
from h2s2r_perception.recording import check_pose

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GripperSettings:
    """When a set of views is good enough."""

    fewest_views: int = 5
    smallest_turn_rad: float = 0.35
    """The board has to turn at least this far between some two views (20 deg)."""
    smallest_axis_spread: float = 0.2
    """Second singular value of the turning axes over the first; 0 when all are parallel, 1 when evenly spread."""
    outlier_ratio: float = 3.0
    """A view this many times worse than the median view contradicts the others ..."""
    outlier_px: float = 1.0
    """... if its corners are also off by more than this."""
    largest_rms_px: float = 3.0
    """Beyond this the poses are not those of the images: an order mixed up, a wrong frame, a board of another size."""


def calibrate_with_gripper_board(
    detections: Sequence[Detection],
    T_base_gripper: FloatArray,
    camera_matrix: FloatArray,
    sources: Sequence[Path | str],
    settings: GripperSettings | None = None,
) -> Calibrated:
    """Where the camera stands, from images of a board on the gripper (eye to hand).

    Args:
        detections: Corners of each of the V views.
        T_base_gripper: `(V, 4, 4)` [m], where the gripper was; the base is the world.
        camera_matrix: `(3, 3)` [px].
        sources: The images' names, for errors.
        settings: Limits.

    Raises:
        InputError: Too few views, motions that leave the solution open, or poses that do not fit the images.
    """
    settings = settings or GripperSettings()
    for view, T in enumerate(T_base_gripper):
        check_pose(T, sources[view], "T_base_gripper")
    T_camera_board = np.stack([board_pose(d, camera_matrix, s) for d, s in zip(detections, sources, strict=True)])
    used = np.ones(len(detections), dtype=bool)
    while True:
        check_motions(T_base_gripper[used], settings)
        kept = np.flatnonzero(used)
        seen = [detections[int(index)] for index in kept]
        method, start = _best_start(T_base_gripper[kept], T_camera_board[kept], seen, camera_matrix)
        fit = refine(start, through_gripper(T_base_gripper[kept]), seen, camera_matrix)
        view_rms = np.array([rms(residual) for residual in fit.residual_px])
        limit = max(settings.outlier_ratio * float(np.median(view_rms)), settings.outlier_px)
        worst = int(np.argmax(view_rms))
        if view_rms[worst] <= limit or used.sum() <= max(settings.fewest_views, (2 * len(used) + 2) // 3):
            break
        used[kept[worst]] = False
    total = rms(np.concatenate(fit.residual_px))
    if total > settings.largest_rms_px or view_rms[worst] > limit:
        raise InputError(
            sources[int(kept[worst])],
            "corners",
            found=f"{view_rms[worst]:.1f} px rms from where the robot holds them ({total:.1f} px over all views)",
            expected=f"at most {settings.largest_rms_px:g} px, and no more than a third of the views contradicting",
            remedy="do images and poses belong together, in this order? did the board slip? is --board right?",
        )
    return _result(detections, T_base_gripper, camera_matrix, used, fit, method)


def check_motions(T_base_gripper: FloatArray, settings: GripperSettings) -> None:
    """Refuse sets of postures that leave the solution open.

    Raises:
        InputError: Too few, hardly any rotation, or rotations about one axis only, which leave the board's
            place along that axis open.
    """
    if len(T_base_gripper) < settings.fewest_views:
        raise InputError(
            "views",
            "count",
            found=f"{len(T_base_gripper)} that agree",
            expected=f"at least {settings.fewest_views}, better 12",
            remedy="add postures in which the board turns about different axes",
        )
    first, second = np.triu_indices(len(T_base_gripper), 1)
    relative = inverse(T_base_gripper[first]) @ T_base_gripper[second]
    vectors = vector_from_rotation(relative[:, :3, :3])
    angle = np.linalg.norm(vectors, axis=1)
    if angle.max() < settings.smallest_turn_rad:
        raise InputError(
            "views",
            "motion",
            found=f"turns of at most {np.degrees(angle.max()):.0f} deg",
            expected=f"at least {np.degrees(settings.smallest_turn_rad):.0f} deg between some views",
            remedy="turn the gripper further from view to view; shifting it alone tells nothing about its mounting",
        )
    axes = vectors[angle > 0.3 * settings.smallest_turn_rad]
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    spread = np.linalg.svd(axes, compute_uv=False)
    if len(axes) < 2 or spread[1] < settings.smallest_axis_spread * spread[0]:
        raise InputError(
            "views",
            "motion",
            found=f"turns about nearly parallel axes (spread {spread[1] / spread[0]:.2f})",
            expected=f"a spread of at least {settings.smallest_axis_spread:g}",
            remedy="tilt the gripper about a second axis in half of the views",
        )


def _best_start(
    T_base_gripper: FloatArray, T_camera_board: FloatArray, detections: Sequence[Detection], camera_matrix: FloatArray
) -> tuple[str, HandEye]:
    """The closed form that explains the corners better, by the median so that one wrong view does not decide."""
    scored = []
    for name, solve in METHODS.items():
        start = solve(T_base_gripper, T_camera_board)
        predicted = inverse(start[0]) @ T_base_gripper @ start[1]
        off = np.linalg.norm(predicted[:, :3, 3] - T_camera_board[:, :3, 3], axis=1) / T_camera_board[:, 2, 3]
        turn = rotation_angle(predicted[:, :3, :3], T_camera_board[:, :3, :3])
        focal = camera_matrix[0, 0]
        size = np.array([np.ptp(d.points, axis=0).max() / 2 for d in detections]) / T_camera_board[:, 2, 3]
        scored.append((float(np.median(focal * (off + turn * size))), name, start))
    _, name, start = min(scored, key=lambda item: item[0])
    return name, start


def _result(
    detections: Sequence[Detection],
    T_base_gripper: FloatArray,
    camera_matrix: FloatArray,
    used: NDArray[np.bool_],
    fit: Refined,
    method: str,
) -> Calibrated:
    T_world_camera, T_gripper_board = fit.poses
    predicted = inverse(T_world_camera) @ T_base_gripper @ T_gripper_board
    everything = np.concatenate(fit.residual_px)
    position_m, angle_rad, camera_m, camera_rad = leave_one_out(detections, T_base_gripper, camera_matrix, used, fit)
    return Calibrated(
        T_world_camera=T_world_camera,
        T_camera_board=tuple(predicted),
        view_rms_px=tuple(
            reprojection_rms(T, seen, camera_matrix) for T, seen in zip(predicted, detections, strict=True)
        ),
        used=tuple(bool(flag) for flag in used),
        quality={
            "board_on": "gripper",
            "start": method,
            "views": int(used.sum()),
            "views_left_out": int((~used).sum()),
            "corners": len(everything),
            "reprojection_px_rms": rms(everything),
            "held_out_board_mm_rms": 1000 * rms(position_m),
            "held_out_board_deg_rms": float(np.degrees(rms(angle_rad))),
            "position_mm_jackknife": 1000 * camera_m,
            "rotation_deg_jackknife": float(np.degrees(camera_rad)),
        },
        T_gripper_board=T_gripper_board,
    )


def leave_one_out(
    detections: Sequence[Detection],
    T_base_gripper: FloatArray,
    camera_matrix: FloatArray,
    used: NDArray[np.bool_],
    fit: Refined,
) -> tuple[FloatArray, FloatArray, float, float]:
    """Calibrate V times without one view, and predict that view.

    Returns:
        Distances `(V,)` [m] and angles `(V,)` [rad] between the board where the held-out image alone sees it and
        where the rest puts it; the jackknife standard error of the camera's position [m] and rotation [rad].
    """
    kept = np.flatnonzero(used)
    position, angle, camera = [], [], []
    for out in kept:
        rest = kept[kept != out]
        seen = [detections[int(index)] for index in rest]
        part = refine(fit.poses, through_gripper(T_base_gripper[rest]), seen, camera_matrix)
        predicted = inverse(part.poses[0]) @ T_base_gripper[out] @ part.poses[1]
        alone = board_pose(detections[int(out)], camera_matrix, f"view {out}")
        position.append(np.linalg.norm(predicted[:3, 3] - alone[:3, 3]))
        angle.append(rotation_angle(predicted[:3, :3], alone[:3, :3]))
        camera.append(part.poses[0])
    count = len(kept)
    spread = np.stack(camera)
    shift = spread[:, :3, 3] - spread[:, :3, 3].mean(axis=0)
    turn = rotation_angle(spread[:, :3, :3], fit.poses[0][None, :3, :3])
    factor = np.sqrt((count - 1) / count)
    return (
        np.array(position),
        np.array(angle),
        float(factor * np.sqrt((shift**2).sum())),
        float(factor * np.sqrt((turn**2).sum())),
    )
