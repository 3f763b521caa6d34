"""A RealSense camera, or a file that librealsense recorded of one."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.pace import at_recorded_pace
from h2s2r_perception.cameras.realsense_configuration import RealSenseConfiguration
from h2s2r_perception.cameras.realsense_stream import (
    CameraLostError,
    RealSensePair,
    RealSenseStream,
    StreamEndedError,
)
from h2s2r_perception.cameras.source import CameraFrame, CameraHealth, FloatArray, Tell
from h2s2r_perception.cameras.stamps import HardwareClock

_TICK_S = 0.1
"""How long a closing camera may go unnoticed."""
Open = Callable[[RealSenseConfiguration, Path | None], RealSenseStream]


class RealSenseCamera:
    """A `CameraSource` on librealsense, which survives being pulled out.

    Args:
        configuration: Streams, filters, exposure, patience.
        file: A recording of librealsense to play instead of a camera.
        real_time: Play a file at the pace of its stamps; a camera has its own.
        tell: Told when the camera is lost, is found again, or its exposure is held.
        open_stream: How a stream is opened.

    Raises:
        InputError: `pyrealsense2` is missing; on entering: no camera, no such streams, or no such file.
    """

    def __init__(
        self,
        configuration: RealSenseConfiguration | None = None,
        *,
        file: Path | None = None,
        real_time: bool = False,
        tell: Tell = lambda line: None,
        open_stream: Open = RealSenseStream,
    ) -> None:
        self._configuration = configuration or RealSenseConfiguration()
        self._file = file
        self._real_time = real_time
        self._tell = tell
        self._open = open_stream
        self._closing = threading.Event()
        self._stream: RealSenseStream | None = None
        self._played = False
        self._health = CameraHealth()

    @property
    def name(self) -> str:
        """Model of the camera."""
        return self._opened.name

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height [px]."""
        return self._opened.image_size

    @property
    def camera_matrix(self) -> FloatArray:
        """Intrinsics `(3, 3)` [px] as the camera's factory calibration states them."""
        return self._opened.camera_matrix

    @property
    def health(self) -> CameraHealth:
        """Counts since the camera was opened."""
        return self._health

    @property
    def _opened(self) -> RealSenseStream:
        if self._stream is None:
            raise RuntimeError("use the camera in a `with` statement")
        return self._stream

    def __enter__(self) -> RealSenseCamera:
        self._closing.clear()
        try:
            self._stream = self._open(self._configuration, self._file)
        except CameraLostError as error:
            serial = self._configuration.serial
            wanted = f"one with serial number {serial}" if serial else "one that starts"
            raise InputError(
                "RealSense", "camera", found=str(error), expected=wanted, remedy="plug it in (USB 3)"
            ) from error
        # The camera that comes back must be this one: another has other intrinsics and stands elsewhere.
        self._configuration = dataclasses.replace(self._configuration, serial=self._stream.serial)
        if self._stream.distortion_px >= 1.0:
            self._tell(f"images are rectified: the lens moves pixels by up to {self._stream.distortion_px:.0f} px")
        self._played = False
        self._health = CameraHealth()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._opened.close()

    def frames(self) -> Iterator[CameraFrame]:
        """Frames until the camera is closed or the file ends; a lost camera is waited for."""
        if self._file is not None and self._played:
            self._opened.close()
            self._stream = self._open(self._configuration, self._file)
        self._played = True
        frames = self._receive()
        return at_recorded_pace(frames, self._closing) if self._real_time and self._file is not None else frames

    def _receive(self) -> Iterator[CameraFrame]:
        sequence = _Sequence(live=self._file is None)
        warm_up = self._configuration.warm_up_frames if self._configuration.lock_exposure else -1
        last_seen = time.monotonic()
        while not self._closing.is_set():
            try:
                pair = self._opened.next(_TICK_S)
                silent = self._file is None and pair is None
                if silent and time.monotonic() - last_seen > self._configuration.patience_s:
                    raise CameraLostError(f"no frame for {self._configuration.patience_s:g} s")
            except StreamEndedError:
                return
            except CameraLostError as error:
                if self._closing.is_set():
                    return
                self._wait_for_camera(str(error))
                sequence.restart()
                warm_up = self._configuration.warm_up_frames if self._configuration.lock_exposure else -1
                last_seen = time.monotonic()
                continue
            frame = None if pair is None else sequence.take(pair)
            if frame is None:
                continue
            last_seen = time.monotonic()
            self._health = dataclasses.replace(self._health, dropped_frames=sequence.dropped)
            yield frame
            warm_up -= 1
            if warm_up == 0 and (held := self._opened.lock_exposure()):
                self._tell(f"exposure is held: {held}")

    def _wait_for_camera(self, why: str) -> None:
        """Close what is left of the stream and open another as soon as the camera is back."""
        lost, delay_s = time.monotonic(), self._configuration.retry_s
        self._health = dataclasses.replace(self._health, connected=False)
        self._tell(f"the camera is lost: {why}")
        self._opened.close()
        while not self._closing.wait(delay_s):
            try:
                stream = self._open(self._configuration, self._file)
            except (CameraLostError, InputError):
                delay_s = min(2.0 * delay_s, self._configuration.retry_longest_s)
                continue
            self._stream = stream
            self._health = dataclasses.replace(self._health, connected=True, reconnects=self._health.reconnects + 1)
            self._tell(f"the camera is back after {time.monotonic() - lost:.1f} s")
            return


class _Sequence:
    """Remembers the last pair: puts stamps on one clock, leaves out what was seen before, counts what is missing."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._clock = HardwareClock()
        self._number: int | None = None
        self._stamp_ns = -1
        self.dropped = 0

    def restart(self) -> None:
        """The camera was started again: its numbers and its clock begin anew."""
        self._clock, self._number = HardwareClock(), None

    def take(self, pair: RealSensePair) -> CameraFrame | None:
        """The pair as a frame; None when it is no newer than the last."""
        stamp_ns = pair.stamp_ns
        if self._number is not None and pair.number == self._number:
            return None  # librealsense hands the last frame out again when a camera is pulled out
        if pair.hardware_clock and self._live:
            stamp_ns = self._clock.system_ns(stamp_ns, pair.arrival_ns)
        if stamp_ns <= self._stamp_ns:
            return None
        if self._number is not None and pair.number > self._number + 1:
            self.dropped += pair.number - self._number - 1
        self._number, self._stamp_ns = pair.number, stamp_ns
        return CameraFrame(stamp_ns, pair.rgb, pair.depth_m)
