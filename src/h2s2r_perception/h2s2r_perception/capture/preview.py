"""A small picture of what the camera sees, in a file that any viewer or browser can keep open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.cameras.source import CameraFrame

_HEIGHT_PX = 240
_PERIOD_S = 0.5
_NEAREST_M, _FARTHEST_M = 0.3, 1.5
"""Depths at the ends of the colour scale."""


class Preview:
    """Writes colour and depth side by side, twice a second; viewers never see half a file.

    Args:
        path: A `.jpg` or `.png` file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._due = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)

    def show(self, frame: CameraFrame, lines: Sequence[str]) -> None:
        """Draw a frame with a few lines of text, unless the last picture is still fresh."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PERIOD_S
        _, data = cv2.imencode(self.path.suffix, picture(frame, lines))
        fresh = self.path.with_name(f".{self.path.name}")
        fresh.write_bytes(data.tobytes())
        fresh.replace(self.path)


def picture(frame: CameraFrame, lines: Sequence[str]) -> NDArray[np.uint8]:
    """Colour and depth side by side `(h, w, 3)`, blue first; what has no depth is black."""
    height, width = frame.depth_m.shape
    size = (round(width * _HEIGHT_PX / height), _HEIGHT_PX)
    near = np.clip((_FARTHEST_M - frame.depth_m) / (_FARTHEST_M - _NEAREST_M), 0.0, 1.0)
    depth = cv2.applyColorMap((255 * near).astype(np.uint8), cv2.COLORMAP_TURBO)
    depth[frame.depth_m <= 0] = 0
    colour = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
    both = np.hstack(
        [
            cv2.resize(colour, size, interpolation=cv2.INTER_AREA),
            cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST),
        ]
    )
    for row, line in enumerate(lines):
        place = (6, 16 + 18 * row)
        cv2.putText(both, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(both, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(both, dtype=np.uint8)
