"""A Recording in small: a few frames a second at a low resolution, to look at all of it at once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.recording import Recording

_MEDIAN_PX = 5
"""Depth is the median of so many pixels squared before it is thinned out: single wrong pixels vanish."""


@dataclass(frozen=True, eq=False)
class Timelapse:
    """Every n-th frame and pixel of a Recording."""

    frame: NDArray[np.int64]
    """`(S,)` index in the Recording of each sample."""
    rgb: NDArray[np.uint8]
    """`(S, h, w, 3)`."""
    depth_m: NDArray[np.float32]
    """`(S, h, w)` [m], 0 = invalid."""
    rays: FloatArray
    """`(h, w, 3)` directions of the pixels with z = 1, camera frame."""
    stride: int
    """Pixels of the Recording from one pixel here to the next."""
    period_s: float
    """Mean time from one sample to the next."""


def read_timelapse(recording: Recording, period_s: float, longest_side_px: int, most_samples: int) -> Timelapse:
    """Thin a Recording out in time and space.

    Args:
        recording: What the camera saw.
        period_s: Time from one sample to the next; longer where `most_samples` would not reach the end.
        longest_side_px: Of an image of the result.
        most_samples: Bound of memory and time.
    """
    span_s = float(recording.stamp_ns[-1] - recording.stamp_ns[0]) * 1e-9
    wanted = int(np.clip(round(span_s / period_s) + 1, 1, min(most_samples, recording.frame_count)))
    moments = recording.stamp_ns[0] + np.linspace(0.0, span_s, wanted) * 1e9
    frame = np.unique(np.abs(recording.stamp_ns[None, :] - moments[:, None]).argmin(axis=1))
    width, height = recording.image_size
    crop = Crop(0, 0, width, height, max(1, -(-max(width, height) // longest_side_px)))
    rays = crop.rays(recording.camera_matrix)
    rgb = np.empty((len(frame), *rays.shape), dtype=np.uint8)
    depth_m = np.empty((len(frame), *rays.shape[:2]), dtype=np.float32)
    for sample, index in enumerate(frame.tolist()):
        rgb[sample] = cv2.resize(recording.rgb(index), rays.shape[1::-1], interpolation=cv2.INTER_AREA)
        depth_m[sample] = crop.of(cv2.medianBlur(recording.depth_m(index), _MEDIAN_PX))
    return Timelapse(frame, rgb, depth_m, rays, crop.stride, span_s / max(len(frame) - 1, 1))
