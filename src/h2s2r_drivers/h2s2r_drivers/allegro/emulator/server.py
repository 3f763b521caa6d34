"""The emulated hand on a bus, in its own pace."""

from __future__ import annotations

import contextlib
import threading
import time

from h2s2r_drivers.allegro.bus import Bus
from h2s2r_drivers.allegro.emulator.hand import EmulatedHand
from h2s2r_drivers.errors import HardwareFaultError, ProtocolError

_ASLEEP_S = 0.01


class HandServer:
    """Remembers the bus.

    Args:
        hand: The emulated hand.
        bus: Where its driver is.
    """

    def __init__(self, hand: EmulatedHand, bus: Bus) -> None:
        self.hand = hand
        self._bus = bus
        self._stop = threading.Event()

    def run(self) -> None:
        """Measure, send and obey in real time until stopped."""
        next_s = time.monotonic()
        while not self._stop.is_set():
            period_s = 1e-3 * self.hand.period_ms or _ASLEEP_S
            next_s += period_s
            self.cycle(next_s)
            if time.monotonic() > next_s + 10 * period_s:
                next_s = time.monotonic()  # the machine stood still; catching up would only be a burst

    def cycle(self, until_s: float) -> None:
        """One period: the joints move, poses go out, frames that come until `until_s` (monotonic) are obeyed."""
        with contextlib.suppress(HardwareFaultError):  # an emulated bus that is off on purpose
            for frame in self.hand.cycle():
                self._bus.send(frame)
            while (left_s := until_s - time.monotonic()) > 0.0 and not self._stop.is_set():
                received = self._bus.receive(left_s)
                if received is None:
                    continue
                with contextlib.suppress(ProtocolError):
                    for answer in self.hand.receive(received):
                        self._bus.send(answer)

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def close(self) -> None:
        """Give the bus back."""
        self._bus.close()
