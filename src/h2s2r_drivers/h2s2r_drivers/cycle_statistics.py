"""What a control loop did in time: answers inside their cycle, and how long they took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CycleReport:
    """One account of a loop.

    Attributes:
        cycles: How many were due.
        in_cycle_fraction: Share that was answered before the next was due.
        latency_ms_p50: From the message to its answer, over the newest cycles.
        latency_ms_p99: The same, 99th percentile.
        latency_ms_max: The same, over all cycles.
        rate_hz: Cycles for each second, over the newest.
    """

    cycles: int
    in_cycle_fraction: float
    latency_ms_p50: float
    latency_ms_p99: float
    latency_ms_max: float
    rate_hz: float


class CycleStatistics:
    """Remembers counts, and latencies and times of the newest cycles in rings that are never reallocated.

    Args:
        period_s: Time from cycle to cycle.
        window: How many cycles the percentiles look back.
    """

    def __init__(self, period_s: float, window: int = 4096) -> None:
        self.period_s = period_s
        self._latency_s = np.zeros(window)
        self._time_s = np.zeros(window)
        self._answered = self._late = self._missed = 0
        self._largest_s = 0.0

    def answered(self, latency_s: float, now_s: float) -> None:
        """One cycle was answered, this long after its message."""
        place = self._answered % len(self._latency_s)
        self._latency_s[place], self._time_s[place] = latency_s, now_s
        self._answered += 1
        self._late += latency_s >= self.period_s
        self._largest_s = max(self._largest_s, latency_s)

    def missed(self, count: int) -> None:
        """So many cycles were due and passed unseen."""
        self._missed += count

    def report(self) -> CycleReport:
        """The account so far; NaN where nothing was answered. May be called while another thread counts."""
        answered, late, missed = self._answered, self._late, self._missed
        kept = min(answered, len(self._latency_s))
        cycles = answered + missed
        if kept == 0:
            return CycleReport(cycles, float("nan"), float("nan"), float("nan"), float("nan"), 0.0)
        p50, p99 = np.percentile(self._latency_s[:kept], (50.0, 99.0))
        times = self._time_s[:kept]
        span_s = float(times.max() - times.min())
        return CycleReport(
            cycles,
            (answered - late) / cycles,
            1e3 * float(p50),
            1e3 * float(p99),
            1e3 * self._largest_s,
            (kept - 1) / span_s if span_s > 0.0 else 0.0,
        )
