"""What every hand has in common: which joint follows which, how long bones are, how thick the flesh is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SKIN_M = np.array([0.018, 0.013, *[0.011, 0.009, 0.007], *[0.012, 0.009, 0.008, 0.007] * 4])
"""`(21,)` skin above each joint's centre [m]: half the thickness of an adult hand there."""
PARENT = np.array([-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
"""`(21,)` the joint before each joint; -1 for the wrist."""
CHAINS = np.array([[0, *range(1 + 4 * finger, 5 + 4 * finger)] for finger in range(5)])
"""`(5, 5)` joints of each finger, starting at the wrist."""

# Distances of an average adult hand [mm]: phalanges as in X-ray anthropometry with the soft tip added, palm
# from wrist to knuckles; the last rows keep the palm in shape.
_DISTANCES_MM = (
    *((0, 1, 35.0), (1, 2, 43.0), (2, 3, 32.0), (3, 4, 25.0)),
    *((0, 5, 91.0), (5, 6, 40.0), (6, 7, 24.0), (7, 8, 21.0)),
    *((0, 9, 90.0), (9, 10, 46.0), (10, 11, 28.0), (11, 12, 22.0)),
    *((0, 13, 85.0), (13, 14, 42.0), (14, 15, 27.0), (15, 16, 22.0)),
    *((0, 17, 81.0), (17, 18, 33.0), (18, 19, 19.0), (19, 20, 20.0)),
    *((5, 9, 22.5), (9, 13, 22.0), (13, 17, 22.5), (5, 13, 43.5), (9, 17, 44.0), (5, 17, 64.0)),
    *((1, 5, 67.0), (1, 17, 80.0)),
)
FIRST = np.array([row[0] for row in _DISTANCES_MM])
SECOND = np.array([row[1] for row in _DISTANCES_MM])
"""`(28,)` each: the pairs of joints whose distance does not change, or little."""
LENGTH_M = np.array([row[2] for row in _DISTANCES_MM]) * 1e-3
"""`(28,)` those distances in an average adult's hand [m]."""
IN_PALM = (FIRST == 0) | ((FIRST % 4 == 1) & (SECOND % 4 == 1))
"""`(28,)` pairs within the palm."""
_FINGER_RADIUS_M = 0.010


def hidden_by_own_hand(pixels: FloatArray, joints: FloatArray, focal_length_px: float) -> NDArray[np.bool_]:
    """Which joints `(21,)` lie behind another finger, so that the depth at their pixel is not theirs.

    Args:
        pixels: `(21, 2)` landmarks [px].
        joints: `(21, 3)` approximate joints in the camera frame [m].
        focal_length_px: Turns a finger's radius into pixels.
    """
    hidden = np.zeros(len(pixels), dtype=bool)
    for finger, chain in enumerate(CHAINS):
        others = np.delete(CHAINS, finger, axis=0)
        a, b = others[:, :-1].ravel(), others[:, 1:].ravel()
        along = pixels[b] - pixels[a]
        offset = pixels[chain[1:], None] - pixels[a]
        part = np.clip((offset * along).sum(-1) / np.maximum((along * along).sum(-1), 1e-9), 0.0, 1.0)
        distance_px = np.linalg.norm(offset - part[..., None] * along, axis=-1)
        z = joints[a, 2] + part * (joints[b, 2] - joints[a, 2])
        over = (distance_px < focal_length_px * _FINGER_RADIUS_M / z) & (z < joints[chain[1:], 2, None])
        hidden[chain[1:]] = over.any(axis=1)
    return hidden
