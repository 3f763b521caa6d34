"""From joint targets at 60 Hz to one command for each cycle of a driver, with bounded velocity, acceleration, jerk.

Four steps, each of which keeps what the one before it kept:

1. The targets, placed by their stamps and played `delay_s` later, are joined by straight lines.
2. A moving average as long as the targets are apart turns the corners into bounded acceleration: an average of
   velocities is within their limit, and each window holds one corner.
3. A limiter, which passes on exactly what is within velocity and acceleration limits. What is not (the stream
   fell silent, or comes back after a gap) it follows in the frame of the moving target: it never speeds up so far
   that it could not brake.
4. A second moving average turns steps of acceleration into ramps: jerk is at most 2 a / its length.

When targets run out the limiter brakes and holds; it never guesses where a target would have gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.joint_limits import JointLimits

Vector = NDArray[np.float64]

_CATCH_UP_SHARE = 0.5
"""Share of the acceleration that catching up may plan to brake with; the moving target needs the rest."""


@dataclass(frozen=True)
class InterpolationConfiguration:
    """How targets become cycles."""

    target_period_s: float = 1.0 / 60.0
    allowed_latency_s: float = 0.012
    """Time from a target's stamp to its arrival that does not disturb the motion: two FRI cycles and the middleware."""

    @property
    def delay_s(self) -> float:
        """A line needs its far end; how much later than its stamp a target is played."""
        return self.target_period_s + self.allowed_latency_s


class TargetInterpolator:
    """Remembers the newest targets, the limiter's position and velocity, and both averages' windows.

    Args:
        limits: `(J,)` each; what leaves keeps velocity and acceleration.
        period_s: Of the cycle.
        configuration: See there.
    """

    def __init__(
        self, limits: JointLimits, period_s: float, configuration: InterpolationConfiguration | None = None
    ) -> None:
        self.configuration = configuration or InterpolationConfiguration()
        self._limits, self._period_s = limits, period_s
        self._length = max(int(np.ceil(self.configuration.target_period_s / period_s)), 1)
        self._delay_ns = round(1e9 * self.configuration.delay_s)
        self._gap_ns = round(1e9 * self.configuration.target_period_s)
        self._step = limits.acceleration * period_s
        self._targets: deque[tuple[int, Vector]] = deque(maxlen=16)
        self.start(np.zeros_like(limits.velocity), 0)

    @property
    def lag_s(self) -> float:
        """From a target's stamp to the command that stands for it."""
        return self.configuration.delay_s + (self._length - 1) * self._period_s

    def start(self, position: Vector, stamp_ns: int) -> None:
        """Stand at `position (J,)` [rad] and forget all targets."""
        self._position, self._velocity = position.copy(), np.zeros_like(position)
        self._averaged = position.copy()
        self._first = np.tile(position, (self._length, 1))
        self._second = self._first.copy()
        self._place = 0
        self._targets.clear()
        self._targets.append((stamp_ns, position.copy()))

    def pursue(self, stamp_ns: int, target: Vector) -> None:
        """Take a target `(J,)` [rad] of this stamp; one that is older than its predecessor is ignored."""
        last_ns, last = self._targets[-1]
        if stamp_ns <= last_ns:
            return
        if stamp_ns - last_ns > 2 * self._gap_ns:
            # The stream stood; the line to here begins one period ago, not when it fell silent.
            self._targets.append((stamp_ns - self._gap_ns, last))
        self._targets.append((stamp_ns, target))

    def step(self, stamp_ns: int) -> Vector:
        """The command `(J,)` [rad] for the cycle of this stamp; call once for each cycle."""
        played_ns = stamp_ns - self._delay_ns
        has_target = self._targets[-1][0] >= played_ns
        self._first[self._place] = self._line(played_ns)
        averaged = self._first.mean(axis=0)
        self._limit(averaged, has_target)
        self._averaged = averaged
        self._second[self._place] = self._position
        self._place = (self._place + 1) % self._length
        command: Vector = self._second.mean(axis=0)
        return command

    def _line(self, played_ns: int) -> Vector:
        targets = self._targets
        while len(targets) > 2 and targets[1][0] <= played_ns:
            targets.popleft()
        start_ns, start = targets[0]
        if len(targets) == 1 or played_ns <= start_ns:
            return start
        end_ns, end = targets[1]
        share = min((played_ns - start_ns) / (end_ns - start_ns), 1.0)
        line: Vector = start + share * (end - start)
        return line

    def _limit(self, averaged: Vector, has_target: bool) -> None:
        dt_s, limits = self._period_s, self._limits
        if has_target:
            moving = (averaged - self._averaged) / dt_s
            behind = self._averaged - self._position
            cap = _stopping_speed(np.abs(behind), _CATCH_UP_SHARE * self._step, dt_s)
            wanted = moving + np.clip(behind / dt_s, -cap, cap)
        else:
            wanted = np.zeros_like(self._velocity)
        velocity = np.clip(wanted, self._velocity - self._step, self._velocity + self._step)
        velocity = np.clip(velocity, -limits.velocity, limits.velocity)
        self._velocity = velocity
        self._position = np.clip(self._position + velocity * dt_s, limits.position_lower, limits.position_upper)


def _stopping_speed(distance: Vector, step: Vector, dt_s: float) -> Vector:
    # The largest speed whose braking way, this step included, fits into `distance`; both in units of the braking
    # step's speed and way. Up to one unit the way is gone in one step.
    units = distance / (step * dt_s)
    speed: Vector = step * np.maximum(np.sqrt(2.0 * units) - 0.5, np.minimum(units, 1.0))
    return speed
