"""Run the estimators over a whole Recording, frame by frame."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle, transform_points
from h2s2r_perception.hand_pose import HandPoseEstimator, LiftConfiguration, fit_one_hand
from h2s2r_perception.object_pose import ObjectPoseEstimator, PoseEstimate
from h2s2r_perception.path_gaps import FILLED_CONFIDENCE
from h2s2r_perception.recording import Recording
from h2s2r_perception.recording.ahead import frames_in_order
from h2s2r_perception.symmetry import nearest_yaw

FloatArray = NDArray[np.float64]
KeepMask = Callable[[int, NDArray[np.bool_]], None]

_LEAST_CONFIDENCE = FILLED_CONFIDENCE
"""A pose of which less is confirmed is no measurement: offline, its neighbours know better."""
_WELL_SEEN = 0.8
"""Enough is confirmed to register afresh from what the tracker took for the object."""
_SAME_M, _SAME_RAD = 0.01, 0.1
"""A registration this near an earlier pose means the same one."""


@dataclass(frozen=True, eq=False)
class ObjectTrack:
    """What the object pose estimator said, frame by frame, in one direction of time or from one start."""

    T_world_object: FloatArray
    """`(T, 4, 4)` [m]; any finite pose where lost."""
    confidence: FloatArray
    """`(T,)` in [0, 1]; 0 where lost."""
    registration_confidence: float
    """Of the frame it started from."""


class ObjectFollower:
    """Follows one object through a Recording, as often and from where it is told; keeps the best masks.

    Args:
        recording: What the camera saw.
        estimator: Finds the object and follows it.
        symmetry: Of the object: `none` or `yaw`.
        keep_mask: Called with a frame and the object's pixels in it, again when a later pass saw it better.
        done: Called with the part of the work of `both_ways` that is done.
    """

    def __init__(
        self,
        recording: Recording,
        estimator: ObjectPoseEstimator,
        symmetry: str,
        keep_mask: KeepMask,
        done: Callable[[float], None],
    ) -> None:
        self._recording = recording
        self._symmetric = symmetry == "yaw"
        self._estimator = estimator
        self._keep_mask = keep_mask
        self._done = done
        self._looked_at = 0
        self._best = np.full(recording.frame_count, -1.0)
        self._far_masks: dict[int, tuple[int, NDArray[np.bool_]]] = {}

    def both_ways(self, mask: NDArray[np.bool_], first: int) -> list[ObjectTrack]:
        """Track from the registered frame to both ends, and from both ends back to it.

        What a hand hides on the way there is seen from the other side on the way back, and a pose that drifted
        one way did not drift the same way the other.

        Args:
            mask: `(H, W)` pixels of the object in frame `first`.
            first: The frame to register in.

        Raises:
            InputError: The object is not found in the first frame.
        """
        count = self._recording.frame_count
        tracks = [self.follow(mask, range(first, count))]
        if first > 0:
            tracks.append(self.follow(mask, range(first, -1, -1)))
        far_masks = dict(self._far_masks)
        for track, step in zip(list(tracks), (1, -1), strict=False):
            far = far_masks.get(step)
            # A start further back than the end is as good: whatever lies beyond was seen badly both ways.
            if far is not None and far[0] != first:
                stop = first - step
                tracks.append(self.follow(far[1], range(far[0], stop, -step), track))
        return tracks

    def follow(self, mask: NDArray[np.bool_], frames: range, known: ObjectTrack | None = None) -> ObjectTrack:
        """Register in the first of some frames and track through the others.

        Args:
            mask: `(H, W)` pixels of the object in the first of them.
            frames: Which, in either order.
            known: An earlier track through the first of them; where registration now says otherwise, nothing is
                followed, since a person pointed at the object then and nobody did now.

        Raises:
            InputError: The object is not found in the first frame, and `known` is None.
        """
        count, first = self._recording.frame_count, frames[0]
        T_camera_object, confidence = np.tile(np.eye(4), (count, 1, 1)), np.zeros(count)
        with contextlib.closing(frames_in_order(self._recording, frames)) as images:
            try:
                registered = self._estimator.register(*next(images), self._recording.camera_matrix, mask)
            except InputError:
                if known is None:
                    raise
                return ObjectTrack(T_camera_object, confidence, 0.0)
            if known is not None and not self._agrees(registered, known.T_world_object[first]):
                return ObjectTrack(T_camera_object, confidence, 0.0)
            T_camera_object[first], confidence[first] = registered.T_camera_object, _reliability(registered)
            self._note(first, confidence[first], frames.step)
            for index, (rgb, depth_m) in zip(frames[1:], images, strict=True):
                estimate = self._estimator.track(rgb, depth_m)
                T_camera_object[index], confidence[index] = estimate.T_camera_object, _reliability(estimate)
                self._note(index, confidence[index], frames.step)
        T_world_object = self._recording.T_world_camera @ T_camera_object
        return ObjectTrack(T_world_object, confidence, float(registered.confidence))

    def _note(self, index: int, confidence: float, step: int) -> None:
        mask = self._estimator.mask
        if confidence > self._best[index]:
            self._best[index] = confidence
            self._keep_mask(index, mask)
        if confidence >= _WELL_SEEN and mask.any():
            self._far_masks[step] = index, mask
        self._looked_at += 1
        self._done(min(1.0, 0.5 * self._looked_at / self._recording.frame_count))

    def _agrees(self, registered: PoseEstimate, T_world_object: FloatArray) -> bool:
        T = self._recording.T_world_camera @ registered.T_camera_object
        if self._symmetric:
            T = nearest_yaw(T, T_world_object)
        shift = float(np.linalg.norm(T[:3, 3] - T_world_object[:3, 3]))
        turn = float(rotation_angle(T[:3, :3], T_world_object[:3, :3]))
        return not registered.lost and shift < _SAME_M and turn < _SAME_RAD


def _reliability(estimate: PoseEstimate) -> float:
    reliable = not estimate.lost and estimate.confidence >= _LEAST_CONFIDENCE
    return float(estimate.confidence) if reliable else 0.0


@dataclass(frozen=True, eq=False)
class HandTrack:
    """What the hand pose estimator said, frame by frame."""

    joints_world: FloatArray
    """`(T, 21, 3)` [m]; NaN where no hand was seen."""
    confidence: FloatArray
    """`(T,)` in [0, 1]; 0 where no hand was seen."""
    right: NDArray[np.bool_]
    """`(T,)` whether a right hand was seen."""


def follow_hand(
    recording: Recording,
    estimator: HandPoseEstimator,
    done: Callable[[float], None],
    lift: LiftConfiguration | None = None,
) -> HandTrack:
    """Estimate the hand in every frame, in the order of time; then fit all frames with the same bones.

    Args:
        recording: What the camera saw.
        estimator: Finds the hand in one frame.
        done: Called with the part of the frames that are done.
        lift: Of the second fit, which concerns estimators that lift landmarks; its defaults when None.
    """
    count = recording.frame_count
    estimates = []
    for index, (rgb, depth_m) in enumerate(frames_in_order(recording, range(count))):
        estimates.append(estimator.estimate(rgb, depth_m, recording.camera_matrix))
        done((index + 1) / count)
    track = HandTrack(np.full((count, 21, 3), np.nan), np.zeros(count), np.zeros(count, dtype=bool))
    hands, _ = fit_one_hand(estimates, recording.camera_matrix, lift)
    for index, hand in enumerate(hands):
        if hand is not None:
            track.joints_world[index] = transform_points(recording.T_world_camera, hand.joints_camera)
            track.confidence[index] = hand.confidence
            track.right[index] = hand.right
    return track
