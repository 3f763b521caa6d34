"""Object pose on a stream: finds the object by itself, follows it, finds it again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.protocol import FloatArray, ObjectPoseEstimator
from h2s2r_perception.segmentation import Workspace, plane_from_height, propose_masks

_TRIED_MASKS = 2
_REGISTERED = 0.8
"""Confidence from which on a registration is believed: there is no person who pointed at the object."""
_PATIENCE_FRAMES = 45
"""Lost this long, the object is looked for in the whole workspace; until then the estimator looks near by."""
_PAUSE_FRAMES = 10
"""A search of the whole workspace costs many frames' time: after one in vain the next waits this long."""


@dataclass(frozen=True)
class LivePose:
    """The answer to one image pair."""

    T_world_object: FloatArray
    """`(4, 4)` [m]; meaningless when lost."""
    confidence: float
    lost: bool


class LiveObjectPose:
    """Turns image pairs into poses in the world, with no prompt.

    Args:
        model: The object.
        estimator: Registers and tracks.
        T_world_camera: `(4, 4)` [m] pose of the optical frame.
        workspace: Where the object may be, and the height of the table.
    """

    def __init__(
        self, model: ObjectModel, estimator: ObjectPoseEstimator, T_world_camera: FloatArray, workspace: Workspace
    ) -> None:
        self._model = model
        self._estimator = estimator
        self._T_world_camera = T_world_camera
        self._workspace = workspace
        self._registered = False
        self._lost_frames = 0
        self._pause_frames = 0
        estimator.set_table_plane(plane_from_height(T_world_camera, workspace.table_height_m))

    def reset(self) -> None:
        """Forget the object: the next image registers it afresh."""
        self._registered = False
        self._pause_frames = 0

    def update(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: FloatArray) -> LivePose:
        """Take one image pair: colour `(H, W, 3)`, aligned depth `(H, W)` [m], intrinsics `(3, 3)` [px]."""
        if not self._registered or self._lost_frames > _PATIENCE_FRAMES:
            if self._pause_frames > 0:
                self._pause_frames -= 1
                return LivePose(np.eye(4), 0.0, lost=True)
            return self._register(rgb, depth_m, camera_matrix)
        estimate = self._estimator.track(rgb, depth_m)
        self._lost_frames = self._lost_frames + 1 if estimate.lost else 0
        return self._in_world(estimate.T_camera_object, estimate.confidence, estimate.lost)

    def _register(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: FloatArray) -> LivePose:
        masks = propose_masks(rgb, depth_m, camera_matrix, self._T_world_camera, self._workspace, self._model)
        for mask in masks[:_TRIED_MASKS]:
            try:
                estimate = self._estimator.register(rgb, depth_m, camera_matrix, mask)
            except InputError:
                continue
            self._pause_frames = _PAUSE_FRAMES
            if not estimate.lost and estimate.confidence >= _REGISTERED:
                self._registered, self._lost_frames, self._pause_frames = True, 0, 0
                return self._in_world(estimate.T_camera_object, estimate.confidence, lost=False)
        return LivePose(np.eye(4), 0.0, lost=True)

    def _in_world(self, T_camera_object: FloatArray, confidence: float, lost: bool) -> LivePose:
        return LivePose(self._T_world_camera @ T_camera_object, confidence, lost)
