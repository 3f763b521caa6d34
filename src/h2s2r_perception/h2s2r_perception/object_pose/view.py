"""One image, seen from where the object is expected in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray, crop_around, heights_above, project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.background import StaticBackground
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.free_space import TABLE_SKIN_M

_BORDER_M, _SMALLEST_BORDER_PX = 0.03, 12
"""Round the object; it may move this far from one image to the next."""
_NEAREST_M = 0.05
_CROP_PIXELS = 9000


@dataclass(frozen=True)
class Image:
    """One image pair and its camera."""

    rgb: NDArray[np.uint8]
    """`(H, W, 3)`."""
    gray: NDArray[np.uint8]
    """`(H, W)`."""
    depth_m: NDArray[np.float32]
    """`(H, W)` [m], 0 = unknown."""
    camera_matrix: FloatArray
    """`(3, 3)` [px]."""

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: FloatArray) -> Image:
        """Colour `(H, W, 3)` and depth `(H, W)` [m] of a camera `(3, 3)` [px]."""
        rgb = np.ascontiguousarray(rgb)
        gray = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        return cls(rgb, gray, depth_m, camera_matrix)


@dataclass(frozen=True)
class View:
    """A part of an image, and what of it may be the object."""

    crop: Crop
    border_px: int
    """How far beyond the expected outline it reaches."""
    rgb: NDArray[np.uint8]
    """`(h, w, 3)`."""
    depth_m: NDArray[np.float32]
    """`(h, w)` [m], 0 = unknown."""
    points: NDArray[np.float32]
    """`(h, w, 3)` [m], camera frame."""
    height_m: FloatArray | None
    """`(h, w)` [m] above the table, if known."""
    colour_matches: NDArray[np.bool_]
    """`(h, w)`, pixels with a colour of the object."""
    still: NDArray[np.bool_]
    """`(h, w)`, pixels that measure the static background."""

    @property
    def candidates(self) -> NDArray[np.bool_]:
        """Pixels `(h, w)` that may be the object: measured, in its colours, neither table nor background."""
        usable = (self.depth_m > 0) & self.colour_matches & ~self.still
        if self.height_m is not None:
            usable &= self.height_m > TABLE_SKIN_M
        return np.asarray(usable)


def crop_at(model: ObjectModel, T_camera_object: FloatArray, image: Image) -> tuple[Crop, int] | None:
    """The part of an image that holds the object at a pose, and its border [px]; `None` when it is not in view."""
    corners = model.corners @ T_camera_object[:3, :3].T + T_camera_object[:3, 3]
    if corners[:, 2].min() < _NEAREST_M:
        return None
    border_px = max(round(_BORDER_M * image.camera_matrix[0, 0] / float(corners[:, 2].mean())), _SMALLEST_BORDER_PX)
    crop = crop_around(
        project(image.camera_matrix, corners),
        image.depth_m.shape,
        border_px=border_px,
        largest_pixel_count=_CROP_PIXELS,
    )
    return None if crop is None else (crop, border_px)


def crop_of_pixels(pixels: FloatArray, border_px: int, image: Image) -> Crop | None:
    """The part of an image round pixels `(P, 2)`, as coarse as `crop_at` would make it."""
    return crop_around(pixels, image.depth_m.shape, border_px=border_px, largest_pixel_count=_CROP_PIXELS)


def view_of(
    image: Image,
    crop: Crop,
    border_px: int,
    plane: FloatArray | None,
    colour: ColourModel,
    background: StaticBackground,
) -> View:
    """Look at a part of an image, knowing the table's plane `(4,)`, the object's colours and the background."""
    depth_m = np.ascontiguousarray(crop.of(image.depth_m))
    points = (crop.rays(image.camera_matrix) * depth_m[..., None]).astype(np.float32)
    height_m = None if plane is None else heights_above(plane, points)
    rgb = np.ascontiguousarray(crop.of(image.rgb))
    matches = colour.matches(rgb)
    return View(crop, border_px, rgb, depth_m, points, height_m, matches, background.seen(crop, depth_m))
