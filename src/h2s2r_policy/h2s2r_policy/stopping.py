"""How a joint stops as fast as its acceleration and jerk limits allow: in closed form, for any number of joints.

In one joint's units, with velocity v, acceleration a and limits A, J, and mirrored so that the way to rest begins
with jerk -J: the acceleration falls to -peak, stays there if peak is A, and rises to 0 as the velocity becomes 0,

    peak = min(sqrt(J v + a^2 / 2), A),    t1 = (a + peak) / J,    t3 = peak / J,
    t2 = (v + a^2 / (2 J) - A^2 / J) / A   where the acceleration stays at -A, else 0.

This is the quickest way to rest. It is mirrored where v + a |a| / (2 J) < 0: the speed that is left when the
acceleration is taken back to zero at once says which way to brake. Whoever brakes for a while and asks again is
told the rest of the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

Array = Any


@dataclass(frozen=True)
class Stop:
    """The way to rest, arrays of the shape of the velocities; all but `sign` mirrored by it.

    Attributes:
        sign: -1 where it is mirrored, else 1.
        velocity: At its beginning [rad/s].
        acceleration: At its beginning [rad/s^2].
        jerk: Its size [rad/s^3].
        peak: The strongest deceleration [rad/s^2].
        first_s: How long the acceleration falls [s].
        second_s: How long it stays [s].
        third_s: How long it rises to zero [s].
    """

    sign: Array
    velocity: Array
    acceleration: Array
    jerk: Array
    peak: Array
    first_s: Array
    second_s: Array
    third_s: Array

    @property
    def duration_s(self) -> Array:
        """Until rest [s]."""
        return self.first_s + self.second_s + self.third_s

    def way(self) -> tuple[Array, Array, Array]:
        """Displacement [rad] at rest, and the lowest and the highest on the way there, the beginning included."""
        xp = array_namespace(self.velocity)
        v, a, J, t1, t2 = self.velocity, self.acceleration, self.jerk, self.first_s, self.second_s
        after_first = t1 * (v + t1 * (0.5 * a - J * t1 / 6.0))
        at_peak = v + t1 * (a - 0.5 * J * t1)
        rest = after_first + t2 * (at_peak - 0.5 * self.peak * t2) + self.peak * self.third_s * self.third_s / 6.0
        # Only an acceleration against a velocity that is already reversing leads back first, until the speed is zero.
        nothing = xp.zeros_like(v)
        behind = xp.minimum(v, nothing)
        root = xp.sqrt(xp.maximum(a * a + 2.0 * J * v, nothing))
        back_s = xp.where(behind < 0.0, -2.0 * behind / xp.where(behind < 0.0, a + root, nothing + 1.0), nothing)
        back = back_s * (behind + back_s * (0.5 * a - J * back_s / 6.0))
        ahead = xp.maximum(rest, nothing)
        upright = self.sign > 0.0
        return self.sign * rest, xp.where(upright, back, -ahead), xp.where(upright, ahead, -back)

    def moved(self, time_s: Array) -> Array:
        """Displacement [rad] after these times, `(K, 1, 1)` and the like."""
        xp = array_namespace(self.velocity)
        nothing = xp.zeros_like(self.velocity)
        v, a, J = self.velocity, self.acceleration, self.jerk
        t1 = xp.minimum(nothing + time_s, self.first_s)
        left = xp.maximum(time_s - self.first_s, nothing)
        t2 = xp.minimum(left, self.second_s)
        t3 = xp.minimum(left - t2, self.third_s)
        at_peak = v + self.first_s * (a - 0.5 * J * self.first_s)
        at_third = at_peak - self.peak * self.second_s
        moved = t1 * (v + t1 * (0.5 * a - (J / 6.0) * t1))
        moved += t2 * (at_peak - (0.5 * self.peak) * t2)
        moved += t3 * (at_third + t3 * ((J / 6.0) * t3 - 0.5 * self.peak))
        return self.sign * moved

    def after(self, time_s: Array | float) -> tuple[Array, Array, Array]:
        """Displacement [rad], velocity [rad/s] and acceleration [rad/s^2] after this time; at rest exactly zero."""
        xp = array_namespace(self.velocity)
        nothing = xp.zeros_like(self.velocity)
        left = nothing + time_s
        t1 = xp.minimum(left, self.first_s)
        t2 = xp.minimum(xp.maximum(left - self.first_s, nothing), self.second_s)
        t3 = xp.minimum(xp.maximum(left - self.first_s - self.second_s, nothing), self.third_s)
        J, v, a = self.jerk, self.velocity, self.acceleration
        moved = t1 * (v + t1 * (0.5 * a - J * t1 / 6.0))
        v, a = v + t1 * (a - 0.5 * J * t1), a - J * t1
        moved, v = moved + t2 * (v + 0.5 * a * t2), v + a * t2
        moved = moved + t3 * (v + t3 * (0.5 * a + J * t3 / 6.0))
        v, a = v + t3 * (a + 0.5 * J * t3), a + J * t3
        rests = left >= self.duration_s
        v, a = xp.where(rests, nothing, v), xp.where(rests, nothing, a)
        return self.sign * moved, self.sign * v, self.sign * a


def stopping(velocity: Array, acceleration: Array, *, limit: Array, jerk: Array) -> Stop:
    """The quickest way to rest.

    Args:
        velocity: `(..., J)` [rad/s, or m/s where a joint slides].
        acceleration: `(..., J)`, not above its limit [rad/s^2].
        limit: `(J,)` of the acceleration [rad/s^2].
        jerk: `(J,)` its limit [rad/s^3].
    """
    xp = array_namespace(velocity, acceleration)
    nothing = xp.zeros_like(velocity)
    left = velocity + 0.5 * acceleration * xp.abs(acceleration) / jerk
    sign = xp.where(left < 0.0, nothing - 1.0, nothing + 1.0)
    v, a = sign * velocity, sign * acceleration
    half_square = 0.5 * a * a
    wanted = xp.sqrt(xp.maximum(jerk * v + half_square, nothing))
    stays = wanted > limit
    peak = xp.where(stays, nothing + limit, wanted)
    second = xp.where(stays, (v + (half_square - limit * limit) / jerk) / limit, nothing)
    return Stop(
        sign=sign,
        velocity=v,
        acceleration=a,
        jerk=nothing + jerk,
        peak=peak,
        first_s=xp.maximum((a + peak) / jerk, nothing),
        second_s=xp.maximum(second, nothing),
        third_s=peak / jerk,
    )
