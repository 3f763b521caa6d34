"""How good one frame is: depth holes, blur, exposure. Cheap enough for every frame while recording."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

OVER_EXPOSED, UNDER_EXPOSED = 250, 12
"""Levels of the brightest channel at and beyond which a pixel holds no colour any more."""
_SMOOTHING_PX = 1.0
"""Standard deviation of the filter that keeps sensor noise from looking sharp."""
_EDGE = 4.0
"""Least slope of an edge by which sharpness is judged [levels a pixel]."""
_LEAST_EDGES = 150
"""Fewer such pixels say nothing about sharpness."""
_DIFFERENCE = np.array([[-1.0, 1.0]], dtype=np.float32)
_DIFFERENCE_VARIANCE = 1.0 / 12.0
"""A difference of neighbours is the slope seen through a box one pixel wide [px^2]."""
_MOVED = 12.0
"""Change of a level between two frames that noise does not make."""
_SMALLEST_MOTION = 0.002
"""Part of the image that has to move before what moves is judged by itself."""


@dataclass(frozen=True)
class FrameQuality:
    """Figures of one frame."""

    hole_fraction: float
    """Part of the pixels without depth."""
    over_exposed_fraction: float
    """Part of the pixels that are burnt out."""
    under_exposed_fraction: float
    """Part of the pixels that are black."""
    blur_px: float
    """Standard deviation of the blur [px] of what moves, or of the whole image when nothing does; NaN without edges.

    A straight motion of L pixels during the exposure is a blur of L / sqrt(12).
    """


class FrameJudge:
    """Judges frames one by one; remembers the last one's grey levels, to see what moves."""

    def __init__(self) -> None:
        self._before: FloatImage | None = None

    def see(self, rgb: NDArray[np.uint8]) -> None:
        """Remember a frame without judging it."""
        self._before = smooth_grey(rgb)

    def __call__(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> FrameQuality:
        """Figures of colour `(H, W, 3)` and aligned depth `(H, W)` [m]."""
        brightest = rgb.max(axis=-1)
        grey = smooth_grey(rgb)
        moving = self._moving(grey)
        self._before = grey
        return FrameQuality(
            hole_fraction=float(np.mean(depth_m <= 0.0)),
            over_exposed_fraction=float(np.mean(brightest >= OVER_EXPOSED)),
            under_exposed_fraction=float(np.mean(brightest <= UNDER_EXPOSED)),
            blur_px=blur_of(grey, moving),
        )

    def _moving(self, grey: FloatImage) -> NDArray[np.bool_] | None:
        if self._before is None or self._before.shape != grey.shape:
            return None
        changed = (np.abs(grey - self._before) > _MOVED).astype(np.uint8)
        if np.mean(changed) < _SMALLEST_MOTION:
            return None
        return cv2.dilate(changed, np.ones((5, 5), np.uint8)).astype(bool)


def smooth_grey(rgb: NDArray[np.uint8]) -> FloatImage:
    """Grey levels `(H, W)` of colour `(H, W, 3)`, smoothed by `_SMOOTHING_PX`."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), _SMOOTHING_PX), dtype=np.float32)


def blur_of(grey: FloatImage, region: NDArray[np.bool_] | None = None) -> float:
    """Standard deviation [px] of the blur of grey levels `(H, W)` that were smoothed by `_SMOOTHING_PX`.

    A step edge blurred by a Gaussian of standard deviation s has the slope g of a Gaussian; with its derivative g',
    sum(g^2) / sum(g'^2) = 2 s^2, whatever the height of the step. Motion blurs only across its direction: both axes
    are measured, the worse counts. NaN when the region `(H, W)` holds too few edges.
    """
    worst = float("nan")
    for kernel in (_DIFFERENCE, _DIFFERENCE.T):
        slope = cv2.filter2D(grey, -1, kernel)
        edges = np.abs(slope) > _EDGE
        if region is not None:
            edges &= region
        if np.count_nonzero(edges) < _LEAST_EDGES:
            continue
        bend = cv2.filter2D(slope, -1, kernel)
        ratio = float(np.sum(slope[edges] ** 2)) / max(2.0 * float(np.sum(bend[edges] ** 2)), 1e-9)
        variance = ratio - _SMOOTHING_PX**2 - _DIFFERENCE_VARIANCE
        worst = float(np.nanmax([worst, np.sqrt(max(variance, 0.0))]))
    return worst
