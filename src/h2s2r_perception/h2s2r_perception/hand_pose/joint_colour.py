"""Which joints show the hand's own colour: where another colour is seen, something lies over the joint.

The colour is not that of skin in general but of this hand in this light: that of the joints whose depth fits.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_LEAST_DIFFERENCE = 14.0
"""Of Cr and Cb together, in levels: less is shading and noise."""
_SPREADS = 4.0
_LEAST_JOINTS = 6


def differently_coloured(
    rgb: NDArray[np.uint8], pixels: NDArray[np.float64], trusted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Joints `(21,)` whose pixel has another colour than the hand; all False where the hand's is not clear.

    Args:
        rgb: Colour `(H, W, 3)`.
        pixels: `(21, 2)` joints [px].
        trusted: `(21,)` joints that are probably seen.
    """
    height, width = rgb.shape[:2]
    spot = np.rint(pixels).astype(int)
    inside = ((spot >= 1) & (spot < [width - 1, height - 1])).all(axis=1)
    chosen = trusted & inside
    if chosen.sum() < _LEAST_JOINTS:
        return np.zeros(len(pixels), dtype=bool)
    offset = np.array([[dx, dy] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    around = np.clip(spot[:, None] + offset, 0, [width - 1, height - 1])
    patches = cv2.cvtColor(rgb[around[..., 1], around[..., 0]], cv2.COLOR_RGB2YCrCb)
    chroma = np.median(patches[..., 1:].astype(np.float64), axis=1)
    own = np.median(chroma[chosen], axis=0)
    difference = np.linalg.norm(chroma - own, axis=1)
    limit = max(_LEAST_DIFFERENCE, _SPREADS * 1.4826 * float(np.median(difference[chosen])))
    different: NDArray[np.bool_] = inside & (difference > limit)
    return different
