"""The joint controller: a goal that may jump in, a command that keeps every limit out.

The command is the sampled value of a motion whose jerk is constant in pieces. Each step offers two ways on: the
*wanted* one, with one jerk for the whole step, towards the goal; and *braking*, the first step of the quickest way to
rest (`stopping`). The wanted way is taken by every joint for which the quickest stop that would follow it stays
within the position limits, and by all joints together only if that stop also stays clear of the table
(`table_clearance`). Otherwise the joint, or the robot, brakes.

Why no limit is ever passed. *Invariant: the quickest stop from where the command is keeps position limits, velocity
limits and table clearance.* It holds at rest (`reset`). Braking keeps it: the quickest stop from a place on a
quickest stop is its remainder. The wanted way is taken only where it keeps it. So at every tick there is a way on
that is safe, and it is found without search. Both ways keep jerk and acceleration limits, and so do their mixtures.

The command guard and a robot see positions at stamps only. Their divided differences are means of the motion's
velocity, acceleration and jerk over the stamps (Peano's kernels are B-splines, which are positive and integrate to
1), so that they keep the limits, too, however unevenly the stamps lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy.rates import CONTROL_RATE_HZ
from h2s2r_policy.self_clearance import SelfClearance
from h2s2r_policy.stopping import Stop, stopping
from h2s2r_policy.table_clearance import Motion, TableClearance

Array = Any

_TICKS = (1, 2, 3, 4)
"""After the coming tick, the table is asked at these and at rest."""

_NO_JERK_LIMIT = 1e9
"""[rad/s^3] above which a limit is none; the closed forms divide by it."""

LAW = "third order, stops clear of limits and table, version 1"
"""Stands in the contract: a policy learned the dynamics of this controller and is refused by another."""


@dataclass(frozen=True)
class ControllerConfiguration:
    """How the command follows the goal."""

    rate_hz: float = CONTROL_RATE_HZ
    gain_per_s: float = 20.0
    """Speed per distance to the goal; 20/s covers 71 % of the way within a policy step of 1/15 s."""
    limit_fraction: float = 0.9
    """Share of the velocity, acceleration and jerk limits that is used; the rest is room for stamp jitter,
    so that the command guard, which measures with real stamps, does not trip on a correct command."""
    limit_margin: float = 0.005
    """Goals are kept this share of a joint's range away from its position limits, which pushes joints off them."""
    table_clearance_m: float = 0.002
    """Goals keep the collision spheres this far above the table; the command keeps them out of it altogether.
    Small: the hand has to reach an object that lies flat."""

    self_repulsion: bool = False
    """Whether goals are pushed out of the robot itself. Off: policies that close the hand rely on goals in which
    fingers overlap, and one that learned without it fell from 98 to 82 % with it."""


@dataclass(frozen=True)
class ControllerState:
    """The command as the controller remembers it.

    Attributes:
        position: `(N, J)` last commanded joint position [rad, or m where a joint slides].
        velocity: `(N, J)` its velocity [rad/s or m/s].
        acceleration: `(N, J)` its acceleration [rad/s^2 or m/s^2].
    """

    position: Array
    velocity: Array
    acceleration: Array


class Controller:
    """Turns joint goals into commands; remembers nothing between calls.

    Args:
        limits: The robot's; `configuration.limit_fraction` of them is used. The jerk limit must be finite.
        configuration: How goals are followed.
        table: Keeps the collision spheres out of the table; None where there is none.
        robot: Pushes goals out of the robot itself; None leaves them.

    Raises:
        ValueError: A jerk limit is so low (or there is none, which would be infinite) that reversing takes longer
            than the ticks after which joints are taken to go straight to rest.
    """

    def __init__(
        self,
        limits: JointLimits,
        configuration: ControllerConfiguration,
        table: TableClearance | None = None,
        robot: SelfClearance | None = None,
    ) -> None:
        longest_s = _TICKS[-1] / configuration.rate_hz
        if not bool(((limits.acceleration < longest_s * limits.jerk) & (limits.jerk < _NO_JERK_LIMIT)).all()):
            raise ValueError(f"jerk limit: finite, and full acceleration within {1e3 * longest_s:.0f} ms, expected")
        self.configuration = configuration
        self.limits = limits.scaled(configuration.limit_fraction)
        self._table, self._robot = table, robot
        margin = configuration.limit_margin * (limits.position_upper - limits.position_lower)
        self._lower, self._upper = limits.position_lower + margin, limits.position_upper - margin

    def reset(self, position: Array) -> ControllerState:
        """Standing at `position (N, J)`, moved inside the position limits if need be."""
        xp = array_namespace(position)
        inside = _clip(xp, position, self.limits.position_lower, self.limits.position_upper)
        return ControllerState(inside, xp.zeros_like(inside), xp.zeros_like(inside))

    def reachable(self, goal: Array) -> Array:
        """The goal `(N, J)` nearby that keeps off joint limits, the robot itself and the table; a NaN stays a NaN.

        Goals that come at the policy's rate are passed through this once; `step` is safe without it, but a robot
        whose goal is in the table stops above it instead of sliding along.
        """
        xp = array_namespace(goal)
        goal = _clip(xp, goal, self._lower, self._upper)
        if self._robot is not None:
            goal = _clip(xp, self._robot.push(goal), self._lower, self._upper)
        if self._table is not None:
            goal = _clip(xp, self._table.lift(goal, self.configuration.table_clearance_m), self._lower, self._upper)
        return goal

    def step(self, state: ControllerState, goal: Array, *, dt_s: float) -> ControllerState:
        """One step of the command towards the goal.

        Args:
            state: The command so far, as `reset` and `step` leave it.
            goal: `(N, J)` joint positions; outside the limits it is clipped, a NaN brakes the joint.
            dt_s: Length of the step [s].
        """
        xp = array_namespace(state.position, goal)
        brake = self._stopping(state)
        moved, velocity, acceleration = brake.after(dt_s)
        braked = ControllerState(state.position + moved, velocity, acceleration)
        held = xp.where(xp.isnan(goal), state.position, _clip(xp, goal, self._lower, self._upper))
        wanted = self._towards(state, held, dt_s)
        rest, lowest, highest = self._stopping(wanted).way()
        within = self._within(wanted, lowest, highest)
        # Not a matter of safety: who would come to rest beyond the goal, and further so than by braking, brakes.
        beyond, ahead = wanted.position + rest - held, held - state.position
        faster = wanted.acceleration - braked.acceleration
        late = ((ahead >= 0.0) & (beyond > 0.0) & (faster > 0.0)) | ((ahead <= 0.0) & (beyond < 0.0) & (faster < 0.0))
        chosen = _mixed(within & ~late & ~xp.isnan(goal), wanted, braked)
        if self._table is not None:
            first = wanted.position - state.position
            _, down, up = brake.way()
            largest = xp.maximum(xp.maximum(first + highest, -first - lowest), xp.maximum(up, -down))
            chosen = self._clear_of_table(self._table, state, braked, chosen, largest, dt_s)
        # The invariant already keeps these limits; the clip only removes the last bit of rounding.
        inside = _clip(xp, chosen.position, self.limits.position_lower, self.limits.position_upper)
        return ControllerState(inside, chosen.velocity, chosen.acceleration)

    def _stopping(self, state: ControllerState) -> Stop:
        return stopping(state.velocity, state.acceleration, limit=self.limits.acceleration, jerk=self.limits.jerk)

    def _within(self, state: ControllerState, lowest: Array, highest: Array) -> Array:
        position, limits = state.position, self.limits
        return (position + highest <= limits.position_upper) & (position + lowest >= limits.position_lower)

    def _clear_of_table(
        self,
        table: TableClearance,
        state: ControllerState,
        braked: ControllerState,
        chosen: ControllerState,
        largest: Array,
        dt_s: float,
    ) -> ControllerState:
        # Rows whose way on, with the stop that would follow, may lower a sphere into the table are eased, or brake.
        xp = array_namespace(state.position)
        places = table.places(state.position)
        spheres, rows = table.near(places, largest)
        if not rows.shape[0]:
            return chosen
        places, largest = places.take(spheres, rows), largest[rows, :]
        here, brake, wanted = (_of_rows(part, rows) for part in (state, braked, chosen))
        motion = self._motion(here, wanted, largest, dt_s)
        room = table.room(places, motion)
        (low,) = xp.nonzero(room.least < 0.0)
        if not low.shape[0]:
            return chosen
        here, brake, wanted = (_of_rows(part, low) for part in (here, brake, wanted))
        places, largest, rows = places.take(xp.arange(spheres.shape[0]), low), largest[low, :], rows[low]
        share = table.eased(places, room.take(low), motion.rest[low, :], self._rest(here, brake))
        eased = _between(share, brake, wanted)
        _, lowest, highest = self._stopping(eased).way()
        within = xp.all(self._within(eased, lowest, highest), axis=-1)
        clear = table.room(places, self._motion(here, eased, largest, dt_s)).least >= 0.0
        return _with_rows(chosen, rows, _mixed((clear & within)[:, None], eased, brake))

    def _motion(self, start: ControllerState, following: ControllerState, largest: Array, dt_s: float) -> Motion:
        # What the joints do from the coming tick to rest, relative to where they start.
        xp = array_namespace(start.position)
        stop = self._stopping(following)
        first = following.position - start.position
        # Ticks that come early lie between these.
        tick_s = max(dt_s, 1.0 / self.configuration.rate_hz)
        times = xp.asarray([[[tick * tick_s]] for tick in _TICKS], dtype=first.dtype, device=device(first))
        after = xp.concat([first[None], first + stop.moved(times)], axis=0)
        return Motion(after, first + stop.way()[0], largest)

    def _rest(self, start: ControllerState, following: ControllerState) -> Array:
        return following.position + self._stopping(following).way()[0] - start.position

    def _towards(self, state: ControllerState, goal: Array, dt_s: float) -> ControllerState:
        # A first-order lag, its speed capped so that it can still stop at the goal from it.
        xp = array_namespace(goal)
        limits, v, a = self.limits, state.velocity, state.acceleration
        distance = goal - state.position - v * dt_s
        knee = 0.5 * limits.acceleration * limits.acceleration / limits.jerk
        # v^2 / 2A + v A / 2J is the way from a steady speed v to rest, or a little more.
        cap = xp.sqrt(knee * knee + 2.0 * limits.acceleration * xp.abs(distance)) - knee
        cap = xp.minimum(cap, limits.velocity)
        speed = _clip(xp, self.configuration.gain_per_s * distance, -cap, cap)
        # Brings the velocity there in two steps, the acceleration ending at zero (both poles are at zero).
        to = (speed - v) / dt_s - 0.5 * a
        change = limits.jerk * dt_s
        to = _clip(xp, _clip(xp, to, -limits.acceleration, limits.acceleration), a - change, a + change)
        # The speed that is left when the acceleration has been taken back keeps the velocity limit.
        room = limits.velocity - 0.5 * dt_s * a
        to = xp.minimum(to, self._largest(room - v, a, dt_s))
        to = xp.maximum(to, -self._largest(limits.velocity + 0.5 * dt_s * a + v, -a, dt_s))
        to = _clip(xp, to, a - change, a + change)
        moved = dt_s * (v + dt_s * (a / 3.0 + to / 6.0))
        return ControllerState(state.position + moved, v + 0.5 * dt_s * (a + to), to)

    def _largest(self, room: Array, acceleration: Array, dt_s: float) -> Array:
        # The largest acceleration b at the end of the step with b^2 / 2J + b dt / 2 <= room; without room, the least.
        xp = array_namespace(room)
        half = 0.5 * self.limits.jerk * dt_s
        root = xp.sqrt(half * half + 2.0 * self.limits.jerk * xp.maximum(room, xp.zeros_like(room))) - half
        return xp.where(room >= 0.0, root, acceleration - 2.0 * half)


def _mixed(taken: Array, first: ControllerState, second: ControllerState) -> ControllerState:
    xp = array_namespace(first.position)
    return ControllerState(
        xp.where(taken, first.position, second.position),
        xp.where(taken, first.velocity, second.velocity),
        xp.where(taken, first.acceleration, second.acceleration),
    )


def _between(share: Array, none: ControllerState, all_: ControllerState) -> ControllerState:
    return ControllerState(
        none.position + share * (all_.position - none.position),
        none.velocity + share * (all_.velocity - none.velocity),
        none.acceleration + share * (all_.acceleration - none.acceleration),
    )


def _of_rows(state: ControllerState, rows: Array) -> ControllerState:
    return ControllerState(state.position[rows, :], state.velocity[rows, :], state.acceleration[rows, :])


def _with_rows(state: ControllerState, rows: Array, new: ControllerState) -> ControllerState:
    # A copy: what was handed out before must not change under its reader.
    xp = array_namespace(state.position)
    parts = [xp.asarray(part, copy=True) for part in (state.position, state.velocity, state.acceleration)]
    for part, values in zip(parts, (new.position, new.velocity, new.acceleration), strict=True):
        part[rows, :] = values
    return ControllerState(*parts)


def _clip(xp: Any, value: Array, lower: Array, upper: Array) -> Array:
    # array_api_compat's clip spends more time on checking than all of `step` on computing.
    return xp.minimum(xp.maximum(value, lower), upper)
