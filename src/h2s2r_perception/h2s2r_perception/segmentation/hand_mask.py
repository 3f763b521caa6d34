"""Which pixels are the hand and its forearm, in every frame of a Recording.

The hand is what stands before the static scene, hangs together in depth with the estimated joints, and is
not the object. Where no joints are known in a frame, the colours that the hand had in the others tell it.
Written beside the object's masks, in the layout that the published system and HaMeR's alignment read:

```
hand_masks/%05d.png   255 = hand
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, transform_points
from h2s2r_perception.hand_pose.skeleton import PARENT
from h2s2r_perception.image_points import Crop, FloatArray, project
from h2s2r_perception.recording import Recording, frame_path
from h2s2r_perception.recording.mask_file import write_mask
from h2s2r_perception.segmentation.likeness import BINS, colour_bins, colour_histogram
from h2s2r_perception.segmentation.parts import connected_parts
from h2s2r_perception.segmentation.stays import deepest, least_step
from h2s2r_perception.segmentation.timelapse import read_timelapse

HAND_MASKS, OBJECT_MASKS = "hand_masks", "masks"
_BONES = [(int(PARENT[joint]), joint) for joint in range(1, 21)] + [(5, 9), (9, 13), (13, 17)]
"""Pairs of joints; the last three close the palm."""


@dataclass(frozen=True)
class HandMaskConfiguration:
    """What a hand is like."""

    period_s: float = 0.15
    """Between the frames from which scene and skin are learned."""
    most_samples: int = 80
    reach_m: float = 0.025
    """From a bone to the skin, and the error of the joints."""
    skin_ratio: float = 2.0
    """A colour this much more frequent on the hand than elsewhere is the hand's."""
    skin_share: float = 0.3
    """Share of a part's pixels with the hand's colours that makes it the hand; a sleeve has others."""
    object_margin_px: int = 2
    """The object's mask may be narrower than the object."""


_BONE_STRIDE = 2
"""Pixels from one that is measured against the bones to the next."""


class HandMasker:
    """Knows the scene without the hand, the hand's joints and its colours."""

    def __init__(
        self, recording: Recording, joints_world: FloatArray, configuration: HandMaskConfiguration | None = None
    ) -> None:
        """Learn scene and skin from a few frames a second.

        Args:
            recording: What the camera saw.
            joints_world: `(T, 21, 3)` [m], NaN where no hand was seen.
            configuration: The defaults when None.
        """
        self._configuration = configuration or HandMaskConfiguration()
        self._recording = recording
        self._joints = transform_points(inverse(recording.T_world_camera), joints_world)
        self._known = np.asarray(np.isfinite(joints_world).all(axis=(1, 2)))
        width, height = recording.image_size
        self._rays = Crop(0, 0, width, height, 1).rays(recording.camera_matrix)
        limits = self._configuration
        timelapse = read_timelapse(recording, limits.period_s, 320, limits.most_samples)
        size = (width, height)
        self._scene_m = cv2.resize(deepest(timelapse.depth_m), size, interpolation=cv2.INTER_NEAREST)
        self._step_m = cv2.resize(least_step(timelapse.depth_m), size, interpolation=cv2.INTER_NEAREST)
        self._skin = self._learned_skin(timelapse.frame)

    def mask(self, index: int, object_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The hand `(H, W)` in a frame, given the object's pixels there; empty where no hand is in view."""
        rgb, depth_m = self._recording.rgb(index), self._recording.depth_m(index)
        margin = 2 * self._configuration.object_margin_px + 1
        free = cv2.dilate(object_mask.astype(np.uint8), np.ones((margin, margin), np.uint8)) == 0
        before = self._before_scene(depth_m) & free
        skin = self._skin[colour_bins(rgb)]
        near = self._near_bones(index, depth_m) & free
        hand = near & (before | skin)
        for part in connected_parts(before, depth_m):
            reached = (part & near).any() if self._known[index] else False
            if reached or (part & skin).sum() > self._configuration.skin_share * part.sum():
                hand |= part
        closed = cv2.morphologyEx(hand.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
        return np.asarray(closed & (depth_m > 0) & ~object_mask)

    def _before_scene(self, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """What stands before all that was ever seen there; single pixels do not count."""
        near = (depth_m > 0) & (self._scene_m - depth_m > self._step_m)
        return cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(bool)

    def _near_bones(self, index: int, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Pixels whose point lies within reach of a bone; none where the joints are unknown."""
        near = np.zeros(depth_m.shape, dtype=bool)
        if not self._known[index]:
            return near
        joints, reach_m = self._joints[index], self._configuration.reach_m
        pixels = project(self._recording.camera_matrix, joints)
        border = self._recording.camera_matrix[0, 0] * reach_m / max(float(joints[:, 2].min()), 0.1)
        x0, y0 = np.maximum(np.floor(pixels.min(axis=0) - border).astype(int), 0)
        x1, y1 = np.maximum(np.ceil(pixels.max(axis=0) + border).astype(int) + 1, 0)
        place = slice(y0, y1), slice(x0, x1)
        if x0 >= x1 or y0 >= y1 or x0 >= depth_m.shape[1] or y0 >= depth_m.shape[0]:
            return near
        depth = depth_m[place]
        points = (self._rays[place] * depth[..., None])[::_BONE_STRIDE, ::_BONE_STRIDE].astype(np.float32)
        within = np.zeros(points.shape[:2], dtype=bool)
        for a, b in _BONES:
            within |= _distance_to_segment(points, joints[a], joints[b]) < reach_m
        whole = np.repeat(np.repeat(within, _BONE_STRIDE, axis=0), _BONE_STRIDE, axis=1)
        near[place] = whole[: depth.shape[0], : depth.shape[1]] & (depth > 0)
        return near

    def _learned_skin(self, samples: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which bins of hue and saturation are the hand's: frequent near the bones, rare elsewhere."""
        hand: list[NDArray[np.uint8]] = []
        rest: list[NDArray[np.uint8]] = []
        for index in samples.tolist():
            if not self._known[index]:
                continue
            rgb, depth_m = self._recording.rgb(index), self._recording.depth_m(index)
            near = self._near_bones(index, depth_m)
            hand.append(rgb[near & self._before_scene(depth_m)])
            rest.append(rgb[::4, ::4][~near[::4, ::4]])
        if not hand or sum(map(len, hand)) == 0:
            return np.zeros((BINS, BINS), dtype=bool)
        ratio = self._configuration.skin_ratio
        own, others = colour_histogram(np.concatenate(hand)), colour_histogram(np.concatenate(rest))
        return np.asarray(own > ratio * others + 1e-4)


def write_hand_masks(
    recording: Recording, joints_world: FloatArray, folder: Path, done: Callable[[float], None]
) -> None:
    """Write `hand_masks/` into a folder that holds the object's `masks/`.

    Args:
        recording: What the camera saw.
        joints_world: `(T, 21, 3)` [m] joints of the hand, NaN where no hand was seen.
        folder: Of a Demonstration that is being made.
        done: Called with the part of the frames that are done.

    Raises:
        InputError: A mask of the object is missing.
    """
    (folder / HAND_MASKS).mkdir()
    masker = HandMasker(recording, joints_world)
    for index in range(recording.frame_count):
        path = folder / frame_path(OBJECT_MASKS, index)
        object_mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if object_mask is None:
            raise InputError(
                path, "mask", found="none", expected="the object's mask", remedy="perceive the recording again"
            )
        write_mask(folder / frame_path(HAND_MASKS, index), masker.mask(index, object_mask > 0))
        done((index + 1) / recording.frame_count)


def _distance_to_segment(points: NDArray[np.float32], a: FloatArray, b: FloatArray) -> NDArray[np.float32]:
    """Distance `(...)` [m] of points `(..., 3)` from the segment between a and b."""
    along = (b - a).astype(np.float32)
    from_a = points - a.astype(np.float32)
    share = np.clip(from_a @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    return np.asarray(np.linalg.norm(from_a - share[..., None] * along, axis=-1))
