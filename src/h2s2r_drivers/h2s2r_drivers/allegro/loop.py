"""The hand's loop: one bus, one real-time thread, and servos that are off whichever way it ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from h2s2r_drivers.allegro.bus import Bus
from h2s2r_drivers.allegro.driver import AllegroDriver
from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.cycle_statistics import CycleReport, CycleStatistics
from h2s2r_drivers.errors import HardwareFaultError, ProtocolError
from h2s2r_drivers.realtime import PRIORITY, RealTimeThread

_POLL_S = 0.005


class HandLoop:
    """Runs an `AllegroDriver` on a bus, as a context or by `start` and `stop`.

    Args:
        driver: What answers.
        bus: Where the hand is; closed at the end.
        priority: SCHED_FIFO priority; 0: leave the scheduler alone.
        on_cycle: Called after each cycle, in the real-time thread; must not wait.
    """

    def __init__(
        self,
        driver: AllegroDriver,
        bus: Bus,
        priority: int = PRIORITY,
        on_cycle: Callable[[], None] | None = None,
    ) -> None:
        self.driver = driver
        self.refused = 0
        """Frames that were none of the protocol."""
        self._bus = bus
        self._on_cycle = on_cycle or (lambda: None)
        self._statistics = CycleStatistics(driver.period_s)
        self._stop = threading.Event()
        self._thread = RealTimeThread("allegro", self._run, priority)

    def __enter__(self) -> HandLoop:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def scheduling(self) -> str:
        """What the thread got from the scheduler."""
        return self._thread.scheduling

    @property
    def report(self) -> CycleReport:
        """Cycles, rate, and the time from the last pose frame to the last torque frame."""
        return self._statistics.report()

    @property
    def is_alive(self) -> bool:
        """Whether the loop runs; if not, the servos are off."""
        return self._thread.is_alive

    @property
    def error(self) -> BaseException | None:
        """What ended the loop, if it was not asked to end."""
        return self._thread.error

    def start(self) -> None:
        """Switch the hand on and answer it from now on."""
        self._thread.start()

    def stop(self, limit_s: float = 1.0) -> bool:
        """Brake, then switch the servos off; False when the hand was not at rest in time."""
        self.driver.release()
        end_s = time.monotonic() + limit_s
        while self._thread.is_alive and not self.driver.is_at_rest and time.monotonic() < end_s:
            time.sleep(0.005)
        at_rest = self.driver.is_at_rest
        self._stop.set()
        self._thread.join(1.0)
        self._bus.close()
        return at_rest

    def _run(self) -> None:
        try:
            self._send(self.driver.begin())
            while not self._stop.is_set():
                self._once()
        except HardwareFaultError as error:
            self.driver.switch_off(str(error), float("nan"), 0.0)
            self._on_cycle()
            raise
        finally:
            # However this ends. A bus that takes nothing any more is a hand that hears nothing: then only its own
            # switch helps.
            for frame in self.driver.end():
                with contextlib.suppress(HardwareFaultError):
                    self._bus.send(frame)

    def _once(self) -> None:
        frame = self._bus.receive(_POLL_S)
        now_s = time.monotonic()
        if frame is None:
            self._send(self.driver.wait(_POLL_S))
            return
        cycles, incomplete = self.driver.cycles, self.driver.incomplete
        try:
            self._send(self.driver.receive(frame))
        except ProtocolError:
            self.refused += 1
        self._statistics.missed(self.driver.incomplete - incomplete)
        if self.driver.cycles != cycles:
            done_s = time.monotonic()
            self._statistics.answered(done_s - now_s, done_s)
            self._on_cycle()
            self._send(self.driver.ask(now_s))

    def _send(self, frames: Sequence[Frame]) -> None:
        for frame in frames:
            self._bus.send(frame)
