"""From joint targets at 60 Hz to one command for each cycle of a driver, with bounded velocity, acceleration, jerk.

The targets become knots, evenly spaced by one target period T, of a path of straight lines that is averaged twice
over T: the uniform cubic B-spline with the knots as control points. Its velocity, acceleration and jerk are weighted
means of the knots' first, second and third differences, so a stream that keeps limits at 60 Hz keeps them at any
rate, whatever the two rates are to each other: no stop and go. The knots take the phase of the stream when it begins;
a target that comes off the beat is carried along its own velocity to its knot.

Before a target becomes a knot it passes a limiter. What is within velocity and acceleration limits goes through
unchanged. What is not (the stream comes back after a gap) is followed in the frame of the moving target, never faster
than it could brake. When targets run out, knots that brake take their place: the path never guesses where a target
would have gone. Jerk is then at most 2 a / T.
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
    def lag_s(self) -> float:
        """From a target's stamp to its command: a line needs its far end, two averages their middle."""
        return 2.0 * self.target_period_s + self.allowed_latency_s


class TargetInterpolator:
    """Remembers the newest knots of the path and the newest target.

    Args:
        limits: `(J,)` each; what leaves keeps velocity and acceleration.
        configuration: See there.
    """

    def __init__(self, limits: JointLimits, configuration: InterpolationConfiguration | None = None) -> None:
        self.configuration = configuration or InterpolationConfiguration()
        self._limits = limits
        self._period_s = self.configuration.target_period_s
        self._period_ns = round(1e9 * self._period_s)
        self._delay_ns = round(1e9 * (self._period_s + self.configuration.allowed_latency_s))
        self._knots: deque[tuple[int, Vector]] = deque()
        self.start(np.zeros_like(limits.velocity), 0)

    def start(self, position: Vector, stamp_ns: int) -> None:
        """Stand at `position (J,)` [rad] and forget all targets."""
        self._knots.clear()
        self._velocity = np.zeros_like(position)
        self._target = (stamp_ns, position.copy())
        first_ns = stamp_ns - self._delay_ns - 3 * self._period_ns
        self._knots.append((first_ns, position.copy()))
        self._knots.append((first_ns + self._period_ns, position.copy()))

    def pursue(self, stamp_ns: int, target: Vector) -> None:
        """Take a target `(J,)` [rad] of this stamp; one that is older than its predecessor is ignored."""
        target_ns, before = self._target
        if stamp_ns <= target_ns:
            return
        self._target = (stamp_ns, target)
        apart_ns = min(stamp_ns - target_ns, self._period_ns)  # before a gap the stream stood
        moving = (target - before) / (1e-9 * apart_ns)
        if stamp_ns - target_ns > 2 * self._period_ns:
            self._brake_until(stamp_ns - self._period_ns - self._period_ns // 2)
        if not self._velocity.any() and stamp_ns - self._period_ns > self._knots[-1][0]:
            self._knots.append((stamp_ns - self._period_ns, self._knots[-1][1]))
        while (knot_ns := self._knots[-1][0] + self._period_ns) <= stamp_ns + self._period_ns // 2:
            self._append(knot_ns, moving, target + moving * (1e-9 * (knot_ns - stamp_ns)))

    def command(self, stamp_ns: int) -> Vector:
        """The command `(J,)` [rad] of this time; times must not decrease."""
        end_ns = stamp_ns - self._delay_ns
        self._brake_until(end_ns)
        while self._knots[1][0] <= end_ns - 2 * self._period_ns:
            self._knots.popleft()
        times_s = np.array([knot_ns - end_ns for knot_ns, _ in self._knots]) * 1e-9
        positions = np.array([position for _, position in self._knots])
        slopes = np.diff(positions, axis=0) / np.diff(times_s)[:, None]
        # A line passes both averages one period late; every corner adds the average of a ramp.
        bends = _averaged_ramp(-times_s[1:-1], self._period_s)
        path: Vector = positions[0] + (-times_s[0] - self._period_s) * slopes[0] + bends @ np.diff(slopes, axis=0)
        return path

    def _brake_until(self, stamp_ns: int) -> None:
        while (last_ns := self._knots[-1][0]) < stamp_ns:
            self._append(last_ns + self._period_ns, np.zeros_like(self._velocity), None)

    def _append(self, stamp_ns: int, moving: Vector, target: Vector | None) -> None:
        last, dt_s = self._knots[-1][1], self._period_s
        step = self._limits.acceleration * dt_s
        wanted = moving
        if target is not None:
            behind = target - moving * dt_s - last
            cap = _stopping_speed(np.abs(behind), _CATCH_UP_SHARE * step, dt_s)
            wanted = moving + np.clip(behind / dt_s, -cap, cap)
        velocity = np.clip(wanted, self._velocity - step, self._velocity + step)
        velocity = np.clip(velocity, -self._limits.velocity, self._limits.velocity)
        position = np.clip(last + velocity * dt_s, self._limits.position_lower, self._limits.position_upper)
        self._velocity = velocity
        self._knots.append((stamp_ns, position))


def _averaged_ramp(time_s: Vector, period_s: float) -> Vector:
    # max(t, 0) averaged twice over the period before t: third powers, since averaging integrates.
    def cube(t: Vector) -> Vector:
        positive = np.maximum(t, 0.0)
        return positive * positive * positive

    ramp: Vector = (cube(time_s) - 2.0 * cube(time_s - period_s) + cube(time_s - 2.0 * period_s)) / (6.0 * period_s**2)
    return ramp


def _stopping_speed(distance: Vector, step: Vector, dt_s: float) -> Vector:
    # The largest speed whose braking way, this step included, fits into `distance`; both in units of the braking
    # step's speed and way. Up to one unit the way is gone in one step.
    units = distance / (step * dt_s)
    speed: Vector = step * np.maximum(np.sqrt(2.0 * units) - 0.5, np.minimum(units, 1.0))
    return speed
