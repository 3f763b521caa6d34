"""The board lies at a known place in the world: one image is enough."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration.calibrated import Calibrated, rms
from h2s2r_perception.calibration.detection import Detection, board_pose
from h2s2r_perception.calibration.refinement import refine, through_world
from h2s2r_perception.geometry import inverse
from h2s2r_perception.recording import check_pose

FloatArray = NDArray[np.float64]

LARGEST_RMS_PX = 2.0
"""Corners that miss by more do not belong to this board, these intrinsics or one unmoved camera."""


def calibrate_with_table_board(
    detections: Sequence[Detection],
    camera_matrix: FloatArray,
    T_world_board: FloatArray,
    sources: Sequence[Path | str],
) -> Calibrated:
    """Where the camera stands, from a board whose pose was measured.

    Args:
        detections: Corners in one or more images of the same unmoved camera and board.
        camera_matrix: `(3, 3)` [px].
        T_world_board: `(4, 4)` [m].
        sources: The images' names, for errors.

    Raises:
        InputError: The corners contradict each other, or the board is seen in two ways.
    """
    T_world_board = check_pose(T_world_board, "board pose", "T_world_board")
    first = board_pose(detections[0], camera_matrix, sources[0])
    boards = np.broadcast_to(T_world_board, (len(detections), 4, 4))
    fit = refine([T_world_board @ inverse(first)], through_world(boards), detections, camera_matrix)
    view_rms = tuple(rms(residual) for residual in fit.residual_px)
    worst = int(np.argmax(view_rms))
    if view_rms[worst] > LARGEST_RMS_PX:
        raise InputError(
            sources[worst],
            "corners",
            found=f"{view_rms[worst]:.1f} px rms from where the board should be",
            expected=f"at most {LARGEST_RMS_PX:g} px",
            remedy="did camera or board move between the images? do intrinsics and --board fit? is the paper flat?",
        )
    everything = np.concatenate(fit.residual_px)
    T_world_camera = fit.poses[0]
    return Calibrated(
        T_world_camera=T_world_camera,
        T_camera_board=tuple(inverse(T_world_camera) @ T_world_board for _ in detections),
        view_rms_px=view_rms,
        used=(True,) * len(detections),
        quality={
            "board_on": "table",
            "views": len(detections),
            "corners": len(everything),
            "reprojection_px_rms": rms(everything),
            "position_mm_sigma": 1000 * fit.sigma_m,
            "rotation_deg_sigma": float(np.degrees(fit.sigma_rad)),
        },
    )
