"""Lift 2-D hand landmarks to metres with the depth image.

A landmark detector knows where joints are in the image and roughly what shape the hand has, but not
how far away it is, and its idea of the hand's orientation is poor. So its shape is moved as one rigid,
scaled body (rotation w, translation t, scale e^l) to minimise

    sum_j |project(p_j) - pixel_j|^2 / sigma_px^2 + c^2 sum_j log(1 + (z_j - skin_j - depth_j)^2 / (c sigma_z)^2)
    + l^2 / sigma_l^2,      p_j = e^l R(w) shape_j + t.

The logarithm (Cauchy's) lets joints behind a finger, an object or in front of the background count
little. Depth sees the skin, joints lie a known thickness behind it. Then each joint whose own depth
agrees with the fit is put at that depth on its ray, which corrects the bend of the fingers.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks

FloatArray = NDArray[np.float64]

SKIN_M = np.array([0.018, 0.013, *[0.011, 0.009, 0.007], *[0.012, 0.009, 0.008, 0.007] * 4])
"""`(21,)` skin above each joint's centre [m]: half the thickness of an adult hand there."""
PARENT = np.array([-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
"""`(21,)` the joint before each joint; -1 for the wrist."""


@dataclass(frozen=True)
class LiftConfiguration:
    """Errors that the fit expects, and what it accepts."""

    pixel_error: float = 0.035
    """Of a landmark, as part of the hand's size in the image: 2.6 % on real hands, and the shape errs too."""
    depth_error_m: float = 0.008
    """Of a joint's depth: the error of the detected shape is about as large."""
    cauchy_scale: float = 1.0
    """c above, in depth errors."""
    size_spread: float = 0.1
    """Standard deviation of the scale's logarithm: hands differ by about this much."""
    consistent_depth_m: float = 0.025
    """A joint whose own depth is as close as this to the fit is put there."""
    bone_tolerance: float = 0.5
    """A corrected bone may differ from the fitted one by this part of its length."""
    minimum_consistent: int = 5
    """Joints whose depth must agree with the fit; with fewer there is no hand where it seems to be."""
    nearest_m: float = 0.15
    farthest_m: float = 3.0
    """Range of distances at which a hand is looked for."""


def lift_hand(
    landmarks: HandLandmarks,
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    configuration: LiftConfiguration | None = None,
) -> HandEstimate | None:
    """Place detected landmarks in the camera frame.

    Args:
        landmarks: One hand in the image.
        depth_m: Depth `(H, W)` [m], 0 where unknown.
        camera_matrix: Intrinsics `(3, 3)` [px].
        configuration: The defaults when None.

    Returns:
        The hand, or None where too few depths agree with any hand.
    """
    limits = configuration or LiftConfiguration()
    joint_depth = sample_depth(depth_m, landmarks.pixels) + SKIN_M
    joint_depth[(joint_depth < limits.nearest_m) | (joint_depth > limits.farthest_m)] = np.nan
    if np.isfinite(joint_depth).sum() < limits.minimum_consistent:
        return None
    fitted = fit_rigid(landmarks, joint_depth, camera_matrix, limits)
    consistent = np.abs(fitted[:, 2] - joint_depth) < limits.consistent_depth_m
    if consistent.sum() < limits.minimum_consistent:
        return None
    joints = _on_rays(landmarks.pixels, np.where(consistent, joint_depth, fitted[:, 2]), camera_matrix)
    joints = _keep_plausible_bones(joints, fitted, limits.bone_tolerance)
    return HandEstimate(joints, _confidence(landmarks, fitted, consistent, camera_matrix, limits), landmarks.pixels)


def sample_depth(depth_m: NDArray[np.float32], pixels: FloatArray) -> FloatArray:
    """Median depth `(J,)` [m] of the valid pixels in 3x3 around each of `(J, 2)`; NaN where none is."""
    height, width = depth_m.shape
    offset = np.array([[dx, dy] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    spot = np.rint(pixels).astype(int)[:, None, :] + offset
    inside = ((spot >= 0) & (spot < [width, height])).all(axis=-1)
    x, y = np.clip(spot[..., 0], 0, width - 1), np.clip(spot[..., 1], 0, height - 1)
    values = np.where(inside & (depth_m[y, x] > 0.0), depth_m[y, x], np.nan).astype(np.float64)
    found = np.isfinite(values).any(axis=1)
    result = np.full(len(pixels), np.nan)
    result[found] = np.nanmedian(values[found], axis=1)
    return result


def fit_rigid(
    landmarks: HandLandmarks, joint_depth: FloatArray, camera_matrix: FloatArray, configuration: LiftConfiguration
) -> FloatArray:
    """Joints `(21, 3)` [m] of the shape, moved rigidly and scaled to fit landmarks and depths.

    Args:
        landmarks: One hand in the image.
        joint_depth: `(21,)` measured depth of each joint's centre [m], NaN where unknown.
        camera_matrix: Intrinsics `(3, 3)` [px].
        configuration: Expected errors.
    """
    shape = landmarks.shape_m - landmarks.shape_m.mean(axis=0)
    size_px = float(np.ptp(landmarks.pixels, axis=0).max())
    sigma_px = max(configuration.pixel_error * size_px, 1.0)
    known = np.isfinite(joint_depth)
    focal = camera_matrix[[0, 1], [0, 1]]
    centre = camera_matrix[:2, 2]

    def place(x: FloatArray) -> FloatArray:
        return np.exp(x[6]) * shape @ rotation_from_vector(x[:3]).T + x[3:6]

    def residual(x: FloatArray) -> FloatArray:
        joints = place(x)
        z = np.maximum(joints[:, 2:], 0.05)
        pixel = (joints[:, :2] / z * focal + centre - landmarks.pixels) / sigma_px
        depth = (joints[known, 2] - joint_depth[known]) / (configuration.cauchy_scale * configuration.depth_error_m)
        robust = configuration.cauchy_scale * np.sign(depth) * np.sqrt(np.log1p(depth * depth))
        return np.concatenate([pixel.ravel(), robust, [x[6] / configuration.size_spread]])

    # Half-hidden hands pull the median of the depths off the hand, so the fit starts from two of them.
    solutions = []
    for quantile in (0.25, 0.6):
        z = float(np.nanquantile(joint_depth - shape[:, 2], quantile))
        start = np.concatenate([np.zeros(3), (landmarks.pixels.mean(axis=0) - centre) / focal * z, [z, 0.0]])
        solutions.append(least_squares(residual, start, x_scale=[0.1] * 3 + [0.01] * 3 + [0.05], max_nfev=40))
    return place(min(solutions, key=lambda solution: solution.cost).x)


def _on_rays(pixels: FloatArray, z: FloatArray, camera_matrix: FloatArray) -> FloatArray:
    ray = (pixels - camera_matrix[:2, 2]) / camera_matrix[[0, 1], [0, 1]]
    return np.column_stack([ray, np.ones(len(ray))]) * z[:, None]


def _keep_plausible_bones(joints: FloatArray, fitted: FloatArray, tolerance: float) -> FloatArray:
    """Put a joint back to the fitted one where its correction stretches or shrinks its bone too much."""
    kept = joints.copy()
    for joint in range(1, len(PARENT)):
        fitted_bone = fitted[joint] - fitted[PARENT[joint]]
        ratio = np.linalg.norm(kept[joint] - kept[PARENT[joint]]) / np.linalg.norm(fitted_bone)
        if abs(ratio - 1.0) > tolerance:
            kept[joint] = kept[PARENT[joint]] + fitted_bone
    return kept


def _confidence(
    landmarks: HandLandmarks,
    fitted: FloatArray,
    consistent: NDArray[np.bool_],
    camera_matrix: FloatArray,
    configuration: LiftConfiguration,
) -> float:
    """Part of the joints whose depth agrees, lowered where the fit misses the landmarks."""
    projected, _ = cv2.projectPoints(fitted, np.zeros(3), np.zeros(3), camera_matrix, None)
    size_px = float(np.ptp(landmarks.pixels, axis=0).max())
    miss = float(np.median(np.linalg.norm(projected[:, 0] - landmarks.pixels, axis=1))) / max(size_px, 1.0)
    return float(np.clip(consistent.mean() * np.exp(-0.5 * (miss / (3.0 * configuration.pixel_error)) ** 2), 0.01, 1.0))
