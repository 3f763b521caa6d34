"""Which colours belong to the object: a histogram learned where the object is known to be."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_BINS = (6, 32, 32)
"""L is coarse, since shadows change it; a and b are fine."""
_FOREIGN_SHARE = 0.3
"""Mass of a colour never seen before: neither object nor background, a hand for instance."""
_THRESHOLD = 0.35
_NEWS_SHARE = 0.1
"""How fast the colours of hands are learned."""
_SMALLEST_RECALL = 0.75
"""A histogram that does not know its own object is of no use (same colours as the background)."""


@dataclass(frozen=True)
class ColourModel:
    """Probability that a pixel of a colour belongs to the object."""

    probability: NDArray[np.float32] | None
    """`_BINS` shaped; `None` when colour does not tell the object from the rest."""
    of_object: NDArray[np.float64] | None = None
    """Histogram of the object, `_BINS` shaped."""
    of_rest: NDArray[np.float64] | None = None
    """Of what lies round it."""
    of_others: NDArray[np.float64] | None = None
    """Of what came since: hands."""

    @classmethod
    def learn(cls, rgb: NDArray[np.uint8], mask: NDArray[np.bool_], surroundings: NDArray[np.bool_]) -> ColourModel:
        """Learn from an image `(H, W, 3)`, the object's mask and the pixels round it that are not the object."""
        inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        inner = inner if inner.sum() > 50 else mask
        index = _bin_index(rgb)
        of_object, of_rest = _histogram(index[inner]), _histogram(index[surroundings])
        model = cls(_probability(of_object, of_rest), of_object, of_rest)
        recall = model.matches(rgb)[inner].mean() if inner.any() else 0.0
        return model if recall >= _SMALLEST_RECALL else cls(None)

    def knowing(self, rgb: NDArray[np.uint8]) -> ColourModel:
        """The same, knowing pixels `(P, 3)` of something else that has come, unless it looks like the object."""
        if self.of_object is None or self.of_rest is None or self.probability is None:
            return self
        seen = _histogram(_bin_index(rgb[None]))
        others = seen if self.of_others is None else (1.0 - _NEWS_SHARE) * self.of_others + _NEWS_SHARE * seen
        probability = _probability(self.of_object, self.of_rest + others)
        if float(self.of_object[probability > _THRESHOLD].sum()) < _SMALLEST_RECALL:
            probability = self.probability
        return ColourModel(probability, self.of_object, self.of_rest, others)

    def matches(self, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Pixels `(h, w)` whose colour may be the object's."""
        if self.probability is None:
            return np.ones(rgb.shape[:2], dtype=bool)
        return np.asarray(self.probability.reshape(-1)[_bin_index(rgb)] > _THRESHOLD)


def _probability(of_object: NDArray[np.float64], of_rest: NDArray[np.float64]) -> NDArray[np.float32]:
    foreign = _FOREIGN_SHARE / np.prod(_BINS)
    return (of_object / (of_object + of_rest + foreign)).astype(np.float32)


def _bin_index(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    lab = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2LAB).astype(np.int64)
    L, a, b = (lab[..., channel] * count // 256 for channel, count in enumerate(_BINS))
    return np.asarray((L * _BINS[1] + a) * _BINS[2] + b)


def _histogram(index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normalised counts, smoothed along each axis by (1, 2, 1) / 4."""
    counts = np.bincount(index.reshape(-1), minlength=int(np.prod(_BINS))).astype(np.float64).reshape(_BINS)
    for axis in range(3):
        padded = np.moveaxis(np.pad(counts, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge"), axis, 0)
        counts = np.moveaxis((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4.0, 0, axis)
    return np.asarray(counts / max(counts.sum(), 1e-9))
