"""Where in the image a hand could be, from motion, the colour of skin, and depth.

A palm detector that sees the whole frame misses small hands; shown the right part, it finds them. Three
signs are cheap: the hand moves, it has the colour of skin, and it is nearer than what was there before.
What is nearer and reaches the border of the image is the arm, and the hand is at its far end.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 [px], the last two exclusive."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionConfiguration:
    """What counts as a sign."""

    reduction: int = 4
    """All signs are sought in an image this much smaller."""
    changed_level: int = 12
    """Grey levels by which a pixel must change to count as moving: above the noise of a camera."""
    nearer_m: float = 0.03
    """How much nearer than the background."""
    nearer_share: float = 0.02
    """The same as a share of the distance: noise grows with it."""
    smallest_hand_m: float = 0.05
    """A patch that is smaller, at its distance, is no hand."""
    window_m: float = 0.34
    """Side of the square in which a hand is sought: twice a hand's length."""
    nominal_distance_m: float = 0.7
    """Taken where depth is unknown."""
    cr: tuple[int, int] = (134, 180)
    cb: tuple[int, int] = (77, 132)
    """Skin of all tones under white light lies between these in YCrCb; brightness says little."""


class HandRegionFinder:
    """Remembers the last image and, for each pixel, the farthest depth seen: the static background."""

    def __init__(self, configuration: RegionConfiguration | None = None) -> None:
        self._configuration = configuration or RegionConfiguration()
        self._last_grey: NDArray[np.uint8] | None = None
        self._background_m: NDArray[np.float32] | None = None

    def look(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32] | None, focal_length_px: float) -> HandSigns:
        """Take in the next frame; cheap enough for every one.

        Args:
            rgb: Colour `(H, W, 3)`.
            depth_m: Depth `(H, W)` [m], 0 where unknown; None without a depth camera.
            focal_length_px: Turns sizes into pixels.
        """
        c = self._configuration
        step = c.reduction
        small = np.ascontiguousarray(rgb[step // 2 :: step, step // 2 :: step])
        grey: NDArray[np.uint8] = cv2.blur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (3, 3)).astype(np.uint8)
        moving = None
        if self._last_grey is not None and self._last_grey.shape == grey.shape:
            moving = cv2.absdiff(grey, self._last_grey) > c.changed_level
        self._last_grey = grey
        depth = nearer = None
        if depth_m is not None:
            depth = depth_m[step // 2 :: step, step // 2 :: step]
            nearer = self._nearer(depth)
        return HandSigns(rgb, depth, moving, nearer, focal_length_px, c)

    def _nearer(self, depth: NDArray[np.float32]) -> Mask | None:
        c = self._configuration
        if self._background_m is None or self._background_m.shape != depth.shape:
            self._background_m = depth.copy()
            return None
        limit = self._background_m * (1.0 - c.nearer_share) - c.nearer_m
        nearer: Mask = (depth > 0.0) & (depth < limit)
        self._background_m = np.maximum(self._background_m, depth)
        return nearer


class HandSigns:
    """The signs of one frame; regions are worked out when asked for, which is seldom."""

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32] | None,
        moving: NDArray | None,
        nearer: Mask | None,
        focal_length_px: float,
        configuration: RegionConfiguration,
    ) -> None:
        self._shape = rgb.shape[:2]
        step = configuration.reduction
        self._colour = np.ascontiguousarray(rgb[step // 2 :: step, step // 2 :: step])
        self._depth, self._moving, self._nearer = depth, moving, nearer
        self._focal = focal_length_px
        self._configuration = configuration

    def regions(self) -> list[Box]:
        """Squares in the full image, the likeliest first; empty where nothing speaks for a hand."""
        skin = skin_mask(self._colour, self._configuration)
        found: list[Box] = []
        if self._nearer is not None:
            found += self._of_arm(self._nearer, skin)
            found += self._of_largest(self._nearer & skin)
        if self._moving is not None:
            found += self._of_largest(_joined(self._moving & skin))
            found += self._of_largest(_joined(self._moving))
        found += self._of_largest(skin)
        return _different(found)

    def _of_arm(self, nearer: Mask, skin: Mask) -> list[Box]:
        """The far end of the largest thing that is nearer than before and reaches in from the border."""
        patch = _largest(_joined(nearer))
        if patch is None:
            return []
        border = patch.copy()
        border[2:-2, 2:-2] = False
        if not border.any() or not (patch & skin).any():
            return []
        entry = np.argwhere(border).mean(axis=0)
        places = np.argwhere(patch & skin)
        away = np.linalg.norm(places - entry, axis=1)
        # The hand is what lies within a hand's length of the far end.
        hand = places[away > away.max() - 0.5 * self._window_px(patch) / self._configuration.reduction]
        return [self._square(hand, self._window_px(patch))]

    def _of_largest(self, mask: Mask) -> list[Box]:
        patch = _largest(mask)
        if patch is None:
            return []
        window = self._window_px(patch)
        smallest = window * self._configuration.smallest_hand_m / self._configuration.window_m
        if np.sqrt(patch.sum()) * self._configuration.reduction < 0.5 * smallest:
            return []
        return [self._square(np.argwhere(patch), window)]

    def _square(self, places: NDArray[np.int64], side: float) -> Box:
        """A square round places `(P, 2)` (row, column) of the small image; as large as they need."""
        step = self._configuration.reduction
        low, high = places.min(axis=0) * step, (places.max(axis=0) + 1) * step
        side = max(side, float(1.3 * (high - low).max()))
        row, column = 0.5 * (low + high)
        return square_in((round(column - side / 2), round(row - side / 2)), round(side), self._shape)

    def _window_px(self, patch: Mask) -> float:
        c = self._configuration
        distance = c.nominal_distance_m
        if self._depth is not None and (known := self._depth[patch & (self._depth > 0.0)]).size:
            distance = float(np.median(known))
        return self._focal * c.window_m / distance


def skin_mask(rgb: NDArray[np.uint8], configuration: RegionConfiguration | None = None) -> Mask:
    """Pixels `(H, W)` that have the colour of skin."""
    c = configuration or RegionConfiguration()
    ycrcb = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    inside = cv2.inRange(ycrcb, np.array([40, c.cr[0], c.cb[0]]), np.array([255, c.cr[1], c.cb[1]]))
    mask: Mask = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    return mask


def square_in(corner: tuple[int, int], side: int, shape: tuple[int, ...]) -> Box:
    """A square moved into an image of `shape`, made smaller where it does not fit."""
    side = max(16, min(side, *shape[:2]))
    left = int(np.clip(corner[0], 0, shape[1] - side))
    top = int(np.clip(corner[1], 0, shape[0] - side))
    return left, top, left + side, top + side


def _joined(mask: NDArray) -> Mask:
    """Specks removed, gaps of a few pixels closed."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    joined: Mask = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0
    return joined


def _largest(mask: Mask) -> Mask | None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return None
    patch: Mask = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return patch


def _different(boxes: list[Box]) -> list[Box]:
    """Without those that nearly repeat an earlier one."""
    kept: list[Box] = []
    for box in boxes:
        if all(_overlap(box, other) < 0.7 for other in kept):
            kept.append(box)
    return kept


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
