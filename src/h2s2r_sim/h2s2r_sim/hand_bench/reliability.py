"""Does the confidence mean what it says? Of the hands said to be good with chance p, a share p should be."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

GOOD_M = 0.02
"""What the confidence is about: the mean error of the joints is less than this."""
_EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def reliability_figures(confidence: Array, error_m: Array) -> dict[str, float | int | None]:
    """Per band of confidence: how many, what was said, what was true; and two summaries.

    Args:
        confidence: `(N,)` in [0, 1].
        error_m: `(N,)` mean joint error of the same hands.

    Returns:
        `reliability_<from>_<to>_{count,said,true,error_mm}`, the Brier score (mean squared difference of confidence
        and truth, 0 is best, 0.25 is a coin) and the mean gap between said and true.
    """
    good = error_m < GOOD_M
    figures: dict[str, float | int | None] = {}
    gap = 0.0
    for low, high in itertools.pairwise(_EDGES):
        band = (confidence >= low) & ((confidence < high) | (high == _EDGES[-1]))
        name = f"reliability_{round(100 * low)}_{round(100 * high)}"
        figures[f"{name}_count"] = int(band.sum())
        if not band.any():
            figures |= {f"{name}_said": None, f"{name}_true": None, f"{name}_error_mm": None}
            continue
        said, true = float(confidence[band].mean()), float(good[band].mean())
        figures |= {
            f"{name}_said": said,
            f"{name}_true": true,
            f"{name}_error_mm": 1e3 * float(np.median(error_m[band])),
        }
        gap += float(band.mean()) * abs(said - true)
    if len(confidence):
        figures["confidence_brier"] = float(np.mean((confidence - good) ** 2))
        figures["confidence_gap"] = gap
    return figures
