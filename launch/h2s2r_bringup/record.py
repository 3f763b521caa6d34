"""One take from a camera: preview, countdown, recording, and what it is worth; the loop behind `h2s2r record`."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from h2s2r_bringup.keys import Keys
from h2s2r_perception.cameras import CameraFrame
from h2s2r_perception.capture import CameraPump, RecordingSession
from h2s2r_perception.capture.preview import Preview
from h2s2r_perception.recording.quality import RecordingQuality

START_STOP, QUIT = " ", "q"
_TICK_S = 0.05
_MEGABYTES_A_SECOND = 25.0
"""What 640x480 at 30 Hz takes on the disk."""
_LEAST_SECONDS = 60.0
"""Room for less than this is worth a word."""


@dataclass(frozen=True)
class TakeOptions:
    """How a take begins and ends."""

    countdown_s: float = 3.0
    """From the key (or the start, without one) to the first frame [s]."""
    seconds: float | None = None
    """Ends by itself after this long; None: by key, Ctrl-C, or with the source."""
    wait_for_key: bool = True
    """Begin only when the space bar is pressed."""


class StatusLine:
    """A line that is renewed on a terminal, or a line now and then in a log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._due = 0.0
        self._begins_with = ""

    def show(self, text: str) -> None:
        """Renew the line; at once when it begins with another word."""
        begins_with = text.partition(" ")[0]
        if begins_with == self._begins_with and time.monotonic() < self._due:
            return
        self._begins_with = begins_with
        self._due = time.monotonic() + (0.1 if self._terminal else 2.0)
        print(f"\r\x1b[2K{text}" if self._terminal else text, end="" if self._terminal else "\n", file=self._stream)
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line that stays."""
        print(f"\r\x1b[2K{text}" if self._terminal else text, file=self._stream, flush=True)


def record(
    pump: CameraPump,
    new_session: Callable[[], RecordingSession],
    options: TakeOptions,
    keys: Keys,
    status: StatusLine,
    preview: Preview | None = None,
) -> RecordingQuality | None:
    """Make one take.

    Args:
        pump: The opened camera.
        new_session: Makes the session when the recording begins.
        options: How it begins and ends.
        keys: Space starts and stops, q gives up before the start and stops after it.
        status: Where to say how it goes.
        preview: Picture file to keep fresh.

    Returns:
        What the take is worth; None when it was given up before it began.

    Raises:
        InputError: No frame has come, or the disk is full; what was there before is kept.
    """
    with _interrupted() as interrupted:
        if not _wait(pump, options, keys, status, preview, interrupted):
            return None
        with new_session() as take:
            _warn_of_little_room(take.folder, status)
            _run(pump, take, options, keys, status, preview, interrupted)
            status.say(f"writing {take.frame_count} frames ...")
            health = pump.camera.health
            return take.finish(health)


def _wait(
    pump: CameraPump,
    options: TakeOptions,
    keys: Keys,
    status: StatusLine,
    preview: Preview | None,
    interrupted: threading.Event,
) -> bool:
    """Show what the camera sees until the recording begins; False when it is given up."""
    begins: float | None = None if options.wait_for_key and keys.available else time.monotonic() + options.countdown_s
    while begins is None or time.monotonic() < begins:
        frame = pump.next(_TICK_S)
        key = keys.pressed()
        if interrupted.is_set() or key == QUIT or (pump.ended and frame is None):
            return False
        if key == START_STOP and begins is None:
            begins = time.monotonic() + options.countdown_s
        text = (
            "SPACE starts, q quits" if begins is None else f"recording in {max(0.0, begins - time.monotonic()):.1f} s"
        )
        status.show(text)
        if frame is not None and preview is not None:
            preview.show(frame, [text])
    return True


def _run(
    pump: CameraPump,
    take: RecordingSession,
    options: TakeOptions,
    keys: Keys,
    status: StatusLine,
    preview: Preview | None,
    interrupted: threading.Event,
) -> None:
    while not interrupted.is_set() and keys.pressed() not in {START_STOP, QUIT}:
        frame = pump.next(_TICK_S)
        if frame is None and pump.ended:
            return
        if frame is not None:
            take.add(frame, pump.camera.health)
            _show(frame, take, preview)
        take.warnings.set("camera", "" if pump.camera.health.connected else "the camera is pulled out")
        take.warnings.set("slow", f"the disk is too slow: {pump.left_out} frames left out" if pump.left_out else "")
        status.show(_line(take))
        if options.seconds is not None and take.duration_s >= options.seconds:
            return


def _show(frame: CameraFrame, take: RecordingSession, preview: Preview | None) -> None:
    if preview is not None:
        preview.show(frame, [f"{take.duration_s:.1f} s, {take.frame_count} frames", *take.warnings.now])


def _line(take: RecordingSession) -> str:
    rate_hz = (take.frame_count - 1) / take.duration_s if take.duration_s > 0 else 0.0
    line = f"REC {take.duration_s:5.1f} s  {take.frame_count:4d} frames  {rate_hz:4.1f} Hz"
    last = take.last_frame
    if last is not None:
        line += (
            f"  holes {last.hole_fraction:3.0%}  blur {last.blur_px:3.1f} px  burnt {last.over_exposed_fraction:3.0%}"
        )
    return "  ! ".join((line, *take.warnings.now))


def _warn_of_little_room(folder: Path, status: StatusLine) -> None:
    place = next(parent for parent in folder.resolve().parents if parent.exists())
    seconds = shutil.disk_usage(place).free * 1e-6 / _MEGABYTES_A_SECOND
    if seconds < _LEAST_SECONDS:
        status.say(f"the disk has room for about {seconds:.0f} s")


@contextlib.contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Ctrl-C sets the event instead of tearing a frame apart: what was recorded is kept."""
    event = threading.Event()
    before = {number: signal.signal(number, lambda *_: event.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
