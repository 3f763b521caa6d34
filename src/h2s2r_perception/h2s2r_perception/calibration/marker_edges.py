"""Corners of a square marker to a few hundredths of a pixel: where lines along its edges meet.

`cv2.cornerSubPix`, made for crossings of a chessboard, draws the outer corners of a marker 0.4 px inwards
(measured on rendered tags), which puts the board too far away.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_ALONG = np.linspace(0.08, 0.92, 40)
"""Where along an edge it is looked at; corners are rounded by blur."""
_ROUNDS = 3


def refine_corners(gray: NDArray[np.uint8], corners: FloatArray) -> FloatArray:
    """Move the corners `(4, 2)` [px] of a dark marker on light paper to where its edges meet."""
    image = cv2.GaussianBlur(gray, (0, 0), 0.6).astype(np.float32)
    corners = np.asarray(corners, dtype=np.float64)
    for _ in range(_ROUNDS):
        lines = [_edge(image, corners[i], corners[(i + 1) % 4], corners.mean(axis=0)) for i in range(4)]
        moved = np.stack([_meet(lines[i - 1], lines[i]) for i in range(4)])
        if not np.all(np.isfinite(moved)) or np.abs(moved - corners).max() > 3.0:
            return corners
        corners = moved
    return corners


def _edge(image: NDArray[np.float32], a: FloatArray, b: FloatArray, middle: FloatArray) -> FloatArray:
    """The line `(3,)` `n . p + d = 0` through the steepest places across the edge from a to b."""
    along = b - a
    length = float(np.linalg.norm(along))
    normal = np.array([-along[1], along[0]]) / max(length, 1e-9)
    normal = normal if normal @ (a - middle) > 0 else -normal  # outwards: from black to white
    reach = float(np.clip(length / 12, 1.5, 4.0))
    offset = np.linspace(-reach, reach, 25)
    place = a + _ALONG[:, None] * along
    at = (place[:, None] + offset[None, :, None] * normal).astype(np.float32)
    profile = cv2.remap(image, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rise = np.clip(np.diff(profile, axis=1), 0.0, None).astype(np.float64) ** 2
    weight = rise.sum(axis=1)
    centre = (rise @ ((offset[1:] + offset[:-1]) / 2)) / np.maximum(weight, 1e-9)
    points = place + centre[:, None] * normal
    use = weight > 0.2 * np.median(weight)
    line = np.zeros(3)
    for _ in range(2):
        mean = points[use].mean(axis=0)
        line[:2] = np.linalg.svd(points[use] - mean, full_matrices=False)[2][1]
        line[2] = -line[:2] @ mean
        off = np.abs(points @ line[:2] + line[2])
        use = off <= max(3.0 * float(np.median(off[use])), 0.1)
    return line


def _meet(first: FloatArray, second: FloatArray) -> FloatArray:
    crossing = np.cross(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(crossing[:2] / crossing[2])
