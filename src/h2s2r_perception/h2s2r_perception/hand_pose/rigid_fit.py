"""Place a detected hand shape as one rigid, scaled body.

A landmark detector knows where joints are in the image and roughly what shape the hand has, but not how far
away it is; its idea of orientation and size is poor. So rotation R, translation t and scale e^l minimise

    sum_j |project(p_j) - pixel_j|^2 / sigma_px^2 + sum_j log(1 + (z_j - depth_j)^2 / sigma_z^2) + l^2 / sigma_l^2,
    p_j = e^l R shape_j + t,

by Gauss-Newton with Levenberg's damping. The logarithm (Cauchy's loss) lets joints behind a finger, an object or
in front of the background count little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_from_vector, skew
from h2s2r_perception.hand_pose.estimator import HandLandmarks

FloatArray = NDArray[np.float64]
_ITERATIONS = 12
_SMALL_STEP = 2e-3
"""Metres and radians: it is only where the fit of the joints starts."""
_QUANTILES = (0.25, 0.6)
"""Half-hidden hands pull the median of the depths off the hand, so the fit starts from two others."""


@dataclass(frozen=True)
class RigidConfiguration:
    """Errors that the fit expects."""

    pixel_error: float = 0.035
    """Of a landmark, as part of the hand's size in the image: 2.6 % on real hands, and the shape errs too."""
    depth_error_m: float = 0.008
    """Of a joint's depth: the shape's own error is about as large."""
    size_spread: float = 0.1
    """Standard deviation of the logarithm of the detected shape's scale."""


def fit_rigid(
    landmarks: HandLandmarks,
    joint_depth: FloatArray,
    camera_matrix: FloatArray,
    configuration: RigidConfiguration | None = None,
) -> tuple[FloatArray, float]:
    """Move and scale the detected shape.

    Args:
        landmarks: One hand in the image.
        joint_depth: `(21,)` measured depth of each joint's centre [m], NaN where unknown; where all are, the
            distance follows from the detected size.
        camera_matrix: Intrinsics `(3, 3)` [px].
        configuration: The defaults when None.

    Returns:
        Joints `(21, 3)` in the camera frame [m], and the scale e^l.
    """
    terms = configuration or RigidConfiguration()
    shape = landmarks.shape_m - landmarks.shape_m.mean(axis=0)
    focal, centre = camera_matrix[[0, 1], [0, 1]], camera_matrix[:2, 2]
    middle = (landmarks.pixels.mean(axis=0) - centre) / focal
    if np.isfinite(joint_depth).any():
        z = np.nanquantile(joint_depth - shape[:, 2], _QUANTILES)
    else:
        spread_px = np.sqrt(((landmarks.pixels - landmarks.pixels.mean(axis=0)) ** 2).sum())
        z = np.array([focal.mean() * np.sqrt((shape[:, :2] ** 2).sum()) / max(spread_px, 1.0)])
    start = np.stack([middle[0] * z, middle[1] * z, z], axis=1)
    cost, joints, log_size = _descend(shape, start, landmarks.pixels, joint_depth, camera_matrix, terms)
    best = int(np.argmin(cost))
    return joints[best], float(np.exp(log_size[best]))


def _descend(
    shape: FloatArray,
    t: FloatArray,
    pixels: FloatArray,
    joint_depth: FloatArray,
    camera_matrix: FloatArray,
    terms: RigidConfiguration,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """From several starts `(B, 3)` at once: cost `(B,)`, joints `(B, 21, 3)` and log size `(B,)` of the minima."""
    focal, centre = camera_matrix[[0, 1], [0, 1]], camera_matrix[:2, 2]
    sigma_px = max(terms.pixel_error * float(np.ptp(pixels, axis=0).max()), 1.0)
    known = np.isfinite(joint_depth)
    measured = np.where(known, joint_depth, 0.0)
    batch = len(t)

    def residuals(turned: FloatArray, t: FloatArray, log_size: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        p = turned + t[:, None]
        pixel = (p[..., :2] / np.maximum(p[..., 2:], 0.05) * focal + centre - pixels) / sigma_px
        depth = np.where(known, (p[..., 2] - measured) / terms.depth_error_m, 0.0)
        robust = np.log1p(depth**2).sum(axis=1)
        return (pixel**2).sum(axis=(1, 2)) + robust + (log_size / terms.size_spread) ** 2, pixel, depth

    turned, log_size, damping = np.repeat(shape[None], batch, axis=0), np.zeros(batch), np.full(batch, 1e-3)
    cost, pixel, depth = residuals(turned, t, log_size)
    shift = np.zeros((batch, 21, 3, 7))
    shift[..., [0, 1, 2], [3, 4, 5]] = 1.0
    for _ in range(_ITERATIONS):
        # Of each joint: its shift with rotation (about the shape's centre), translation and scale.
        shift[..., :3] = -skew(turned)
        shift[..., 6] = turned
        p = turned + t[:, None]
        z = np.maximum(p[..., 2], 0.05)[..., None, None]
        seen = (shift[..., :2, :] - (p[..., :2, None] / z) * shift[..., 2:, :]) / z * (focal[:, None] / sigma_px)
        root = np.sqrt(np.where(known, 1.0 / (1.0 + depth**2), 0.0))
        along = shift[..., 2, :] * (root[..., None] / terms.depth_error_m)
        J = np.concatenate([seen.reshape(batch, 42, 7), along], axis=1)
        r = np.concatenate([pixel.reshape(batch, 42), depth * root], axis=1)
        normal, gradient = J.transpose(0, 2, 1) @ J, (r[:, None] @ J)[:, 0]
        normal[:, 6, 6] += 1.0 / terms.size_spread**2
        gradient[:, 6] += log_size / terms.size_spread**2
        normal[:, range(7), range(7)] *= 1.0 + damping[:, None]
        step = -np.linalg.solve(normal, gradient[..., None])[..., 0]
        moved = np.exp(step[:, 6, None, None]) * (turned @ rotation_from_vector(step[:, :3]).transpose(0, 2, 1))
        tried = residuals(moved, t + step[:, 3:6], log_size + step[:, 6])
        better = tried[0] < cost
        damping *= np.where(better, 0.2, 10.0)
        turned[better], t = moved[better], np.where(better[:, None], t + step[:, 3:6], t)
        log_size = np.where(better, log_size + step[:, 6], log_size)
        cost = np.where(better, tried[0], cost)
        pixel[better], depth[better] = tried[1][better], tried[2][better]
        if np.abs(step).max() < _SMALL_STEP:
            break
    return cost, turned + t[:, None], log_size
