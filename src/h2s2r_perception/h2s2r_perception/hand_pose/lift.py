"""Lift 2-D hand landmarks to metres with the depth image.

1. The detected shape is moved as one rigid, scaled body to fit landmarks and depths (`rigid_fit`).
2. Joints that lie behind another finger, or under something of another colour, are found.
3. Every joint is moved until landmarks, depths, the lengths of this person's bones and the shape agree
   (`joint_fit`).
4. How far they agree says how far the result can be trusted (`confidence`).

Depth sees the skin; joints lie a known thickness behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.confidence import Agreement, ConfidenceConfiguration, confidence_of
from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks, Measured
from h2s2r_perception.hand_pose.hand_size import ADULT, HandSize
from h2s2r_perception.hand_pose.joint_colour import differently_coloured
from h2s2r_perception.hand_pose.joint_fit import JointFitConfiguration, fit_joints
from h2s2r_perception.hand_pose.rigid_fit import RigidConfiguration, fit_rigid
from h2s2r_perception.hand_pose.skeleton import SKIN_M, hidden_by_own_hand

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LiftConfiguration:
    """Errors that the fits expect, and what is accepted as a hand."""

    rigid: RigidConfiguration = field(default_factory=RigidConfiguration)
    joints: JointFitConfiguration = field(default_factory=JointFitConfiguration)
    confidence: ConfidenceConfiguration = field(default_factory=ConfidenceConfiguration)
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
    *,
    rgb: NDArray[np.uint8] | None = None,
    hand_size: HandSize = ADULT,
) -> HandEstimate | None:
    """Place detected landmarks in the camera frame.

    Args:
        landmarks: One hand in the image.
        depth_m: Depth `(H, W)` [m], 0 where unknown.
        camera_matrix: Intrinsics `(3, 3)` [px].
        configuration: The defaults when None.
        rgb: Colour `(H, W, 3)`: tells what lies over the hand.
        hand_size: Of this person; any adult's by default.

    Returns:
        The hand, or None where too few depths agree with any hand of human size.
    """
    limits = configuration or LiftConfiguration()
    joint_depth = sample_depth(depth_m, landmarks.pixels) + SKIN_M
    joint_depth[(joint_depth < limits.nearest_m) | (joint_depth > limits.farthest_m)] = np.nan
    return lift_with_depths(landmarks, joint_depth, camera_matrix, limits, rgb=rgb, hand_size=hand_size)


def lift_with_depths(
    landmarks: HandLandmarks,
    joint_depth: FloatArray,
    camera_matrix: FloatArray,
    configuration: LiftConfiguration,
    *,
    rgb: NDArray[np.uint8] | None = None,
    hand_size: HandSize = ADULT,
) -> HandEstimate | None:
    """`lift_hand` for depths `(21,)` of the joints' centres [m] that were measured already; NaN where unknown."""
    limits = configuration
    if np.isfinite(joint_depth).sum() < limits.minimum_consistent:
        return None
    rigid, _ = fit_rigid(landmarks, joint_depth, camera_matrix, limits.rigid)
    if rigid[:, 2].min() < 0.5 * limits.nearest_m:
        return None
    # Far behind the hand is what a landmark sees that slipped off it.
    joint_depth = np.where(joint_depth - rigid[:, 2] > limits.background_m, np.nan, joint_depth)
    hidden = hidden_by_own_hand(landmarks.pixels, rigid, float(camera_matrix[0, 0]))
    covered = np.zeros(21, dtype=bool)
    if rgb is not None:
        trusted = ~hidden & (np.abs(joint_depth - rigid[:, 2]) < limits.consistent_depth_m)
        covered = differently_coloured(rgb, landmarks.pixels, trusted)
    measured = Measured(joint_depth, hidden | covered, rigid)
    return fit_again([(landmarks.pixels, measured, landmarks.right)], camera_matrix, hand_size, limits)[0]


def fit_again(
    hands: Sequence[tuple[FloatArray, Measured, bool]],
    camera_matrix: FloatArray,
    hand_size: HandSize,
    configuration: LiftConfiguration | None = None,
) -> list[HandEstimate | None]:
    """The last two steps of `lift_hand` for many frames; once more, when the person's size has become known.

    Args:
        hands: Of each frame the landmarks `(21, 2)` [px], what depth says about them, whether it is a right hand.
        camera_matrix: Intrinsics `(3, 3)` [px].
        hand_size: Of this person.
        configuration: The defaults when None.
    """
    limits = configuration or LiftConfiguration()
    if not hands:
        return []
    pixels = np.stack([hand[0] for hand in hands])
    depth = np.stack([hand[1].joint_depth for hand in hands])
    hidden = np.stack([hand[1].hidden for hand in hands])
    rigid = np.stack([hand[1].rigid for hand in hands])
    fit = fit_joints(pixels, depth, hidden, rigid, camera_matrix, hand_size, limits.joints)
    seen = ~hidden & (np.abs(fit.joints[..., 2] - depth) < limits.consistent_depth_m)
    confidence = confidence_of(Agreement.of(fit, seen, hand_size), limits.confidence)
    adult = np.abs(fit.log_size + float(np.median(np.log(hand_size.lengths_m / ADULT.lengths_m))))
    accepted = (seen.sum(axis=1) >= limits.minimum_consistent) & (adult < np.log(limits.largest_size_ratio))
    return [
        HandEstimate(fit.joints[n], float(confidence[n]), pixels[n], right, measured=measured, seen=seen[n])
        if accepted[n]
        else None
        for n, (_, measured, right) in enumerate(hands)
    ]


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
