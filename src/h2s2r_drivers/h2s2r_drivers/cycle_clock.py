"""Time as a wire counts it: evenly spaced cycles that stay with the wall clock.

Arrival times jitter by a scheduler's whim, and velocities from them would jitter, too. Cycles are counted instead, and
the count is drawn towards the wall clock by at most a microsecond each, since two quartzes differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_SHARE = 1e-3
_LARGEST_NS = 1000
_LOST_NS = 50_000_000
"""Further apart, the machine slept or its clock was set; then the wall clock is right."""


class CycleClock:
    """Remembers the stamp of the last cycle.

    Args:
        period_s: Of the cycle.
        now: The wall clock [ns].
    """

    def __init__(self, period_s: float, now: Callable[[], int] = time.time_ns) -> None:
        self._period_ns = round(1e9 * period_s)
        self._now = now
        self._stamp_ns: int | None = None

    def advance(self, cycles: int) -> int:
        """The stamp [ns] of the cycle that has just come, so many after the one before; stamps always increase."""
        now_ns = self._now()
        if self._stamp_ns is None:
            self._stamp_ns = now_ns
            return now_ns
        counted_ns = self._stamp_ns + cycles * self._period_ns
        apart_ns = now_ns - counted_ns
        if apart_ns > _LOST_NS:
            counted_ns = now_ns
        else:
            counted_ns += max(min(round(_SHARE * apart_ns), _LARGEST_NS), -_LARGEST_NS)
        self._stamp_ns = counted_ns
        return counted_ns
