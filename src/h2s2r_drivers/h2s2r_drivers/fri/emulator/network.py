"""A network that is bad on purpose, and always in the same way: everything follows from its seed."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NetworkFaults:
    """What happens to datagrams: a chance for each of them, unless it is a time."""

    loss: float = 0.0
    duplication: float = 0.0
    truncation: float = 0.0
    corruption: float = 0.0
    """One byte is changed."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Mean of an exponential time on top of the delay; datagrams overtake each other when it is long enough."""
    reordering: float = 0.0
    """Held back by `reordering_s`, so that its successors arrive first."""
    reordering_s: float = 0.012


class Network:
    """One direction of a link; remembers what is under way.

    Args:
        faults: See there; may be replaced while it runs.
        seed: Of all chances.
    """

    def __init__(self, faults: NetworkFaults, seed: int) -> None:
        self.faults = faults
        self._rng = np.random.default_rng(seed)
        self._under_way: list[tuple[float, int, bytes]] = []
        self._count = 0

    def send(self, data: bytes, now_s: float) -> None:
        """Take one datagram."""
        faults, chance = self.faults, self._rng.random(5)
        if chance[0] < faults.loss:
            return
        if chance[1] < faults.truncation:
            data = data[: int(self._rng.integers(0, len(data)))]
        if chance[2] < faults.corruption and data:
            place = int(self._rng.integers(0, len(data)))
            data = data[:place] + bytes([int(self._rng.integers(0, 256))]) + data[place + 1 :]
        for _ in range(1 + (chance[3] < faults.duplication)):
            due_s = now_s + faults.delay_s + (faults.reordering_s if chance[4] < faults.reordering else 0.0)
            if faults.jitter_s > 0.0:
                due_s += float(self._rng.exponential(faults.jitter_s))
            heapq.heappush(self._under_way, (due_s, self._count, data))
            self._count += 1

    def arrived(self, now_s: float) -> list[bytes]:
        """The datagrams that come out by now, in the order of their arrival."""
        out = []
        while self._under_way and self._under_way[0][0] <= now_s:
            out.append(heapq.heappop(self._under_way)[2])
        return out

    def next_s(self) -> float:
        """When the next datagram comes out; infinity when none is under way."""
        return self._under_way[0][0] if self._under_way else float("inf")
