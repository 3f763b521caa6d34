"""Reads a camera in a thread, so that who records stays responsive while no frame comes."""

from __future__ import annotations

import queue
import threading
from types import TracebackType

from h2s2r_perception.cameras.source import CameraFrame, CameraSource

_QUEUED_FRAMES = 30
"""One second in which the disk may hold up; then frames are left out and counted."""


class CameraPump:
    """Opens a camera and collects its frames. Use in a `with` statement.

    Args:
        camera: Any source.
        lossless: Let the camera wait for who takes the frames, instead of leaving frames out: for recordings that
            are played as fast as they can be read.
    """

    def __init__(self, camera: CameraSource, *, lossless: bool = False) -> None:
        self.camera = camera
        self.left_out = 0
        """Frames that nobody took in time."""
        self._lossless = lossless
        self._frames: queue.Queue[CameraFrame] = queue.Queue(_QUEUED_FRAMES)
        self._error: BaseException | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether the camera has ended and all its frames were taken."""
        return not self._thread.is_alive() and self._frames.empty()

    def next(self, timeout_s: float) -> CameraFrame | None:
        """The next frame, or None if none has come in time.

        Raises:
            Exception: Whatever the camera's thread died of.
        """
        try:
            return self._frames.get(timeout=timeout_s)
        except queue.Empty:
            if self._error is not None:
                raise self._error from None
            return None

    def _run(self) -> None:
        try:
            for frame in self.camera.frames():
                if not self._put(frame):
                    return
        except BaseException as error:
            self._error = error

    def _put(self, frame: CameraFrame) -> bool:
        while not self._closing.is_set():
            try:
                self._frames.put(frame, timeout=0.1 if self._lossless else 0.0)
            except queue.Full:
                if self._lossless:
                    continue
                self.left_out += 1
            return True
        return False

    def __enter__(self) -> CameraPump:
        self.camera.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.camera.__exit__(kind, error, trace)
        self._thread.join(timeout=5.0)
