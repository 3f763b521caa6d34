"""The pace at which recorded frames come: as fast as they can be read, or as the camera made them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from h2s2r_perception.cameras.source import CameraFrame


def at_recorded_pace(frames: Iterator[CameraFrame], closing: threading.Event) -> Iterator[CameraFrame]:
    """Hold each frame back until as much time has passed since the first as between their stamps.

    Args:
        frames: In order of time.
        closing: Ends the waiting, and the frames.
    """
    first_ns: int | None = None
    started = time.monotonic()
    for frame in frames:
        if first_ns is None:
            first_ns, started = frame.stamp_ns, time.monotonic()
        due = started + (frame.stamp_ns - first_ns) * 1e-9
        if closing.wait(max(0.0, due - time.monotonic())):
            return
        yield frame
