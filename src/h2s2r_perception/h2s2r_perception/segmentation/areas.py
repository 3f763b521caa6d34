"""Boxes and points of a prompt as areas of the image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.recording.prompt import Point

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 [px], the last two exclusive."""

BORDER_SHARE = 0.4
"""Width of the surroundings, in box sides, from which table and background are learned."""
_POINT_RADIUS_PX = 3
"""Pixels this near to a point given by a person are what the point is."""


def grown(box: Box, shape: tuple[int, ...], share: float) -> Box:
    """The box with a border of `share` of its sides, at least 8 px, inside the image."""
    x0, y0, x1, y1 = box
    dx, dy = max(8, round(share * (x1 - x0))), max(8, round(share * (y1 - y0)))
    return max(x0 - dx, 0), max(y0 - dy, 0), min(x1 + dx, shape[1]), min(y1 + dy, shape[0])


def filled(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels `(H, W)` of a box."""
    inside = np.zeros(shape[:2], dtype=bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    return inside


def overlap(mask: NDArray[np.bool_], box: Box) -> float:
    """Intersection over union of the box round a mask and another box."""
    row, column = np.nonzero(mask)
    x0, y0, x1, y1 = column.min(), row.min(), column.max() + 1, row.max() + 1
    both = max(min(x1, box[2]) - max(x0, box[0]), 0) * max(min(y1, box[3]) - max(y0, box[1]), 0)
    return float(both / ((x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - both))


def pixels_at(points: tuple[Point, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The very pixels `(H, W)` of the points."""
    pixels = np.zeros(shape[:2], dtype=bool)
    for x, y in points:
        pixels[int(y), int(x)] = True
    return pixels


def discs_at(points: tuple[Point, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels `(H, W)` near any of the points."""
    discs = np.zeros(shape[:2], dtype=np.uint8)
    for x, y in points:
        cv2.circle(discs, (int(x), int(y)), _POINT_RADIUS_PX, 1, -1)
    return discs.astype(bool)
