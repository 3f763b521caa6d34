"""A Recording played back as if it were a camera."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from h2s2r_perception.cameras.source import CameraFrame, FloatArray
from h2s2r_perception.recording import Recording


class RecordingPlayback:
    """A `CameraSource` that reads a Recording.

    Args:
        folder: The Recording.
        real_time: Wait as long between frames as the camera did; otherwise as fast as they can be read.

    Raises:
        InputError: The Recording is unusable.
    """

    def __init__(self, folder: Path | str, *, real_time: bool = False) -> None:
        self._recording = Recording.open(folder)
        self._real_time = real_time

    @property
    def name(self) -> str:
        """The recorded camera's name."""
        return self._recording.camera_name

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height [px]."""
        return self._recording.image_size

    @property
    def camera_matrix(self) -> FloatArray:
        """Intrinsics `(3, 3)` [px]."""
        return self._recording.camera_matrix

    @property
    def T_world_camera(self) -> FloatArray:
        """Pose `(4, 4)` [m] of the optical frame when it was recorded."""
        return self._recording.T_world_camera

    def frames(self) -> Iterator[CameraFrame]:
        """All frames, with the stamps they were recorded with."""
        stamp_ns = self._recording.stamp_ns
        started = time.monotonic()
        for index in range(self._recording.frame_count):
            frame = CameraFrame(int(stamp_ns[index]), self._recording.rgb(index), self._recording.depth_m(index))
            if self._real_time:
                due = started + float(stamp_ns[index] - stamp_ns[0]) * 1e-9
                time.sleep(max(0.0, due - time.monotonic()))
            yield frame

    def __enter__(self) -> RecordingPlayback:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
