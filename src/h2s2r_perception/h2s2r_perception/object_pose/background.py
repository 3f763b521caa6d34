"""What stands still: the depth the camera measures where the object is not.

A thing beside the object, in its colour and of its shape, cannot be told from it in one image; but it stood
there before. So a pixel that measures what was measured there while the object was elsewhere is not the object.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop

_SMALLEST_SKIN_M, _LARGEST_SKIN_M = 0.004, 0.009
_NOISES = 2.5
"""Standard deviations of the depth noise within which a measurement is the same as before."""
_SHARE = 0.2
"""How fast a remembered depth follows the measured one."""
_STILL_SHARE = 0.4
"""Of the image; when less of it measures what it did, the camera has moved."""
_EVERY_PX = 8


class StaticBackground:
    """Remembers, for each pixel, the farthest depth seen while the object was not there."""

    def __init__(self) -> None:
        self._depth_m: NDArray[np.float32] | None = None
        self._skin_m = _SMALLEST_SKIN_M

    def begin(self, depth_m: NDArray[np.float32], own: NDArray[np.bool_]) -> None:
        """Start from one image `(H, W)` [m] and the pixels `(H, W)` of the object, with some to spare."""
        self._depth_m = np.where(own, 0.0, depth_m).astype(np.float32)
        self._skin_m = _SMALLEST_SKIN_M

    def check(self, depth_m: NDArray[np.float32]) -> None:
        """Compare a whole image `(H, W)` [m]: learn the noise, and forget everything when the camera has moved."""
        if self._depth_m is None:
            return
        before, now = self._depth_m[::_EVERY_PX, ::_EVERY_PX], depth_m[::_EVERY_PX, ::_EVERY_PX]
        both = (before > 0) & (now > 0)
        difference = np.abs(before - now)[both]
        still = difference < 3.0 * _LARGEST_SKIN_M
        if len(difference) < 50 or still.mean() < _STILL_SHARE:
            self._depth_m = None
            return
        noise_m = 1.48 * float(np.median(difference[still]))
        self._skin_m = float(np.clip(_NOISES * noise_m, _SMALLEST_SKIN_M, _LARGEST_SKIN_M))

    def seen(self, crop: Crop, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Pixels `(h, w)` of a crop that measure the background, for their depth `(h, w)` [m]."""
        if self._depth_m is None:
            return np.zeros(depth_m.shape, dtype=bool)
        before = crop.of(self._depth_m)
        return np.asarray((before > 0) & (np.abs(depth_m - before) < self._skin_m))

    def before(self, crop: Crop, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Pixels `(h, w)` of a crop at which something stands well before the background."""
        if self._depth_m is None:
            return np.zeros(depth_m.shape, dtype=bool)
        behind = crop.of(self._depth_m)
        return np.asarray((behind > 0) & (depth_m > 0) & (depth_m < behind - 2.0 * _LARGEST_SKIN_M))

    def learn(self, crop: Crop, depth_m: NDArray[np.float32], own: NDArray[np.bool_]) -> None:
        """Take a crop's depth `(h, w)` [m] where the object is not, and nothing nearer than known stands before it."""
        if self._depth_m is None:
            return
        before = crop.of(self._depth_m)
        usable = (depth_m > 0) & ~own
        difference = depth_m - before
        follow = usable & (np.abs(difference) < self._skin_m)
        before[follow] += np.float32(_SHARE) * difference[follow]
        fresh = usable & ((before == 0) | (difference >= self._skin_m))
        before[fresh] = depth_m[fresh]
