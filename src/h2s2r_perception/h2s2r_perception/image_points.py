"""Between pixels and points: back-projection, projection, the crop in which the object is looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Crop:
    """A part of the image, every `stride`-th pixel of it."""

    x0: int
    y0: int
    x1: int
    y1: int
    stride: int

    def of(self, image: NDArray) -> NDArray:
        """The crop's pixels of a full image."""
        return image[self.y0 : self.y1 : self.stride, self.x0 : self.x1 : self.stride]

    def rays(self, camera_matrix: FloatArray) -> FloatArray:
        """Directions `(h, w, 3)` of its pixels with z = 1."""
        column = np.arange(self.x0, self.x1, self.stride)
        row = np.arange(self.y0, self.y1, self.stride)
        x = (column - camera_matrix[0, 2]) / camera_matrix[0, 0]
        y = (row - camera_matrix[1, 2]) / camera_matrix[1, 1]
        rays = np.ones((len(row), len(column), 3))
        rays[..., 0], rays[..., 1] = x[None, :], y[:, None]
        return rays

    def full_mask(self, mask: NDArray[np.bool_], image_shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """A mask `(h, w)` of the crop as a mask of the full image; pixels between strides are filled."""
        full = np.zeros(image_shape[:2], dtype=bool)
        filled = np.repeat(np.repeat(mask, self.stride, axis=0), self.stride, axis=1)
        full[self.y0 : self.y1, self.x0 : self.x1] = filled[: self.y1 - self.y0, : self.x1 - self.x0]
        return full


def crop_around(
    pixels: FloatArray, image_shape: tuple[int, ...], *, border_px: int, largest_pixel_count: int
) -> Crop | None:
    """The crop that holds pixels `(P, 2)` and a border; `None` when all lie outside the image."""
    height, width = image_shape[:2]
    low = np.floor(pixels.min(axis=0)).astype(int) - border_px
    high = np.ceil(pixels.max(axis=0)).astype(int) + border_px + 1
    x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
    x1, y1 = min(int(high[0]), width), min(int(high[1]), height)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    stride = max(1, int(np.ceil(np.sqrt((x1 - x0) * (y1 - y0) / largest_pixel_count))))
    return Crop(x0, y0, x1, y1, stride)


def project(camera_matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Pixels `(P, 2)` of points `(P, 3)` [m] in front of the camera."""
    depth = np.maximum(points[:, 2:], 1e-6)
    return points[:, :2] / depth * camera_matrix[[0, 1], [0, 1]] + camera_matrix[:2, 2]


def heights_above(plane: FloatArray, points: NDArray[np.floating]) -> FloatArray:
    """Signed heights `(...)` [m] of points `(..., 3)` above a plane `(4,)`, unit normal and offset."""
    return np.asarray(points @ plane[:3] + plane[3])
