"""Client session and emulated controller on one virtual clock: every fault at full speed, the same each time."""

from __future__ import annotations

from collections.abc import Callable

from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri.emulator.controller import EmulatedController
from h2s2r_drivers.fri.emulator.network import Network, NetworkFaults
from h2s2r_drivers.fri.session import ClientSession

_ANSWER_S = 2e-4
"""What the client takes to answer."""


class VirtualLink:
    """Remembers the time and what is under way.

    Args:
        session: The client.
        controller: The emulator.
        faults: Of the network, in both directions.
        seed: Of the faults.
    """

    def __init__(
        self, session: ClientSession, controller: EmulatedController, faults: NetworkFaults | None = None, seed: int = 0
    ) -> None:
        self.session, self.controller = session, controller
        self.outward = Network(faults or NetworkFaults(), seed)
        self.homeward = Network(faults or NetworkFaults(), seed + 1)
        self.now_s = 0.0
        self.tamper: Callable[[bytes], list[bytes]] = lambda data: [data]
        """What becomes of each datagram of the controller, on top of the network's faults."""

    def cycle(self) -> None:
        """One send period."""
        end_s = self.now_s + self.controller.configuration.send_period_s
        for data in self.tamper(self.controller.send()):
            self.outward.send(data, self.now_s)
        while (next_s := min(self.outward.next_s(), self.homeward.next_s())) < end_s:
            self.now_s = max(next_s, self.now_s)
            self._deliver()
        self.now_s = end_s
        self.controller.advance()

    def run(self, seconds: float, every: Callable[[], None] | None = None) -> None:
        """So much virtual time; `every` is called before each send period."""
        for _ in range(round(seconds / self.controller.configuration.send_period_s)):
            if every is not None:
                every()
            self.cycle()

    def _deliver(self) -> None:
        for data in self.outward.arrived(self.now_s):
            try:
                answer = self.session.receive(data, self.now_s)
            except ProtocolError:
                continue
            if answer is not None:
                self.homeward.send(answer, self.now_s + _ANSWER_S)
        for data in self.homeward.arrived(self.now_s):
            self.controller.receive(data)
