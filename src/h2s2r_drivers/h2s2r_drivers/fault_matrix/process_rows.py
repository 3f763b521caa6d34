"""Driver processes that are ended from outside, on a real socket and a real bus between processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.emulator.hand import EmulatedHand
from h2s2r_drivers.allegro.emulator.server import HandServer
from h2s2r_drivers.fault_matrix.row import Array, Row
from h2s2r_drivers.fri.emulator.controller import HOME, ControllerConfiguration, EmulatedController
from h2s2r_drivers.fri.emulator.server import EmulatorServer

_LIMIT_S = 30.0


class _Recorded(EmulatedController):
    """Keeps each cycle's command."""

    commands: list[Array]

    def send(self) -> bytes:
        self.commands.append(self.commanded)
        return super().send()


def rows(step: int = 1) -> list[Row]:
    """SIGTERM and SIGKILL, arm and hand, or every so manieth of these."""
    cases = [(end, number) for end in (_arm, _hand) for number in (signal.SIGTERM, signal.SIGKILL)]
    return [end(number) for end, number in cases[::step]]


def _arm(number: signal.Signals) -> Row:
    # A busy machine misses cycles; here only the ending is judged.
    controller = _Recorded(
        ControllerConfiguration(
            quality_bounds=(0.01, 0.05, 0.99), missed_in_a_row=10, velocity_factor=20.0, acceleration_factor=200.0
        )
    )
    controller.commands = []
    controller.request_commanding()
    port = 31_000 + os.getpid() % 1000
    server = EmulatorServer(controller, ("127.0.0.1", port))
    with _running(server.run, server.stop, server.close), _driven("arm", str(port)) as process:
        _wait(lambda: bool(np.abs(controller.commanded - HOME).max() > 0.05))
        process.send_signal(number)
        begun = len(controller.commands)
        _wait(lambda: bool(controller.left_commanding))
        process.wait(_LIMIT_S)
        left = len(controller.commands)
        _wait(lambda: len(controller.commands) > left + 100)
    steps = np.abs(np.diff(np.array(controller.commands[begun:]), axis=0)).max(axis=1)
    moving = np.flatnonzero(steps > 1e-9)
    standing_ms = 5.0 * (int(moving[-1]) + 1 if len(moving) else 0)
    # A killed driver cannot brake; the controller does.
    stood = bool(len(steps) > 0 and steps[-1] < 1e-9)
    in_limits = controller.tripped is None
    how = "brakes, leaves at rest" if number is signal.SIGTERM else "the controller stops the arm"
    reason = controller.left_commanding[0] if controller.left_commanding else "session goes on"
    held = stood and bool(controller.left_commanding)
    return Row(f"arm driver gets {number.name}", f"{how}; controller: {reason}", None, standing_ms, in_limits, held)


def _hand(number: signal.Signals) -> Row:
    channel = f"239.74.163.4:{32_000 + os.getpid() % 1000}"
    hand = EmulatedHand()
    server = HandServer(hand, open_bus("udp_multicast", channel))
    with _running(server.run, server.stop, server.close), _driven("hand", channel) as process:
        _wait(lambda: hand.servo_on and hand.answered_cycles > 100)
        begun_s = time.monotonic()
        process.send_signal(number)
        _wait(lambda: not hand.servo_on)
        took_ms = 1e3 * (time.monotonic() - begun_s)
        process.wait(_LIMIT_S)
    by = "the driver itself" if number is signal.SIGTERM else "its guardian"
    return Row(f"hand driver gets {number.name}", f"servos off by {by}", None, took_ms, True, not hand.servo_on)


@contextmanager
def _running(run: Callable[[], None], stop: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()
        close()


@contextmanager
def _driven(kind: str, place: str) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "h2s2r_drivers.fault_matrix.driven", kind, place]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _LIMIT_S
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.001)
