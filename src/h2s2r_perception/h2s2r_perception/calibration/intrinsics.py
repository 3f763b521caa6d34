"""Intrinsics from images of a board: found afresh, and compared with those that the camera states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration.detection import Detection
from h2s2r_perception.recording import check_camera_matrix

FloatArray = NDArray[np.float64]

_FEWEST_VIEWS = 6
_SMALLEST_TILT_RAD = 0.3
"""Views that all face the board leave focal length and distance open."""


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera with lens distortion."""

    camera_matrix: FloatArray
    """`(3, 3)` [px]."""
    distortion: FloatArray
    """`(5,)` k1, k2, p1, p2, k3 of the Brown model."""
    reprojection_px_rms: float
    focal_px_sigma: float
    centre_px_sigma: float
    """Standard errors of focal length and principal point."""
    distortion_px_max: float
    """How far the lens moves a pixel at most, over the image. Recordings are taken as rectified: above about
    1 px rectify them first."""


def calibrate_intrinsics(detections: Sequence[Detection], image_size: tuple[int, int]) -> Intrinsics:
    """Find intrinsics and distortion.

    Args:
        detections: Corners in at least six images, the board tilted differently in each.
        image_size: Width and height [px].

    Raises:
        InputError: Too few views, all of them face-on, or a result no camera can have.
    """
    if len(detections) < _FEWEST_VIEWS:
        raise InputError(
            "views",
            "count",
            found=str(len(detections)),
            expected=f"at least {_FEWEST_VIEWS}, better 20",
            remedy="take more images, the board tilted, near and far, in every corner of the image",
        )
    points = [detection.points.astype(np.float32) for detection in detections]
    pixels = [detection.pixels.astype(np.float32) for detection in detections]
    rms_px, found, distortion, rotations, _, sigma, _, _ = cv2.calibrateCameraExtended(
        points, pixels, image_size, np.eye(3), np.zeros(5)
    )
    K: FloatArray = np.asarray(found, dtype=np.float64)
    normals = np.stack([cv2.Rodrigues(rotation)[0][:, 2] for rotation in rotations])
    tilt = float(np.arccos(np.clip(normals @ normals.T, -1.0, 1.0)).max())
    if tilt < _SMALLEST_TILT_RAD:
        raise InputError(
            "views",
            "tilt",
            found=f"{np.degrees(tilt):.0f} deg between the most different two",
            expected=f"at least {np.degrees(_SMALLEST_TILT_RAD):.0f} deg",
            remedy="tilt the board to all sides",
        )
    check_camera_matrix(K, image_size, "intrinsics found")
    sigma = np.ravel(sigma)
    return Intrinsics(
        camera_matrix=K,
        distortion=np.ravel(distortion),
        reprojection_px_rms=float(rms_px),
        focal_px_sigma=float(max(sigma[0], sigma[1])),
        centre_px_sigma=float(max(sigma[2], sigma[3])),
        distortion_px_max=_largest_shift_px(K, np.asarray(distortion, dtype=np.float64), image_size),
    )


def largest_difference_px(found: FloatArray, stated: FloatArray, image_size: tuple[int, int]) -> float:
    """How far apart two camera matrices put one direction at most, over the image [px]."""
    grid = _grid(image_size)
    rays = np.linalg.solve(stated, grid.T).T
    again = rays @ found.T
    return float(np.linalg.norm(again[:, :2] / again[:, 2:] - grid[:, :2], axis=1).max())


def _largest_shift_px(K: FloatArray, distortion: FloatArray, image_size: tuple[int, int]) -> float:
    grid = _grid(image_size)
    rays = np.linalg.solve(K, grid.T).T
    shifted, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), K, distortion)
    return float(np.linalg.norm(shifted.reshape(-1, 2) - grid[:, :2], axis=1).max())


def _grid(image_size: tuple[int, int]) -> FloatArray:
    x, y = np.meshgrid(np.linspace(0, image_size[0] - 1, 9), np.linspace(0, image_size[1] - 1, 9))
    return np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
