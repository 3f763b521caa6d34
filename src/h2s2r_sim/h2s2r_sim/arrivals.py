"""When messages arrived, by stamp: what the lock-step waits for and what latencies are made of.

Stamps identify: a message that answers an image carries the image's stamp. All times are wall-clock times
of this one process, so that no two clocks are ever compared.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CHAIN = ("image", "object_pose", "goal_pose", "joint_target", "joint_command")
"""The way of an image to the robot; each event is a message with the image's stamp."""

HOPS = tuple(f"{first}_to_{second}" for first, second in itertools.pairwise(CHAIN))
TOTAL = f"{CHAIN[0]}_to_{CHAIN[-1]}"


@dataclass
class Arrivals:
    """When which message came: for each event and stamp [ns], the wall time [s] of its first arrival.

    Written by the thread that receives messages, read and waited on by the one that simulates.
    """

    _times: dict[str, dict[int, float]] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def record(self, event: str, stamp_ns: int) -> None:
        """Note that the message of `event` with this stamp has come now; the first time counts."""
        now = time.monotonic()
        with self._changed:
            self._times.setdefault(event, {}).setdefault(stamp_ns, now)
            self._changed.notify_all()

    def wake(self) -> None:
        """Let a waiting thread look at its `give_up` at once."""
        with self._changed:
            self._changed.notify_all()

    def has(self, event: str, stamp_ns: int) -> bool:
        """Whether that message has come."""
        with self._changed:
            return stamp_ns in self._times.get(event, {})

    def latest(self, event: str) -> int | None:
        """The highest stamp [ns] of an event, None before its first message."""
        with self._changed:
            return max(self._times.get(event, {}), default=None)

    def wait(self, *events: str, stamp_ns: int, limit_s: float, give_up: Callable[[], bool]) -> bool:
        """Wait for one of some messages.

        Args:
            events: Which messages; one of them is enough.
            stamp_ns: Their stamp.
            limit_s: Longest wait [s of wall time].
            give_up: Asked at every change; waiting ends when it says yes.

        Returns:
            Whether one has come.
        """
        deadline = time.monotonic() + limit_s
        with self._changed:
            while not any(stamp_ns in self._times.get(event, {}) for event in events):
                left = deadline - time.monotonic()
                if left <= 0.0 or give_up():
                    return False
                self._changed.wait(left)
        return True

    def latencies_ms(self) -> dict[str, NDArray[np.float64]]:
        """Latency of each hop of `CHAIN` and of the whole, for every image that led to a joint command.

        Returns:
            `HOPS` and `TOTAL`, each `(M,)` [ms], in the order of the images. Only every second image leads
            to a joint target (the policy runs at half the camera's rate).
        """
        with self._changed:
            times = {event: dict(self._times.get(event, {})) for event in CHAIN}
        return hop_latencies_ms(times)


def hop_latencies_ms(times: Mapping[str, Mapping[int, float]]) -> dict[str, NDArray[np.float64]]:
    """See `Arrivals.latencies_ms`; `times` holds for each event of `CHAIN` stamp [ns] -> wall time [s]."""
    complete = sorted(set.intersection(*(set(times[event]) for event in CHAIN)))
    table = np.array([[times[event][stamp] for event in CHAIN] for stamp in complete]).reshape(-1, len(CHAIN))
    hops = 1e3 * np.diff(table, axis=1)
    return {**{name: hops[:, index] for index, name in enumerate(HOPS)}, TOTAL: hops.sum(axis=1)}
