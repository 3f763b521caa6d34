"""Images of a lens that bends straight lines, made straight: everything behind a camera assumes a pinhole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_MATTERS_PX = 0.5
"""A lens that moves no pixel further than this is taken for a pinhole."""
_GRID = 33
"""librealsense projects one point at a time: on a grid of this many rows and columns, in between linearly."""


@dataclass(frozen=True, eq=False)
class Rectification:
    """Where each pixel of the straight image lies in the lens's."""

    largest_px: float
    """How far the most distorted pixel is moved [px]."""
    map_x: NDArray[np.float32] | None
    """`(H, W)` [px]; None when the lens is as good as a pinhole."""
    map_y: NDArray[np.float32] | None

    @classmethod
    def of_lens(cls, rs: Any, lens: Any) -> Rectification:
        """Rectification to a pinhole of the same focal lengths and principal point.

        Args:
            rs: The `pyrealsense2` module, which knows its own distortion models.
            lens: The colour stream's `rs.intrinsics`.
        """
        if not any(lens.coeffs):
            return cls(0.0, None, None)
        x = np.linspace(0.0, lens.width - 1.0, _GRID)
        y = np.linspace(0.0, lens.height - 1.0, _GRID)
        source = np.array(
            [
                [
                    rs.rs2_project_point_to_pixel(lens, [(u - lens.ppx) / lens.fx, (v - lens.ppy) / lens.fy, 1.0])
                    for u in x
                ]
                for v in y
            ]
        )
        straight = np.stack(np.meshgrid(x, y), axis=-1)
        largest = float(np.max(np.linalg.norm(source - straight, axis=-1)))
        if largest < _MATTERS_PX:
            return cls(largest, None, None)
        column, row = np.meshgrid(
            np.linspace(0.0, _GRID - 1.0, lens.width, dtype=np.float32),
            np.linspace(0.0, _GRID - 1.0, lens.height, dtype=np.float32),
        )
        maps = [
            np.asarray(cv2.remap(source[..., k].astype(np.float32), column, row, cv2.INTER_LINEAR), dtype=np.float32)
            for k in (0, 1)
        ]
        return cls(largest, maps[0], maps[1])

    def colour(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Straighten colour `(H, W, 3)`."""
        if self.map_x is None or self.map_y is None:
            return rgb
        return np.asarray(cv2.remap(rgb, self.map_x, self.map_y, cv2.INTER_LINEAR), dtype=np.uint8)

    def depth(self, depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Straighten depth `(H, W)` [m]; never mixed over an edge, 0 where nothing was seen."""
        if self.map_x is None or self.map_y is None:
            return depth_m
        return np.asarray(cv2.remap(depth_m, self.map_x, self.map_y, cv2.INTER_NEAREST), dtype=np.float32)
