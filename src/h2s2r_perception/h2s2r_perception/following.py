"""Run the estimators over a whole Recording, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import transform_points
from h2s2r_perception.hand_pose import HandPoseEstimator
from h2s2r_perception.object_pose import ObjectPoseEstimator, PoseEstimate
from h2s2r_perception.recording import Recording

FloatArray = NDArray[np.float64]
LEAST_CONFIDENCE = 0.5
"""An object pose of which less is confirmed is treated as lost: offline, its neighbours know better."""


@dataclass(frozen=True, eq=False)
class ObjectTrack:
    """What the object pose estimator said, frame by frame."""

    T_world_object: FloatArray
    """`(T, 4, 4)` [m]; any finite pose where lost."""
    confidence: FloatArray
    """`(T,)` in [0, 1]; 0 where lost."""
    registration_confidence: float
    """Of the prompted frame."""


def follow_object(
    recording: Recording,
    estimator: ObjectPoseEstimator,
    mask: NDArray[np.bool_],
    first: int,
    keep_mask: Callable[[int, NDArray[np.bool_]], None],
    done: Callable[[float], None],
) -> ObjectTrack:
    """Register the object in one frame and track it from there to both ends.

    Args:
        recording: What the camera saw.
        estimator: Finds the object and follows it.
        mask: `(H, W)` pixels of the object in frame `first`.
        first: The frame to register in.
        keep_mask: Called with each frame and the object's pixels in it.
        done: Called with the part of the frames that are done.

    Raises:
        InputError: The object is not found in the first frame.
    """
    count = recording.frame_count
    T_camera_object = np.tile(np.eye(4), (count, 1, 1))
    confidence = np.zeros(count)
    known = np.zeros(count, dtype=bool)

    def keep(index: int, estimate: PoseEstimate) -> None:
        T_camera_object[index] = estimate.T_camera_object
        reliable = not estimate.lost and estimate.confidence >= LEAST_CONFIDENCE
        confidence[index] = estimate.confidence if reliable else 0.0
        known[index] = True
        keep_mask(index, estimator.mask)
        done(float(known.mean()))

    def register() -> PoseEstimate:
        return estimator.register(recording.rgb(first), recording.depth_m(first), recording.camera_matrix, mask)

    registered = register()
    keep(first, registered)
    for index in range(first + 1, count):
        keep(index, estimator.track(recording.rgb(index), recording.depth_m(index)))
    if first > 0:
        register()
    for index in range(first - 1, -1, -1):
        keep(index, estimator.track(recording.rgb(index), recording.depth_m(index)))
    return ObjectTrack(recording.T_world_camera @ T_camera_object, confidence, float(registered.confidence))


@dataclass(frozen=True, eq=False)
class HandTrack:
    """What the hand pose estimator said, frame by frame."""

    joints_world: FloatArray
    """`(T, 21, 3)` [m]; NaN where no hand was seen."""
    confidence: FloatArray
    """`(T,)` in [0, 1]; 0 where no hand was seen."""
    right: NDArray[np.bool_]
    """`(T,)` whether a right hand was seen."""


def follow_hand(recording: Recording, estimator: HandPoseEstimator, done: Callable[[float], None]) -> HandTrack:
    """Estimate the hand in every frame, in the order of time.

    Args:
        recording: What the camera saw.
        estimator: Finds the hand in one frame.
        done: Called with the part of the frames that are done.
    """
    count = recording.frame_count
    track = HandTrack(np.full((count, 21, 3), np.nan), np.zeros(count), np.zeros(count, dtype=bool))
    for index in range(count):
        hand = estimator.estimate(recording.rgb(index), recording.depth_m(index), recording.camera_matrix)
        if hand is not None:
            track.joints_world[index] = transform_points(recording.T_world_camera, hand.joints_camera)
            track.confidence[index] = hand.confidence
            track.right[index] = hand.right
        done((index + 1) / count)
    return track
