"""The client on the wire: one UDP socket, one real-time thread, nothing of ROS."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from h2s2r_drivers.cycle_statistics import CycleReport, CycleStatistics
from h2s2r_drivers.errors import DriverError, ProtocolError
from h2s2r_drivers.fri.driver import IiwaDriver
from h2s2r_drivers.fri.messages import LARGEST_DATAGRAM
from h2s2r_drivers.fri.session import ClientSession
from h2s2r_drivers.realtime import PRIORITY, RealTimeThread

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)


@dataclass(frozen=True)
class ClientConfiguration:
    """Where the controller is, and how the thread runs."""

    controller_address: str = "172.31.1.147"
    """Datagrams from any other address are not looked at. The default is KUKA's for the KONI interface."""
    bind_address: str = "0.0.0.0"
    port: int = 30200
    priority: int = PRIORITY
    """SCHED_FIFO priority; 0: leave the scheduler alone."""
    silent_after_s: float = 0.1
    """So long without a message of the session, and the controller is gone."""
    leaving_cycles: int = 20
    """Answers with the arm at rest before the wire is left."""


class FriClient:
    """Runs an `IiwaDriver` on a socket; remembers its thread, statistics and session.

    Args:
        driver: What answers.
        configuration: See there.
        on_cycle: Called after each answer, in the real-time thread; must not wait.
    """

    def __init__(
        self,
        driver: IiwaDriver,
        configuration: ClientConfiguration | None = None,
        on_cycle: Callable[[], None] | None = None,
    ) -> None:
        self.configuration = configuration or ClientConfiguration()
        self.driver = driver
        self.session = ClientSession(driver)
        self.foreign = 0
        """Datagrams from another address than the controller's."""
        self._on_cycle = on_cycle or (lambda: None)
        self._statistics = CycleStatistics(driver.configuration.period_s)
        self._stop, self._leave = threading.Event(), threading.Event()
        self._socket = _open(self.configuration)
        self._thread = RealTimeThread("fri", self._run, self.configuration.priority)

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        return int(self._socket.getsockname()[1])

    @property
    def scheduling(self) -> str:
        """What the thread got from the scheduler."""
        return self._thread.scheduling

    @property
    def report(self) -> CycleReport:
        """In-cycle fraction and latencies so far, from the packet's arrival in the kernel to the answer's departure."""
        return self._statistics.report()

    @property
    def error(self) -> BaseException | None:
        """What ended the thread, if anything did."""
        return self._thread.error

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self, limit_s: float = 2.0) -> bool:
        """Brake, hold for a few answers, then leave the wire; False when the arm was not at rest in time.

        FRI has no word for goodbye: a client that stops answering while the arm stands is the orderly end.
        """
        self.driver.release()
        self._leave.set()
        at_rest = self._thread.join(limit_s)
        self._stop.set()
        self._thread.join(1.0)
        self._socket.close()
        return at_rest

    def _run(self) -> None:
        heard_s, resting = time.monotonic(), 0
        while not self._stop.is_set():
            received = self._receive()
            now_s = time.monotonic()
            if received is None:
                if now_s - heard_s > self.configuration.silent_after_s:
                    self._fall_silent()
                    if self._leave.is_set():
                        return
                continue
            data, arrived_s, sender = received
            before = self.session.last
            try:
                answer = self.session.receive(data, now_s)
            except ProtocolError:
                continue
            heard_s = now_s
            if answer is not None:
                self._socket.sendto(answer, sender)
                self._statistics.answered(time.time() - arrived_s, now_s)
            last = self.session.last
            if before is not None and last is not None:
                lost = (last.sequence - before.sequence - 1) // last.receive_multiplier
                self._statistics.missed(max(lost, 0))
            self._on_cycle()
            resting = resting + 1 if self._leave.is_set() and self.driver.is_at_rest else 0
            if resting > self.configuration.leaving_cycles:
                return

    def _receive(self) -> tuple[bytes, float, tuple[str, int]] | None:
        try:
            data, ancillary, _, sender = self._socket.recvmsg(LARGEST_DATAGRAM + 1, _ANCILLARY)
        except (TimeoutError, ConnectionError):
            return None
        if sender[0] != self.configuration.controller_address:
            self.foreign += 1
            return None
        arrived_s = time.time()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                arrived_s = seconds + 1e-9 * nanoseconds
        return data, arrived_s, sender

    def _fall_silent(self) -> None:
        if self.session.last is not None:
            self.session.lose()
            self.driver.lose()
            self._on_cycle()


def _open(configuration: ClientConfiguration) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.bind((configuration.bind_address, configuration.port))
    except OSError as error:
        opened.close()
        place = f"{configuration.bind_address}:{configuration.port}"
        raise DriverError(f"UDP {place} cannot be opened ({error.strerror}); does another driver run?") from None
    opened.settimeout(0.02)
    with contextlib.suppress(OSError):  # another system: latency then counts from when Python had the packet
        opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return opened
