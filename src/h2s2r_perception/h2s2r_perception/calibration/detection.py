"""Finds a board's corners in an image, and when it does not, says what is there instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration.board import DICTIONARIES, Board, dictionary_of
from h2s2r_perception.calibration.marker_edges import refine_corners
from h2s2r_perception.geometry import pose, rotation_from_vector, vector_from_rotation

FloatArray = NDArray[np.float64]

_FEWEST_CORNERS = {"charuco": 8, "apriltag": 4}
_NOISE_PX = 0.15
"""Corners are not found better than this (rms, measured on rendered boards)."""
_CLEARER = 25.0
"""A flat board has two poses that look alike. The worse one's squared residuals have to exceed the better one's by
this many variances of a corner (5 sigma)."""


@dataclass(frozen=True)
class Detection:
    """Corners of one board in one image."""

    pixels: FloatArray
    """`(N, 2)` [px]."""
    points: FloatArray
    """The same corners `(N, 3)` [m] in the board's frame."""


def detect(board: Board, image: NDArray[np.uint8], source: Path | str) -> Detection:
    """Find the board.

    Args:
        board: What is looked for.
        image: `(H, W, 3)` or `(H, W)`.
        source: The image's name, for errors.

    Raises:
        InputError: It is not there, or too few corners are; the message says what is seen instead.
    """
    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image, dtype=np.uint8)
    found = _corners(board, np.ascontiguousarray(gray))
    fewest = min(_FEWEST_CORNERS[board.kind], (board.columns - 1) * (board.rows - 1) or 4)
    count = 0 if found is None else len(found.pixels)
    if found is None or count < max(fewest, 4):
        raise InputError(
            source,
            "board",
            found=_what_else(board, gray, count),
            expected=f"{board.columns}x{board.rows} {board.kind} of {board.dictionary}",
            remedy="show the whole board, sharp, lit evenly, and large in the image; check --board",
        )
    return found


def board_pose(detection: Detection, camera_matrix: FloatArray, source: Path | str) -> FloatArray:
    """`T_camera_board (4, 4)` [m].

    Raises:
        InputError: Two poses explain the corners equally well (a small board seen face-on from afar).
    """
    count, rotations, positions, _ = cv2.solvePnPGeneric(
        detection.points, detection.pixels, camera_matrix, None, flags=cv2.SOLVEPNP_IPPE
    )
    candidates: list[tuple[float, FloatArray]] = []
    for index in range(count):
        T = _pose(rotations[index], positions[index])
        if T[2, 3] > 0.0 and (T[:3, :3].T @ T[:3, 3])[2] < 0.0:  # in front of the camera, its print towards it
            candidates.append((reprojection_rms(T, detection, camera_matrix), T))
    if not candidates:
        raise InputError(
            source, "board", found="only its back", expected="its printed face", remedy="is the image mirrored?"
        )
    candidates.sort(key=lambda item: item[0])
    (best_px, best), second_px = candidates[0], candidates[-1][0]
    variances = len(detection.pixels) * (second_px**2 - best_px**2) / max(best_px, _NOISE_PX) ** 2
    if len(candidates) > 1 and variances < _CLEARER:
        raise InputError(
            source,
            "board",
            found=f"two poses that fit alike ({best_px:.2f} and {second_px:.2f} px)",
            expected="one",
            remedy="bring the board nearer, tilt it so that it is not seen face-on, or take one with more corners",
        )
    rotation, position = cv2.solvePnPRefineLM(
        detection.points,
        detection.pixels,
        camera_matrix,
        None,
        np.array(vector_from_rotation(best[:3, :3])),
        best[:3, 3].copy(),
    )
    return _pose(rotation, position)


def _pose(rotation: NDArray, position: NDArray) -> FloatArray:
    return np.asarray(pose(rotation_from_vector(np.ravel(rotation).astype(float)), np.ravel(position).astype(float)))


def project_board(T_camera_board: FloatArray, points: FloatArray, camera_matrix: FloatArray) -> FloatArray:
    """Pixels `(N, 2)` of points `(N, 3)` [m] of the board."""
    seen = points @ T_camera_board[:3, :3].T + T_camera_board[:3, 3]
    homogeneous = seen @ camera_matrix.T
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])


def reprojection_rms(T_camera_board: FloatArray, detection: Detection, camera_matrix: FloatArray) -> float:
    """Root mean square distance [px] between corners and where the pose puts them."""
    error = project_board(T_camera_board, detection.points, camera_matrix) - detection.pixels
    return float(np.sqrt((error**2).sum(axis=1).mean()))


def _corners(board: Board, gray: NDArray[np.uint8]) -> Detection | None:
    pattern = board.opencv()
    if board.kind == "charuco":
        corners, ids, _, _ = cv2.aruco.CharucoDetector(pattern).detectBoard(gray)
        if ids is None or len(ids) == 0:
            return None
        points = np.asarray(pattern.getChessboardCorners(), dtype=np.float64)[np.ravel(ids)]
        return Detection(np.asarray(corners, dtype=np.float64).reshape(-1, 2), board.in_board_frame(points))
    markers, ids, _ = cv2.aruco.ArucoDetector(dictionary_of(board.dictionary)).detectMarkers(gray)
    wanted = set(np.ravel(pattern.getIds()).tolist())
    kept = [] if ids is None else [index for index, name in enumerate(np.ravel(ids)) if int(name) in wanted]
    if not kept:
        return None
    points, pixels = pattern.matchImagePoints([_refined(gray, markers[index]) for index in kept], ids[kept])
    return Detection(
        np.asarray(pixels, dtype=np.float64).reshape(-1, 2),
        board.in_board_frame(np.asarray(points, dtype=np.float64).reshape(-1, 3)),
    )


def _refined(gray: NDArray[np.uint8], marker: NDArray) -> NDArray[np.float32]:
    return refine_corners(gray, marker.reshape(4, 2)).astype(np.float32).reshape(1, 4, 2)


def _what_else(board: Board, gray: NDArray[np.uint8], count: int) -> str:
    """Words for what the image shows: a mirrored board, markers of another kind, part of it, or nothing."""
    mirrored = _corners(board, np.ascontiguousarray(gray[:, ::-1]))
    if mirrored is not None and len(mirrored.pixels) > max(count, 3):
        return "a mirrored image of it (is the camera's picture flipped?)"
    if count:
        return f"only {count} of its corners"
    seen = []
    for name in DICTIONARIES:
        markers = cv2.aruco.ArucoDetector(dictionary_of(name)).detectMarkers(gray)[0]
        seen.append((len(markers), name))
    most, name = max(seen)
    if name == board.dictionary and most:
        return f"{most} markers of that dictionary, but not this board's pattern"
    return f"{most} markers of {name}" if most >= 2 else "no marker at all"
