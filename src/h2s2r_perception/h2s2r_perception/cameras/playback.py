"""A Recording played back as if it were a camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from h2s2r_perception.cameras.pace import at_recorded_pace
from h2s2r_perception.cameras.source import CameraFrame, CameraHealth, FloatArray
from h2s2r_perception.recording import Recording


class RecordingPlayback:
    """A `CameraSource` that reads a Recording.

    Args:
        folder: The Recording.
        real_time: Wait as long between frames as the camera did; otherwise as fast as they can be read.
        loop: Begin again after the last frame, one period later, with stamps that go on.

    Raises:
        InputError: The Recording is unusable.
    """

    def __init__(self, folder: Path | str, *, real_time: bool = False, loop: bool = False) -> None:
        self._recording = Recording.open(folder)
        self._real_time = real_time
        self._loop = loop
        self._closing = threading.Event()

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

    @property
    def health(self) -> CameraHealth:
        """A file loses nothing."""
        return CameraHealth()

    def frames(self) -> Iterator[CameraFrame]:
        """All frames, with the stamps they were recorded with."""
        frames = self._read()
        return at_recorded_pace(frames, self._closing) if self._real_time else frames

    def _read(self) -> Iterator[CameraFrame]:
        stamp_ns = self._recording.stamp_ns
        period_ns = int(np.median(np.diff(stamp_ns))) if len(stamp_ns) > 1 else 33_333_333
        shift_ns = 0
        while True:
            for index, stamp in enumerate(stamp_ns):
                if self._closing.is_set():
                    return
                yield CameraFrame(int(stamp) + shift_ns, self._recording.rgb(index), self._recording.depth_m(index))
            if not self._loop:
                return
            shift_ns += int(stamp_ns[-1] - stamp_ns[0]) + period_ns

    def __enter__(self) -> RecordingPlayback:
        self._closing.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
