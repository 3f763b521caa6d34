"""Lift 2-D hand landmarks to metres with the depth image.

A landmark detector knows where joints are in the image and roughly what shape the hand has, but not
how far away it is; its idea of orientation and size is poor, above all for a hand seen edge on. So

1. its shape is moved as one rigid, scaled body (rotation w, translation t, scale e^l) to minimise

       sum_j |project(p_j) - pixel_j|^2 / sigma_px^2 + sum_j log(1 + (z_j - skin_j - depth_j)^2 / sigma_z^2)
       + l^2 / sigma_l^2,      p_j = e^l R(w) shape_j + t;

2. joints that lie behind another finger are found;
3. every joint is moved along its ray until measured depths and the lengths of bones agree (`skeleton`).

The logarithm (Cauchy's) lets joints behind a finger, an object or in front of the background count
little. Depth sees the skin; joints lie a known thickness behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks
from h2s2r_perception.hand_pose.skeleton import SKIN_M, SkeletonConfiguration, hidden_by_own_hand, place_on_rays

FloatArray = NDArray[np.float64]
_TOLERANCE = 1e-3
"""Relative change at which a fit stops: tenths of a millimetre here."""


@dataclass(frozen=True)
class LiftConfiguration:
    """Errors that the fit expects, and what it accepts."""

    pixel_error: float = 0.035
    """Of a landmark, as part of the hand's size in the image: 2.6 % on real hands, and the shape errs too."""
    depth_error_m: float = 0.008
    """Of a joint's depth when the shape is rigid: the shape's own error is about as large."""
    size_spread: float = 0.1
    """Standard deviation of the logarithm of the detected shape's scale."""
    skeleton: SkeletonConfiguration = field(default_factory=SkeletonConfiguration)
    consistent_depth_m: float = 0.02
    """A joint whose own depth is as close as this to the result agrees with it."""
    background_m: float = 0.08
    """A depth this far behind the rigid fit is not the hand's."""
    minimum_consistent: int = 5
    """Joints that must agree; with fewer there is no hand where it seems to be."""
    largest_size_ratio: float = 1.5
    """A hand this much larger or smaller than an adult's is a picture of one, or an error."""
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
        The hand, or None where too few depths agree with any hand of human size.
    """
    limits = configuration or LiftConfiguration()
    joint_depth = sample_depth(depth_m, landmarks.pixels) + SKIN_M
    joint_depth[(joint_depth < limits.nearest_m) | (joint_depth > limits.farthest_m)] = np.nan
    return lift_with_depths(landmarks, joint_depth, camera_matrix, limits)


def lift_with_depths(
    landmarks: HandLandmarks, joint_depth: FloatArray, camera_matrix: FloatArray, configuration: LiftConfiguration
) -> HandEstimate | None:
    """`lift_hand` for depths `(21,)` of the joints' centres [m] that were measured already; NaN where unknown."""
    limits = configuration
    if np.isfinite(joint_depth).sum() < limits.minimum_consistent:
        return None
    rigid = fit_rigid(landmarks, joint_depth, camera_matrix, limits)
    if rigid[:, 2].min() < 0.5 * limits.nearest_m:
        return None
    # Far behind the hand is what a landmark sees that slipped off it.
    joint_depth = np.where(joint_depth - rigid[:, 2] > limits.background_m, np.nan, joint_depth)
    hidden = hidden_by_own_hand(landmarks.pixels, rigid, float(camera_matrix[0, 0]))
    rays = pixel_rays(landmarks.pixels, camera_matrix)
    joints, size = place_on_rays(rays, joint_depth, hidden, rigid, limits.skeleton)
    consistent = np.abs(joints[:, 2] - joint_depth) < limits.consistent_depth_m
    size_ratio = max(size, 1.0 / size)
    if consistent.sum() < limits.minimum_consistent or size_ratio > limits.largest_size_ratio:
        return None
    certainty = float(consistent.mean()) * min(1.0, (limits.largest_size_ratio - size_ratio) / 0.2)
    return HandEstimate(joints, max(certainty, 0.01), landmarks.pixels, landmarks.right)


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


def pixel_rays(pixels: FloatArray, camera_matrix: FloatArray) -> FloatArray:
    """Directions `(P, 3)` with z = 1 through pixels `(P, 2)`, camera frame."""
    ray = (pixels - camera_matrix[:2, 2]) / camera_matrix[[0, 1], [0, 1]]
    return np.column_stack([ray, np.ones(len(ray))])


def fit_rigid(
    landmarks: HandLandmarks, joint_depth: FloatArray, camera_matrix: FloatArray, configuration: LiftConfiguration
) -> FloatArray:
    """Joints `(21, 3)` [m] of the detected shape, moved rigidly and scaled to fit landmarks and depths.

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
        depth = (joints[known, 2] - joint_depth[known]) / configuration.depth_error_m
        robust = np.sign(depth) * np.sqrt(np.log1p(depth * depth))
        return np.concatenate([pixel.ravel(), robust, [x[6] / configuration.size_spread]])

    # Half-hidden hands pull the median of the depths off the hand, so the fit starts from two of them.
    scale = [0.1] * 3 + [0.01] * 3 + [0.05]
    solutions = []
    for quantile in (0.25, 0.6):
        z = float(np.nanquantile(joint_depth - shape[:, 2], quantile))
        start = np.concatenate([np.zeros(3), (landmarks.pixels.mean(axis=0) - centre) / focal * z, [z, 0.0]])
        solutions.append(least_squares(residual, start, x_scale=scale, max_nfev=40, ftol=_TOLERANCE, xtol=_TOLERANCE))
    return place(min(solutions, key=lambda solution: solution.cost).x)
