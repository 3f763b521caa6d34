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


_CLEAN_M = 0.0025
"""Depth with less noise is left as it is: the least squares average it, and fine things stay sharp."""
_SMOOTHED_PX, _WITHIN = 5, 3.0
"""Width of the filter, and how many standard deviations of the noise two pixels of one surface may differ."""


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
    depth_m = without_noise(np.ascontiguousarray(crop.of(image.depth_m)))
    points = (crop.rays(image.camera_matrix) * depth_m[..., None]).astype(np.float32)
    height_m = None if plane is None else heights_above(plane, points)
    rgb = np.ascontiguousarray(crop.of(image.rgb))
    matches = colour.matches(rgb)
    return View(crop, border_px, rgb, depth_m, points, height_m, matches, background.seen(crop, depth_m))


def without_noise(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth `(h, w)` [m] smoothed within its surfaces, where it is noisy; holes stay holes, edges stay edges.

    A point that noise moved behind the thin wall of a vessel belongs to the wall's other side, so noise of a few
    millimetres does not average out there: it pulls the vessel towards the camera.
    """
    left, middle, right = depth_m[:, :-2], depth_m[:, 1:-1], depth_m[:, 2:]
    bend = (left - 2.0 * middle + right)[(left > 0) & (middle > 0) & (right > 0)]
    # The second difference of white noise has six times its variance; surfaces bend far less than that.
    noise_m = 1.48 * float(np.median(np.abs(bend))) / np.sqrt(6.0) if bend.size else 0.0
    if noise_m < _CLEAN_M:
        return depth_m
    smooth = cv2.bilateralFilter(depth_m, _SMOOTHED_PX, float(_WITHIN * noise_m), _SMOOTHED_PX / 2.0)
    return np.where(depth_m > 0, smooth, np.float32(0.0)).astype(np.float32)
