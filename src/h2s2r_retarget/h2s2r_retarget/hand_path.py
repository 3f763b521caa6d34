"""The human hand over the frames of interest: gaps filled, tremor smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import Demonstration
from h2s2r_retarget.hand_scale import hand_size

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HandPath:
    """Hand and object from the pre-manipulation frame to a little after the motion."""

    stamp_s: Array
    """`(K,)`, 0 at the pre-manipulation frame."""
    hand_joints: Array
    """`(K, 21, 3)` m, world, finite."""
    T_world_object: Array
    """`(K, 4, 4)`."""
    frames_skipped: int
    """How many of the K frames had no trustworthy hand and were interpolated."""
    hand_size: float
    """Of all trustworthy frames of the recording, see `hand_scale.hand_size`."""


def hand_path(
    demonstration: Demonstration, *, minimum_confidence: float, smoothing_s: float, after_motion_s: float
) -> HandPath:
    """Cut, fill and smooth.

    Args:
        demonstration: What the human did.
        minimum_confidence: Frames below it are interpolated between their neighbours.
        smoothing_s: Standard deviation of the Gaussian that smooths the joints over time.
        after_motion_s: How long after the object's last motion the path goes on.

    Raises:
        InputError: Fewer than two frames show the hand.
    """
    stamp_s = (demonstration.stamp_ns - demonstration.stamp_ns[demonstration.premanipulation_index]) * 1e-9
    first = demonstration.premanipulation_index
    end_s = stamp_s[demonstration.motion_end] + after_motion_s
    # Smoothing looks a little beyond both ends, so it is done on all frames and cut afterwards.
    seen = demonstration.hand_confidence >= minimum_confidence
    seen &= np.isfinite(demonstration.hand_joints_world).all(axis=(1, 2))
    if seen.sum() < 2:
        raise InputError(
            "demonstration",
            "hand_confidence",
            found=f"{int(seen.sum())} frames of at least {minimum_confidence}",
            expected="at least 2 frames with a hand",
            remedy="record the hand in full view, or lower minimum_hand_confidence",
        )
    size = hand_size(demonstration.hand_joints_world[seen])
    joints = _filled(stamp_s, demonstration.hand_joints_world, seen)
    joints = _smoothed(stamp_s, joints, smoothing_s)
    chosen = np.flatnonzero((np.arange(len(stamp_s)) >= first) & (stamp_s <= end_s))
    return HandPath(
        stamp_s=stamp_s[chosen],
        hand_joints=joints[chosen],
        T_world_object=demonstration.T_world_object[chosen],
        frames_skipped=int((~seen[chosen]).sum()),
        hand_size=size,
    )


def _filled(stamp_s: Array, joints: Array, seen: NDArray[np.bool_]) -> Array:
    flat = np.where(seen[:, None], joints.reshape(len(joints), -1), 0.0)
    filled = [np.interp(stamp_s, stamp_s[seen], column[seen]) for column in flat.T]
    return np.stack(filled, axis=1).reshape(joints.shape)


def _smoothed(stamp_s: Array, joints: Array, smoothing_s: float) -> Array:
    if smoothing_s <= 0.0:
        return joints
    weight = np.exp(-0.5 * ((stamp_s[:, None] - stamp_s[None]) / smoothing_s) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    return (weight @ joints.reshape(len(joints), -1)).reshape(joints.shape)
