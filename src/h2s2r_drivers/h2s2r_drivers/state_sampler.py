"""Joint states at an even rate that is no divisor of the wire's: each lies between two cycles and is interpolated.

A controller that answers each state and counts whole periods would otherwise see 15 and 20 ms in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class JointSample:
    """Joints at one time; all `(J,)`.

    Attributes:
        stamp_ns: When.
        position: [rad].
        velocity: [rad/s].
        effort: [Nm].
    """

    stamp_ns: int
    position: Vector
    velocity: Vector
    effort: Vector


class StateSampler:
    """Remembers the last cycle and when the next sample is due.

    Args:
        rate_hz: Of the samples; at most that of the cycles.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(1e9 / rate_hz)
        self._last: JointSample | None = None
        self._due_ns = 0

    def add(self, state: JointSample) -> JointSample | None:
        """Take the joints of a cycle; returns the sample that became due since the last one, if one did."""
        last, self._last = self._last, state
        if last is None or state.stamp_ns - self._due_ns > 4 * self._period_ns:
            self._due_ns = state.stamp_ns + self._period_ns
            return state
        if self._due_ns > state.stamp_ns or state.stamp_ns <= last.stamp_ns:
            return None
        share = (self._due_ns - last.stamp_ns) / (state.stamp_ns - last.stamp_ns)
        due_ns, self._due_ns = self._due_ns, self._due_ns + self._period_ns
        between = (
            before + share * (after - before)
            for before, after in (
                (last.position, state.position),
                (last.velocity, state.velocity),
                (last.effort, state.effort),
            )
        )
        return JointSample(due_ns, *between)
