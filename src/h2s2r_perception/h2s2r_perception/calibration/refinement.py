"""Least squares over all corners of all views: the poses that put every corner where it was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from h2s2r_perception.calibration.detection import Detection
from h2s2r_perception.geometry import inverse, pose, rotation_from_vector

FloatArray = NDArray[np.float64]

_ROBUST_PX = 1.0
"""Residuals beyond this count less and less (Cauchy): a corner read wrongly must not move the camera."""


@dataclass(frozen=True)
class Refined:
    """A pose, or several, with what they leave unexplained."""

    poses: tuple[FloatArray, ...]
    """`(4, 4)` each [m]."""
    residual_px: tuple[FloatArray, ...]
    """For each view the distances `(N,)` between its corners and where the poses put them."""
    sigma_m: float
    """Standard error of the first pose's position, from the residuals and their Jacobian: what corner noise
    leaves open. A wrong board size or a wrong robot is not in it."""
    sigma_rad: float


def refine(
    start: Sequence[FloatArray],
    T_camera_board: Callable[[Sequence[FloatArray]], FloatArray],
    detections: Sequence[Detection],
    camera_matrix: FloatArray,
) -> Refined:
    """Move all poses together until the corners fit.

    Args:
        start: Poses `(4, 4)` to begin with.
        T_camera_board: From the poses to the board's pose in each view, `(V, 4, 4)`.
        detections: Corners of each view.
        camera_matrix: `(3, 3)` [px].
    """
    view = np.repeat(np.arange(len(detections)), [len(detection.pixels) for detection in detections])
    points = np.concatenate([detection.points for detection in detections])
    pixels = np.concatenate([detection.pixels for detection in detections])

    def moved(step: FloatArray) -> list[FloatArray]:
        return [turned(T, step[6 * i : 6 * i + 6]) for i, T in enumerate(start)]

    def errors(step: FloatArray) -> FloatArray:
        T = T_camera_board(moved(step))
        K_T = (camera_matrix @ T[:, :3])[view]
        seen = np.einsum("nij,nj->ni", K_T[:, :, :3], points) + K_T[:, :, 3]
        return np.asarray(seen[:, :2] / seen[:, 2:] - pixels).reshape(-1)

    fit = least_squares(errors, np.zeros(6 * len(start)), loss="cauchy", f_scale=_ROBUST_PX, x_scale="jac", max_nfev=60)
    residual = np.linalg.norm(fit.fun.reshape(-1, 2), axis=1)
    border = np.cumsum([len(detection.pixels) for detection in detections])[:-1]
    # The Jacobian is that of the robust problem, so far corners are already weighted down.
    variance_px = np.median(residual**2) / 1.386  # the median of a chi-square of two degrees of freedom is 1.386
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac)[:6, :6] * max(variance_px, 1e-6)
    return Refined(
        tuple(moved(fit.x)),
        tuple(np.split(residual, border)),
        float(np.sqrt(np.trace(covariance[:3, :3]))),
        float(np.sqrt(np.trace(covariance[3:, 3:]))),
    )


def turned(T: FloatArray, step: FloatArray) -> FloatArray:
    """`T` moved by [linear m, angular rad] `(6,)`: shifted in the parent's frame, turned about its own origin."""
    return np.asarray(pose(rotation_from_vector(step[3:]) @ T[:3, :3], T[:3, 3] + step[:3]))


def through_gripper(T_base_gripper: FloatArray) -> Callable[[Sequence[FloatArray]], FloatArray]:
    """Board poses `(V, 4, 4)` in the camera from the poses (T_base_camera, T_gripper_board)."""
    return lambda poses: np.asarray(inverse(poses[0]) @ T_base_gripper @ poses[1])


def through_world(T_world_board: FloatArray) -> Callable[[Sequence[FloatArray]], FloatArray]:
    """Board poses `(V, 4, 4)` in the camera from the pose (T_world_camera,), for boards that lie in the world."""
    return lambda poses: np.asarray(inverse(poses[0]) @ T_world_board)
