"""The emulated controller on a UDP socket, in its own pace: real time, or that of whoever moves the joints."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time

from h2s2r_drivers.cycle_statistics import CycleStatistics
from h2s2r_drivers.fri.emulator.controller import EmulatedController
from h2s2r_drivers.fri.emulator.network import Network, NetworkFaults
from h2s2r_drivers.fri.messages import LARGEST_DATAGRAM


class EmulatorServer:
    """Remembers the socket and what is under way in both directions.

    Args:
        controller: The emulated controller.
        client: Address and port of the client; the controller speaks first.
        faults: Of the network, in both directions.
        seed: Of the faults.
        bind_address: From where the controller speaks.
    """

    def __init__(
        self,
        controller: EmulatedController,
        client: tuple[str, int],
        faults: NetworkFaults | None = None,
        seed: int = 0,
        bind_address: str = "127.0.0.1",
    ) -> None:
        self.controller = controller
        self.network = (Network(faults or NetworkFaults(), seed), Network(faults or NetworkFaults(), seed + 1))
        self.round_trip = CycleStatistics(controller.configuration.send_period_s)
        self._client = client
        self._stop = threading.Event()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((bind_address, 0))
        self._socket.setblocking(False)

    def run(self) -> None:
        """Send and receive in real time until stopped."""
        period_s = self.controller.configuration.send_period_s
        next_s = time.monotonic()
        while not self._stop.is_set():
            next_s += period_s
            self.cycle(next_s)
            if time.monotonic() > next_s + 10 * period_s:
                next_s = time.monotonic()  # the machine stood still; catching up would only be a burst

    def cycle(self, until_s: float, *, waits_for_answer: bool = False) -> None:
        """One send period: a message, the answers that come until `until_s` (monotonic), a step of the joints.

        Args:
            until_s: End of the period.
            waits_for_answer: End as soon as the answer is there: for a caller whose time is not real.
        """
        outward, homeward = self.network
        sent_s = time.monotonic()
        outward.send(self.controller.send(), sent_s)
        while True:
            now_s = time.monotonic()
            for data in outward.arrived(now_s):
                self._send(data)
            for data in homeward.arrived(now_s):
                if self.controller.receive(data):
                    self.round_trip.answered(now_s - sent_s, now_s)
                    if waits_for_answer:
                        until_s = now_s
            if now_s >= until_s or self._stop.is_set():
                break
            wait_s = min(until_s, outward.next_s(), homeward.next_s()) - now_s
            if select.select([self._socket], [], [], max(wait_s, 0.0))[0]:
                self._collect()
        self.controller.advance()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody listens there yet, or no more
            self._socket.sendto(data, self._client)

    def _collect(self) -> None:
        while True:
            try:
                data = self._socket.recv(LARGEST_DATAGRAM + 1)
            except OSError:  # nothing left; or the client's port is closed
                return
            self.network[1].send(data, time.monotonic())
