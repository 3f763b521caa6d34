"""Driver and emulated hand on one virtual clock: every fault at full speed, the same each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from h2s2r_drivers.allegro.driver import AllegroConfiguration, AllegroDriver
from h2s2r_drivers.allegro.emulator.hand import EmulatedHand, HandConfiguration
from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.audit_log import AuditLog


class VirtualHandLink:
    """Remembers the time.

    Args:
        configuration: Of the driver.
        audit: Of the driver.
    """

    def __init__(self, configuration: AllegroConfiguration | None = None, audit: AuditLog | None = None) -> None:
        self.now_s = 0.0
        self.audit = audit or AuditLog(None, "allegro")
        self.driver = AllegroDriver(self.audit, configuration, clock=lambda cycles: round(1e9 * self.now_s))
        self.hand = EmulatedHand(HandConfiguration(self.driver.model))
        self.exchange(self.driver.begin())

    def exchange(self, sent: Sequence[Frame]) -> None:
        """Frames of the driver reach the hand, its answers the driver, until nobody has more to say."""
        for frame in sent:
            for answer in self.hand.receive(frame):
                self.exchange(self.driver.receive(answer))

    def cycle(self) -> None:
        """One cycle of the hand."""
        self.now_s += self.driver.period_s
        sent = self.hand.cycle()
        for frame in sent:
            self.exchange(self.driver.receive(frame))
        if not sent:
            self.exchange(self.driver.wait(self.driver.period_s))
        self.exchange(self.driver.ask(self.now_s))

    def run(self, seconds: float, every: Callable[[], None] | None = None) -> None:
        """So much virtual time; `every` is called after each cycle."""
        for _ in range(round(seconds / self.driver.period_s)):
            self.cycle()
            if every is not None:
                every()
