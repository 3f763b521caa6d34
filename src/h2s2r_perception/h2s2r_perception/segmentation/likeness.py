"""How alike two sets of colours are, whatever the light: histograms of hue and saturation alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BIN = 8
"""Width of a histogram's bin in Lab levels."""


def colour_histogram(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Smoothed a-b histogram `(32, 32)` of pixels `(P, 3)`; sums to one."""
    lab = cv2.cvtColor(np.ascontiguousarray(rgb[None]), cv2.COLOR_RGB2LAB)
    counts = cv2.calcHist([lab], [1, 2], None, [256 // BIN, 256 // BIN], [0, 256, 0, 256])
    smooth = cv2.GaussianBlur(counts, (3, 3), 0).astype(np.float64)
    return np.asarray(smooth / max(smooth.sum(), 1e-9))


def histogram_overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Bhattacharyya coefficient of two histograms, in [0, 1]."""
    return float(np.sqrt(a * b).sum())
