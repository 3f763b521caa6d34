"""A mask found in a small image, redrawn in the full one: what stands on the table just there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray, heights_above
from h2s2r_perception.segmentation.table_plane import INLIER_M

_SLACK = 2
"""Small pixels by which the outline may have been wrong."""
_CONTINUOUS_M = 0.015
_HOLLOW_M = 0.003
"""Above the table what is enclosed by the thing is part of it; lower it is the table, seen through a handle."""


def standing_mask(
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    small: NDArray[np.bool_],
    stride: int,
    plane: FloatArray,
) -> NDArray[np.bool_]:
    """The mask `(H, W)` of what a mask `(h, w)` of every `stride`-th pixel marks.

    Args:
        depth_m: `(H, W)` [m] of the same moment.
        camera_matrix: `(3, 3)` [px].
        small: What is known.
        stride: Pixels of the full image from one pixel of `small` to the next.
        plane: The table `(4,)`, camera frame.
    """
    crop = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], stride)
    known = crop.full_mask(small, depth_m.shape)
    reach = 2 * _SLACK * stride + 1
    near = cv2.dilate(known.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
    whole = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], 1)
    smooth = cv2.medianBlur(depth_m, 5)
    height = heights_above(plane, whole.rays(camera_matrix) * smooth[..., None])
    # What lies just beyond the outline belongs to the thing where its depth goes on.
    inside = np.where(known, smooth, 0.0).astype(np.float32)
    farthest_inside = cv2.dilate(inside, np.ones((reach, reach), np.uint8))
    beyond = near & ~known & (np.abs(farthest_inside - smooth) < _CONTINUOUS_M)
    high = (height > INLIER_M) & (depth_m > 0)
    # What is known belongs together, also where the camera measures nothing: at the rim of a mug, say.
    mask = high & _largest(known | (beyond & high))
    return mask | hollow(mask, np.where(depth_m > 0, height, -1.0))


def hollow(mask: NDArray[np.bool_], height_m: FloatArray) -> NDArray[np.bool_]:
    """Pixels `(H, W)` that a mask encloses and that lie above the table.

    The bottom of a plate hardly stands above the table, but it is no table where the rim goes round it.
    """
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros(mask.shape, np.uint8), outlines, -1, 1, -1)
    return np.asarray((filled > 0) & ~mask & (height_m > _HOLLOW_M))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))) if count > 1 else mask
