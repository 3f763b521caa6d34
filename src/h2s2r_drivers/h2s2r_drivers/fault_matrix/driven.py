"""A driver that moves an emulated arm or hand until it is ended: the victim of the rows that end processes."""

from __future__ import annotations

import signal
import sys
import threading

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.driver import AllegroConfiguration, AllegroDriver
from h2s2r_drivers.allegro.guardian import Guardian
from h2s2r_drivers.allegro.loop import HandLoop
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.cycle_clock import CycleClock
from h2s2r_drivers.fault_matrix.arm_rows import sway
from h2s2r_drivers.fault_matrix.hand_rows import close_slowly
from h2s2r_drivers.fri.client import ClientConfiguration, FriClient
from h2s2r_drivers.fri.driver import IiwaDriver


def main() -> None:
    """`arm PORT` or `hand CHANNEL`."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    kind, place = sys.argv[1:]
    (_drive_arm if kind == "arm" else _drive_hand)(place, ended)


def _drive_arm(port: str, ended: threading.Event) -> None:
    clock = CycleClock(0.005)
    driver = IiwaDriver(AuditLog(None, "iiwa"), clock=lambda message, cycles: clock.advance(cycles))
    client = FriClient(driver, ClientConfiguration("127.0.0.1", "127.0.0.1", int(port)))
    client.start()
    from_ns: int | None = None
    while not ended.wait(1.0 / 60.0):
        if driver.is_commanding and driver.state is not None:
            stamp_ns = driver.state.stamp_ns
            from_ns = stamp_ns if from_ns is None else from_ns
            driver.pursue(*sway((stamp_ns - from_ns) * 1e-9, stamp_ns))
    client.stop()


def _drive_hand(channel: str, ended: threading.Event) -> None:
    guardian = Guardian("udp_multicast", channel)
    # Only the ending is judged; on a busy machine an emulator that is late is not a hand that is gone.
    driver = AllegroDriver(AuditLog(None, "allegro"), AllegroConfiguration(silent_after_s=10.0))
    with HandLoop(driver, open_bus("udp_multicast", channel)):
        from_ns: int | None = None
        while not ended.wait(1.0 / 60.0):
            if driver.is_commanding and driver.state is not None:
                stamp_ns = driver.state.stamp_ns
                from_ns = stamp_ns if from_ns is None else from_ns
                driver.pursue(*close_slowly((stamp_ns - from_ns) * 1e-9, stamp_ns))
    guardian.close()


if __name__ == "__main__":
    main()
