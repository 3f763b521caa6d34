"""How far depth lies beside colour: the edges of things are in both images, and should be in the same place.

Depth is aligned to colour before it is recorded. Where that was forgotten, or done with the calibration of
another resolution, everything that takes a pixel's colour and depth together reads two different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_JUMP = 0.04
"""Depth that changes by this share of itself between neighbours is an edge."""
_HOLE_PX = 5
"""Holes up to this size are closed first: their rims are no edges of things."""
_SURROUNDINGS = 0.015
"""Standard deviation of what counts as the surroundings of an edge, as a share of the image's width."""
_REACH = 0.06
"""Largest shift looked for, as a share of the image's width."""


@dataclass(frozen=True)
class Shift:
    """Where depth edges fit colour edges best."""

    pixels: tuple[int, int]
    """Right and down: colour is found at a depth pixel plus this."""
    gain: float
    """How much better the edges fit there than unshifted: 1 is no better. Infinite when they do not fit at all."""
    edges: int
    """Depth edge pixels it was measured on."""


def depth_shift(frames: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32]]]) -> Shift:
    """Shift of colour against depth, over several frames together.

    Args:
        frames: Colour `(H, W, 3)` and depth `(H, W)` [m] each.
    """
    width = frames[0][1].shape[1]
    reach = max(2, round(_REACH * width))
    total = np.zeros((2 * reach + 1, 2 * reach + 1))
    count = 0
    for rgb, depth_m in frames:
        edges = _depth_edges(depth_m)
        count += int(edges.sum())
        total += _correlation(edges.astype(np.float32), _colour_edges(rgb), reach)
    total = cv2.GaussianBlur(total, (3, 3), 0)
    row, column = np.unravel_index(int(np.argmax(total)), total.shape)
    near = total[reach - 1 : reach + 2, reach - 1 : reach + 2].max()
    gain = float(total.max() / near) if near > 0.0 else float("inf")
    return Shift((int(column) - reach, int(row) - reach), gain, count)


def _depth_edges(depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    closed = cv2.morphologyEx(depth_m, cv2.MORPH_CLOSE, np.ones((_HOLE_PX, _HOLE_PX), np.uint8))
    kernel = np.ones((3, 3), np.uint8)
    near = cv2.erode(np.where(closed > 0.0, closed, np.float32(np.inf)), kernel)
    far = cv2.dilate(closed, kernel)
    return np.asarray((closed > 0.0) & (far - near > _JUMP * near))


def _colour_edges(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Strength of colour gradients above that of their surroundings: a textured region is no edge.

    Its square root, so that a few strong ones do not decide.
    """
    smooth = cv2.GaussianBlur(rgb, (0, 0), 1.0)
    x, y = (cv2.Sobel(smooth, cv2.CV_32F, dx, dy) for dx, dy in ((1, 0), (0, 1)))
    strength = np.sqrt(np.sqrt(x * x + y * y).max(axis=-1))
    return np.asarray(strength - cv2.GaussianBlur(strength, (0, 0), _SURROUNDINGS * rgb.shape[1]), dtype=np.float32)


def _correlation(edges: NDArray[np.float32], strength: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    """Sum of `strength` under `edges` for each shift `(2 reach + 1, 2 reach + 1)` of it, rows down."""
    padded = cv2.copyMakeBorder(strength, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0.0)
    # An edge template as large as the image, matched at each shift.
    return np.asarray(cv2.matchTemplate(padded, edges, cv2.TM_CCORR), dtype=np.float64)
