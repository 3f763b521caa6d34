"""Whether an image confirms a pose that somebody else estimated, and where to look when it does not.

FoundationPose, in process or as a ROS node, always answers with a pose and never says how good it is. So the
object is drawn at that pose and compared with colour and depth: the overlap of what should be seen with what is
(the published system's own test for a lost object, there with a mask from SAM 2), and the share of the visible
surface that is measured where it should be.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray, crop_around, heights_above, project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.ray_casting import render

GOOD_CONFIDENCE = 0.5
"""Less than this is no confirmation."""
_BORDER_PX = 20
_CROP_PIXELS = 9000
_BAND_M = 0.02
"""Measured this close to the drawn object's depth, a pixel may be the object's."""
_SURFACE_M = 0.008
"""Measured this close to it, the pixel is the object's; this far behind it, the camera saw through."""
_ENOUGH_SHARE = 0.3
"""Share of the visible surface that must be confirmed for full confidence; a hand may cover the rest."""
_TABLE_SKIN_M = 0.006
"""Lower than this above the table, a point may be the table's."""


@dataclass(frozen=True, eq=False)
class Agreement:
    """What one image says about one pose."""

    confidence: float
    """In [0, 1]: how much of the visible surface is measured where it should be."""
    overlap: float
    """In [0, 1]: intersection over union of the drawn object and of what looks like it round there."""
    mask: NDArray[np.bool_]
    """Pixels `(H, W)` measured on the object's surface."""


class PoseChecker:
    """Compares poses with images; remembers the object's colours and the table.

    Args:
        model: The object.
    """

    def __init__(self, model: ObjectModel) -> None:
        self._model = model
        self._colour = ColourModel(None)
        self._plane: FloatArray | None = None

    def set_table_plane(self, plane: FloatArray | None) -> None:
        """Name the plane `(4,)` the object may rest on (camera frame), or none."""
        self._plane = None if plane is None else np.asarray(plane, dtype=np.float64)

    def forget_colours(self) -> None:
        """The next object may have others."""
        self._colour = ColourModel(None)

    def learn_colours(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        T_camera_object: FloatArray,
    ) -> None:
        """Remember the colours of what lies on the object's surface at a good pose `T_camera_object (4, 4)` [m]."""
        crop = self._crop(depth_m.shape, camera_matrix, T_camera_object)
        if crop is None:
            return
        drawn_m = render(self._model, T_camera_object, camera_matrix, crop).depth_m
        outline = cv2.dilate((drawn_m > 0).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
        on_surface = _near(crop.of(depth_m), drawn_m, _SURFACE_M)
        self._colour = ColourModel.learn(np.ascontiguousarray(crop.of(rgb)), on_surface, ~outline)

    def check(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        T_camera_object: FloatArray,
    ) -> Agreement:
        """Compare a pose `T_camera_object (4, 4)` [m] with colour `(H, W, 3)` and depth `(H, W)` [m].

        A pose outside the image is supported by nothing.
        """
        crop = self._crop(depth_m.shape, camera_matrix, T_camera_object)
        if crop is None:
            return Agreement(0.0, 0.0, np.zeros(depth_m.shape, dtype=bool))
        drawn_m = render(self._model, T_camera_object, camera_matrix, crop).depth_m
        measured_m = np.ascontiguousarray(crop.of(depth_m))
        matches = self._colour.matches(np.ascontiguousarray(crop.of(rgb)))
        mine = matches & _near(measured_m, drawn_m, _SURFACE_M)
        reach = 2 * max(_BORDER_PX // crop.stride, 1) + 1
        round_it_m = cv2.dilate(drawn_m, np.ones((reach, reach), np.uint8)).astype(np.float32, copy=False)
        around = np.where(drawn_m > 0, drawn_m, round_it_m)
        looks_like_it = (
            matches & _near(measured_m, around, _BAND_M) & self._above_table(crop, measured_m, camera_matrix)
        )
        union = np.count_nonzero(looks_like_it | (drawn_m > 0))
        overlap = np.count_nonzero(looks_like_it & (drawn_m > 0)) / union if union else 0.0
        mask = crop.full_mask(mine & looks_like_it, depth_m.shape)
        return Agreement(_confidence(mine, measured_m, drawn_m), float(overlap), mask)

    def candidates(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        T_camera_object: FloatArray,
    ) -> NDArray[np.bool_]:
        """Pixels `(H, W)` near the pose `(4, 4)` [m] it was last seen at, of its colour: it may be there now."""
        centre = T_camera_object[:3, :3] @ self._model.centre + T_camera_object[:3, 3]
        whole = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], 1)
        points = whole.rays(camera_matrix) * depth_m[..., None]
        near = (depth_m > 0) & (np.linalg.norm(points - centre, axis=-1) < self._model.diameter)
        near &= self._colour.matches(rgb) & self._above_table(whole, depth_m, camera_matrix)
        closed = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
        if count < 2:
            return near
        return np.asarray(near & (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))))

    def _crop(self, shape: tuple[int, ...], camera_matrix: FloatArray, T: FloatArray) -> Crop | None:
        if not np.all(np.isfinite(T)):
            return None
        vertices = self._model.vertices @ T[:3, :3].T + T[:3, 3]
        if vertices[:, 2].min() < 0.05:
            return None
        pixels = project(camera_matrix, vertices)
        return crop_around(pixels, shape, border_px=_BORDER_PX, largest_pixel_count=_CROP_PIXELS)

    def _above_table(self, crop: Crop, depth_m: NDArray[np.float32], camera_matrix: FloatArray) -> NDArray[np.bool_]:
        if self._plane is None:
            return np.ones(depth_m.shape, dtype=bool)
        return heights_above(self._plane, crop.rays(camera_matrix) * depth_m[..., None]) > _TABLE_SKIN_M


def _confidence(mine: NDArray[np.bool_], measured_m: NDArray[np.float32], drawn_m: NDArray[np.float32]) -> float:
    """Pixels on the surface confirm a pose, pixels seen through refute it; what is hidden does neither."""
    seen = drawn_m > 0
    refuted = np.count_nonzero(seen & (measured_m > 0) & (measured_m - drawn_m >= _SURFACE_M))
    confirmed = np.count_nonzero(mine)
    if confirmed == 0:
        return 0.0
    enough = min(1.0, confirmed / (_ENOUGH_SHARE * np.count_nonzero(seen)))
    return float(confirmed / (confirmed + refuted) * enough)


def _near(measured_m: NDArray[np.float32], drawn_m: NDArray[np.float32], band_m: float) -> NDArray[np.bool_]:
    """Pixels `(h, w)` measured near the drawn object's depth, where it is drawn."""
    known = (measured_m > 0) & (drawn_m > 0)
    return np.asarray(known & (np.abs(measured_m - drawn_m) < band_m))
