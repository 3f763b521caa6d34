"""The joint controller: a goal that may jump in, a command that keeps every limit out.

Each joint follows its goal like a first-order lag, capped by the speed from which it can still stop at
the goal. Position, velocity and acceleration limits then hold by construction, whatever the goals do.

With steps of `dt`, velocity `v` and deceleration `a`, a joint moves `v dt, (v - a dt) dt, ...` before
it stands. In units of `a dt^2` (distance) and `a dt` (speed) the whole way is at most
`(x + 1/2)^2 / 2`, and exactly `x` for `x <= 1`. `_stopping_speed` inverts this. A joint that keeps to
it now can keep to it after any number of full brakings, which is why the limits are never passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy.rates import CONTROL_RATE_HZ

Array = Any


@dataclass(frozen=True)
class ControllerConfiguration:
    """How the command follows the goal."""

    rate_hz: float = CONTROL_RATE_HZ
    gain_per_s: float = 20.0
    """Speed per distance to the goal; 20/s covers 73 % of the way within a policy step of 1/15 s."""
    limit_fraction: float = 0.9
    """Share of the velocity and acceleration limits that is used; the rest is room for stamp jitter,
    so that the command guard, which measures with real stamps, does not trip on a correct command."""


@dataclass(frozen=True)
class ControllerState:
    """The command as the controller remembers it.

    Attributes:
        position: `(N, J)` last commanded joint position [rad, or m where a joint slides].
        velocity: `(N, J)` its velocity [rad/s or m/s].
    """

    position: Array
    velocity: Array


def reset(position: Array, limits: JointLimits) -> ControllerState:
    """Standing at `position (N, J)` [rad], moved inside the position limits if need be."""
    xp = array_namespace(position)
    inside = _clip(xp, position, limits.position_lower, limits.position_upper)
    return ControllerState(inside, xp.zeros_like(inside))


def step(
    state: ControllerState, goal: Array, limits: JointLimits, *, dt_s: float, gain_per_s: float
) -> ControllerState:
    """One step of the command towards the goal.

    Args:
        state: The command so far; inside the limits, as `reset` and `step` leave it.
        goal: `(N, J)` joint positions [rad]; outside the limits it is clipped, a NaN brakes the joint.
        limits: Kept exactly.
        dt_s: Length of the step [s].
        gain_per_s: See `ControllerConfiguration.gain_per_s`.

    Returns:
        The next command; `position` has moved by `velocity * dt_s`.
    """
    xp = array_namespace(state.position, goal)
    speed_unit = limits.acceleration * dt_s
    held = xp.where(xp.isnan(goal), state.position, goal)
    distance = _clip(xp, held, limits.position_lower, limits.position_upper) - state.position
    cap = xp.minimum(_stopping_speed(xp.abs(distance), speed_unit, dt_s), limits.velocity)
    wanted = _clip(xp, gain_per_s * distance, -cap, cap)
    velocity = _clip(xp, wanted, state.velocity - speed_unit, state.velocity + speed_unit)
    # The bound already keeps these limits; the clip only removes the last bit of rounding.
    position = _clip(xp, state.position + velocity * dt_s, limits.position_lower, limits.position_upper)
    return ControllerState(position, velocity)


def _stopping_speed(distance: Array, speed_unit: Array, dt_s: float) -> Array:
    # The largest speed whose braking way, this step included, fits into `distance`.
    xp = array_namespace(distance)
    units = distance / (speed_unit * dt_s)
    long_way = xp.sqrt(2.0 * units) - 0.5
    return speed_unit * xp.maximum(long_way, xp.minimum(units, xp.ones_like(units)))


def _clip(xp: Any, value: Array, lower: Array, upper: Array) -> Array:
    # array_api_compat's clip spends more time on checking than all of `step` on computing.
    return xp.minimum(xp.maximum(value, lower), upper)
