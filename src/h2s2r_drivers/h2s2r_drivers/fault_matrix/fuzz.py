"""Packets that are no messages: random bytes, and messages with bytes changed, cut, and put together."""

from __future__ import annotations

import contextlib
import time

import numpy as np

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fault_matrix.row import Row
from h2s2r_drivers.fri.driver import IiwaDriver
from h2s2r_drivers.fri.emulator.controller import EmulatedController
from h2s2r_drivers.fri.session import ClientSession


def row(packets: int) -> Row:
    """So many hostile packets to one session; anything it raises but `ProtocolError` ends the command."""
    session = ClientSession(IiwaDriver(AuditLog(None, "iiwa")))
    controller = EmulatedController()
    rng = np.random.default_rng(7)
    slowest_s, refused, accepted = 0.0, 0, 0
    for packet in range(packets):
        data = _packet(rng, controller.send() if packet % 100 == 0 else _last(controller), packet % 3)
        started_s = time.thread_time()
        with contextlib.suppress(ProtocolError):
            session.receive(data, 1e-3 * packet)
            accepted += 1
        slowest_s = max(slowest_s, time.thread_time() - started_s)
    refused = sum(session.refused.values())
    happened = f"{refused} refused, {accepted} still were messages; slowest {1e3 * slowest_s:.2f} ms"
    return Row(f"{packets} fuzzed FRI packets", happened, None, None, True, refused + accepted == packets)


def _last(controller: EmulatedController) -> bytes:
    # The same message again and again, cheaper than a new one; the bytes are changed anyway.
    if not hasattr(controller, "fuzz_sample"):
        controller.fuzz_sample = controller.send()  # type: ignore[attr-defined]
    sample: bytes = controller.fuzz_sample  # type: ignore[attr-defined]
    return sample


def _packet(rng: np.random.Generator, good: bytes, kind: int) -> bytes:
    if kind == 0:
        return rng.bytes(int(rng.integers(0, 1600)))
    damaged = bytearray(good)
    for place in rng.integers(0, len(good), int(rng.integers(1, 6))):
        damaged[place] = int(rng.integers(0, 256))
    if kind == 1:
        return bytes(damaged)
    return bytes(damaged[: int(rng.integers(0, len(good)))]) + good[: int(rng.integers(0, len(good)))]
