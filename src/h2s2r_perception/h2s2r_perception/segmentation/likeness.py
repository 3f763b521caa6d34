"""How alike two sets of colours are, whatever the light: histograms of hue and saturation alone.

A surface in the shade sends back less of all three colours, but the same shares of them. So every pixel is
first taken into full light; its a and b of CIE Lab then say what colour the surface is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

BINS = 32
"""Of a and of b each."""
_DARK = 16.0
"""Level of the brightest of the three at which half of a hue is noise; what is darker is drawn to grey."""


def _table_of_full_light() -> NDArray[np.uint8]:
    """Level `(256, 256)` in full light, by the level of the brightest of the three and its own level."""
    brightest, own = np.arange(256.0)[:, None], np.arange(256.0)[None, :]
    missing = np.clip(1.0 - own / np.maximum(brightest, 1.0), 0.0, 1.0)
    return np.rint(255.0 * (1.0 - missing * brightest**2 / (brightest**2 + _DARK**2))).astype(np.uint8)


_IN_FULL_LIGHT = _table_of_full_light()


def colour_bins(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Row and column in a histogram of every pixel `(..., 3)`."""
    flat = rgb.reshape(1, -1, 3)
    brightest = np.maximum(np.maximum(flat[..., 0], flat[..., 1]), flat[..., 2]).astype(np.uint16)
    lit = _IN_FULL_LIGHT.take((brightest * 256)[..., None] + flat)
    lab = cv2.cvtColor(lit, cv2.COLOR_RGB2LAB).reshape(rgb.shape).astype(np.uint8, copy=False)
    return lab[..., 1] // (256 // BINS), lab[..., 2] // (256 // BINS)


def colour_histogram(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Smoothed histogram `(BINS, BINS)` of pixels `(P, 3)`; sums to one."""
    row, column = colour_bins(rgb)
    counts = np.bincount(row.astype(np.int64) * BINS + column, minlength=BINS * BINS).reshape(BINS, BINS)
    smooth = cv2.GaussianBlur(counts.astype(np.float32), (3, 3), 0).astype(np.float64)
    return np.asarray(smooth / max(smooth.sum(), 1e-9))


def histogram_overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Bhattacharyya coefficient of two histograms, in [0, 1]."""
    return float(np.sqrt(a * b).sum())
