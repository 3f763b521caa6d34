"""What stands in an image as parts: cut where depth jumps, and joined again where it may only seem to."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_JUMP_M = 0.015
"""Neighbouring pixels of one surface differ less in depth."""
_SMALLEST_PX = 40
_SQUARE = np.ones((3, 3), np.uint8)


def connected_parts(standing: NDArray[np.bool_], depth_m: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Connected parts of a mask, cut where depth jumps."""
    depth = np.where(standing, depth_m, 0.0).astype(np.float32)
    jump = cv2.dilate(depth, _SQUARE) - depth > _JUMP_M
    count, labels, stats, _ = cv2.connectedComponentsWithStats((standing & ~jump).astype(np.uint8), connectivity=4)
    return [labels == index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] >= _SMALLEST_PX]


def joined_parts(parts: list[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """Every group of parts that touch but for the cut between them, as one, with the pixels of the cut."""
    if len(parts) < 2:
        return []
    near = cv2.dilate(np.any(parts, axis=0).astype(np.uint8), _SQUARE)
    count, labels = cv2.connectedComponents(near, connectivity=8)
    wholes = []
    for index in range(1, count):
        group = [part for part in parts if labels[part][0] == index]
        if len(group) > 1:
            wholes.append(cv2.morphologyEx(np.any(group, axis=0).astype(np.uint8), cv2.MORPH_CLOSE, _SQUARE) > 0)
    return wholes
