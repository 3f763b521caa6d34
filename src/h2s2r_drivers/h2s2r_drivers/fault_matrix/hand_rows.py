"""Faults of the hand and its bus. A guard holds; a fault of the hand itself switches its servos off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.driver import AllegroConfiguration, AllegroDriver
from h2s2r_drivers.allegro.emulator.hand import HOME, EmulatedHand
from h2s2r_drivers.allegro.emulator.server import HandServer
from h2s2r_drivers.allegro.emulator.virtual_link import VirtualHandLink
from h2s2r_drivers.allegro.frames import Frame
from h2s2r_drivers.allegro.loop import HandLoop
from h2s2r_drivers.allegro.models import LIMITS
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import HardwareFaultError
from h2s2r_drivers.fault_matrix.row import LATEST_CYCLES, Array, Row, keeps_limits, stopping

Target = Callable[[float, int], tuple[int, Array] | None]

_PERIOD_S = 0.003


def close_slowly(t: float, stamp_ns: int) -> tuple[int, Array]:
    """A motion within the limits."""
    return stamp_ns, HOME + 0.2 * (1.0 - np.cos(3.0 * t))


class HandCell:
    """A moving hand; remembers each command and when the driver found something wrong."""

    def __init__(self) -> None:
        self.link = VirtualHandLink()
        self.target: Target = close_slowly
        self.sent: dict[int, Array] = {}
        """Commands that torques were made from, by the stamp of their cycle."""
        self.commands: list[Array] = []
        self.detected: int | None = None
        self.off_after: int | None = None
        """Cycle in which the servos went off."""
        self._from_ns: int | None = None

    def run(self, seconds: float) -> None:
        """So much virtual time."""
        self.link.run(seconds, self._each_cycle)

    def _each_cycle(self) -> None:
        driver, hand = self.link.driver, self.link.hand
        if driver.path.command is not None:
            self.commands.append(driver.path.command)
            if driver.is_engaged and driver.state is not None:
                self.sent.setdefault(driver.state.stamp_ns, driver.path.command)
        if self.detected is None and self.link.audit.interventions:
            self.detected = len(self.commands) - 1
        if self.off_after is None and self.detected is not None and not hand.servo_on:
            self.off_after = len(self.commands) - 1
        state = driver.state
        if driver.is_commanding and state is not None and len(self.commands) % 6 == 0:
            self._from_ns = state.stamp_ns if self._from_ns is None else self._from_ns
            target = self.target((state.stamp_ns - self._from_ns) * 1e-9, state.stamp_ns)
            if target is not None:
                driver.pursue(*target)


def rows(step: int = 1) -> list[Row]:
    """All of them, or every so manieth; each begins with a hand that moves."""
    cases: list[Callable[[], Row]] = [
        partial(_off, "CAN: a finger's frames missing", lambda cell: _set(cell, silent_fingers=(1,))),
        partial(_goes_on, "CAN: single frames missing (0.3 %)", lambda cell: _set(cell, loss=0.003)),
        partial(_off, "hand over temperature (80 deg C)", lambda cell: _set(cell, temperature_c=80)),
        partial(_off, "the hand's own alarm", lambda cell: _set(cell, is_hot=True)),
        partial(_off, "hand silent", lambda cell: _set(cell, silent=True), deaf=True),
        partial(_holds, "hand's targets stale", lambda t, stamp_ns: None),
        _bus_off,
        partial(_holds, "hand's targets NaN", lambda t, stamp_ns: (stamp_ns, np.full(16, np.nan))),
        partial(_holds, "hand's targets jump by 0.3 rad", _jump),
    ]
    return [case() for case in cases[::step]]


def _jump(t: float, stamp_ns: int) -> tuple[int, Array]:
    return stamp_ns, close_slowly(t, stamp_ns)[1] - 0.3


def _moving() -> HandCell:
    cell = HandCell()
    cell.run(0.9)
    assert cell.link.driver.is_commanding
    return cell


def _set(cell: HandCell, **faults: object) -> None:
    for name, value in faults.items():
        setattr(cell.link.hand.faults, name, value)


def _off(injected: str, inject: Callable[[HandCell], None], *, deaf: bool = False) -> Row:
    cell = _moving()
    inject(cell)
    cell.run(1.5)
    in_limits = keeps_limits(cell.sent, LIMITS)
    fault = cell.link.driver.fault
    if fault is None or cell.detected is None:
        return Row(injected, "nothing was noticed", None, None, in_limits, False)
    if deaf:
        return Row(injected, f"SYSTEM_OFF sent to a deaf hand: {fault}", 0, 0.0, in_limits, in_limits)
    off = None if cell.off_after is None else cell.off_after - cell.detected
    held = in_limits and off is not None and off <= LATEST_CYCLES
    standing_ms = None if off is None else 1e3 * _PERIOD_S * off
    return Row(injected, f"servos off: {fault}", off, standing_ms, in_limits, held)


def _holds(injected: str, target: Target) -> Row:
    cell = _moving()
    cell.target = target
    cell.run(1.5)
    in_limits = keeps_limits(cell.sent, LIMITS)
    latched = cell.link.driver.path.latched
    if latched is None or cell.detected is None:
        return Row(injected, "nothing was noticed", None, None, in_limits, False)
    braking, standing_ms = stopping(cell.commands, cell.detected, _PERIOD_S)
    held = in_limits and braking <= LATEST_CYCLES and cell.link.hand.servo_on
    return Row(injected, f"latched: {latched.limit}; holds", braking, standing_ms, in_limits, held)


def _goes_on(injected: str, inject: Callable[[HandCell], None]) -> Row:
    cell = _moving()
    inject(cell)
    cell.run(1.5)
    in_limits = keeps_limits(cell.sent, LIMITS)
    driver = cell.link.driver
    held = driver.is_commanding and in_limits and driver.incomplete > 0
    return Row(injected, f"{driver.incomplete} cycles without torque; goes on", None, None, in_limits, held)


def _bus_off() -> Row:
    channel = "fault-matrix"
    hand = EmulatedHand()
    server = HandServer(hand, open_bus("virtual", channel))
    thread = threading.Thread(target=server.run)
    thread.start()
    bus = open_bus("virtual", channel)
    patient = AllegroConfiguration(silent_after_s=10.0)
    loop = HandLoop(AllegroDriver(AuditLog(None, "allegro"), patient), bus, priority=0)
    receive = bus.receive
    try:
        loop.start()
        _wait(lambda: loop.report.cycles > 50)

        def off(timeout_s: float) -> Frame | None:
            raise HardwareFaultError("CAN bus: bus off")

        bus.receive = off  # type: ignore[method-assign]
        begun_s = time.monotonic()
        _wait(lambda: not loop.is_alive)
        _wait(lambda: not hand.servo_on)
        took_ms = 1e3 * (time.monotonic() - begun_s)
    finally:
        bus.receive = receive  # type: ignore[method-assign]
        loop.stop()
        server.stop()
        thread.join()
        server.close()
    held = not hand.servo_on and loop.driver.fault is not None
    return Row("CAN: bus off", f"loop ended, servos off: {loop.driver.fault}", 0, took_ms, True, held)


def _wait(condition: Callable[[], bool], limit_s: float = 20.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.001)
