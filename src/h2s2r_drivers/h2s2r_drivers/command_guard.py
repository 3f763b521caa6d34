"""The command guard: the last thing between any command and a robot. It needs no kinematics and latches.

Every command is judged against the last one that passed. A command that breaks a limit is not passed on;
the guard brakes at the acceleration limit, holds, and stays so until `recover`. Because a command is
passed only if the robot can still stop inside its position limits afterwards, braking keeps all limits too.

Velocity is the mean over the time since the last command; acceleration is the change of that mean over the time
between the middles of the two intervals, jerk the change of that over the mean of the last three intervals. These are
divided differences, means of a motion's derivatives: so judged, a motion within its limits is never refused, however
unevenly its commands arrive. The guard's own braking lies on one parabola whenever the next message comes; it stops
as short as the acceleration allows and does not spare the gears a step of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.joint_limits import JointLimits

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class GuardConfiguration:
    """What the guard tolerates."""

    period_s: float = 1.0 / 60.0
    """Nominal time between commands."""
    stamp_jitter_s: float = 0.002
    """Stamps this close to a whole number of periods apart count as exactly so: real stamps jitter,
    and the second difference of positions would turn a millisecond into a false acceleration."""
    relative_tolerance: float = 0.01
    """Room for rounding above the velocity, acceleration and jerk limits."""
    tracking_error_rad: float | tuple[float, ...] = 0.35
    """Distance between command and measurement at which the robot must have hit something, for all joints or
    for each; infinity for a joint that may be pressed back in use."""
    stale_joint_state_s: float = 0.1
    stale_command_s: float = 0.5
    torque: float | tuple[float, ...] = math.inf
    """Largest measured or estimated torque [Nm, or N where a joint slides], for all joints or for each."""
    stale_heartbeat_s: float = 0.5
    """How long whoever must be alive may be silent."""


@dataclass(frozen=True)
class Intervention:
    """One limit that was about to be broken."""

    limit: str
    """Which limit, with the joint if there is one: `velocity of joint_3_0`."""
    value: float
    """What it would have become."""
    bound: float
    """What is allowed."""
    stamp_ns: int

    def __str__(self) -> str:
        return f"{self.limit}: {self.value:.6g}, allowed {self.bound:.6g} (stamp {self.stamp_ns} ns)"


@dataclass(frozen=True)
class GuardResult:
    """What to send, and why it is not what was asked for.

    Attributes:
        command: `(J,)` joint position to send [rad]; None as long as no usable measurement was seen.
        violation: What latched the guard; None while it lets commands through.
    """

    command: Vector | None
    violation: Intervention | None


class CommandGuard:
    """Remembers the last command that passed, its velocity, acceleration and stamp, and what latched it.

    Args:
        limits: Position, velocity and acceleration limits, each `(J,)`; the jerk limit may be infinite.
        joint_names: For the messages, `(J,)`.
        configuration: Tolerances.

    Raises:
        DriverError: A limit or tolerance has another length than the joint names, or is not a positive number.
    """

    def __init__(
        self, limits: JointLimits, joint_names: Sequence[str], configuration: GuardConfiguration | None = None
    ) -> None:
        self.configuration = configuration or GuardConfiguration()
        self.interventions: list[Intervention] = []
        self._limits = _checked(limits, len(joint_names))
        self._tracking_error_rad = _for_each(self.configuration.tracking_error_rad, len(joint_names), "tracking error")
        self._names = tuple(joint_names)
        self._position: Vector | None = None
        self._torque = _for_each(self.configuration.torque, len(joint_names), "torque")
        self._velocity: Vector
        self._acceleration: Vector
        self._intervals_s: tuple[float, float]
        self._stand()
        self._stamp_ns: int | None = None
        self._latched: Intervention | None = None

    @property
    def latched(self) -> Intervention | None:
        """What latched the guard, or None."""
        return self._latched

    @property
    def held_position(self) -> Vector | None:
        """The last command that was sent `(J,)` [rad]; None before the first and after `recover`."""
        return None if self._position is None else self._position.copy()

    @property
    def velocity(self) -> Vector:
        """Velocity of the last command that was sent `(J,)` [rad/s]; zero at the latest when braking is over."""
        return self._velocity.copy()

    @property
    def is_standing(self) -> bool:
        """Whether the command has stopped, so far that the acceleration limit allows a stop at once."""
        stop = self._limits.acceleration * self.configuration.period_s
        return bool(np.all(np.abs(self._velocity) <= stop))

    def recover(self) -> bool:
        """Let commands through again; only a person or an explicit service call may do this.

        The next command counts from where the robot is then measured, since a robot that was held up,
        pushed or moved by hand is no longer where it was commanded.

        Returns:
            False, and nothing is changed, while the command is still braking.
        """
        if not self.is_standing:
            return False
        self._latched = self._position = self._stamp_ns = None
        return True

    def start(self, position: Vector) -> None:
        """Count from this command `(J,)` [rad], which the robot follows already, instead of from its measurement.

        A servo under load stands a little beside its command; a driver that takes over must not jump by that. What
        is latched stays so; then this is what is held.
        """
        self._position, self._stamp_ns = np.array(position, dtype=np.float64), None
        self._stand()

    def trip(self, violation: Intervention) -> None:
        """Latch for something that only the caller can see: a fault of the device, a target that was refused."""
        self._latch(violation)

    def check(
        self,
        command: Vector,
        *,
        stamp_ns: int,
        measured: Vector,
        measured_stamp_ns: int,
        target_stamp_ns: int | None = None,
        torque: Vector | None = None,
        heartbeat_stamp_ns: int | None = None,
    ) -> GuardResult:
        """Judge one command.

        Args:
            command: `(J,)` joint position to send [rad].
            stamp_ns: Now, in the clock of the stamps.
            measured: `(J,)` measured joint position [rad].
            measured_stamp_ns: When it was measured.
            target_stamp_ns: When the target behind the command was made; None when holding still.
            torque: `(J,)` measured or estimated [Nm]; None where the robot gives none.
            heartbeat_stamp_ns: Last sign of life of whoever must be alive; None where nobody must.
        """
        measured_ok = _usable(measured, len(self._names))
        if self._position is None:
            if not measured_ok:
                return GuardResult(None, self._latch(_no_measurement(stamp_ns)))
            self._position = np.clip(measured, self._limits.position_lower, self._limits.position_upper)
            self._stand()
        last = self._position
        elapsed_s = self._elapsed(stamp_ns)
        violation = self._latched or self._judge_robot(torque, heartbeat_stamp_ns, stamp_ns)
        violation = violation or self._judge(
            last, command, stamp_ns, elapsed_s, measured if measured_ok else None, measured_stamp_ns, target_stamp_ns
        )
        if violation is not None:
            self._latch(violation)
            sent = self._brake(last, elapsed_s) if elapsed_s > 0.0 else last
        else:
            sent = np.array(command, dtype=np.float64)
            velocity = (sent - last) / elapsed_s
            self._acceleration = (velocity - self._velocity) / self._between(elapsed_s)
            self._velocity = velocity
        if elapsed_s > 0.0:
            self._stamp_ns, self._intervals_s = stamp_ns, (elapsed_s, self._intervals_s[0])
        self._position = sent
        return GuardResult(sent.copy(), self._latched)

    def _stand(self) -> None:
        self._velocity = np.zeros(len(self._names))
        self._acceleration = np.zeros(len(self._names))
        # The last one and the one before.
        self._intervals_s = (self.configuration.period_s, self.configuration.period_s)

    def _between(self, elapsed_s: float) -> float:
        # Between the middle of the last interval and that of the one that ends now.
        return (elapsed_s + self._intervals_s[0]) / 2.0

    def _elapsed(self, stamp_ns: int) -> float:
        period_s = self.configuration.period_s
        if self._stamp_ns is None:
            return period_s
        elapsed_s = (stamp_ns - self._stamp_ns) * 1e-9
        periods = round(elapsed_s / period_s)
        if periods >= 1 and abs(elapsed_s - periods * period_s) <= self.configuration.stamp_jitter_s:
            return periods * period_s
        return elapsed_s

    def _latch(self, violation: Intervention) -> Intervention:
        if self._latched is None:
            self._latched = violation
            self.interventions.append(violation)
        return self._latched

    def _brake(self, last: Vector, elapsed_s: float) -> Vector:
        speed = np.maximum(np.abs(self._velocity) - self._limits.acceleration * self._between(elapsed_s), 0.0)
        self._velocity = np.sign(self._velocity) * speed
        moved = last + self._velocity * elapsed_s
        sent: Vector = np.clip(moved, self._limits.position_lower, self._limits.position_upper)
        return sent

    def _judge(
        self,
        last: Vector,
        command: Vector,
        stamp_ns: int,
        elapsed_s: float,
        measured: Vector | None,
        measured_stamp_ns: int,
        target_stamp_ns: int | None,
    ) -> Intervention | None:
        configuration = self.configuration
        if not _usable(command, len(self._names)):
            found = float(np.size(command)) if np.size(command) != len(self._names) else np.nan
            return Intervention("command: wrong length or not a number", found, len(self._names), stamp_ns)
        if measured is None:
            return _no_measurement(stamp_ns)
        if elapsed_s <= 0.0:
            return Intervention("stamp not increasing [s]", elapsed_s, 0.0, stamp_ns)
        age_s = max((stamp_ns - measured_stamp_ns) * 1e-9, elapsed_s)
        if age_s > configuration.stale_joint_state_s:
            return Intervention("stale joint state [s]", age_s, configuration.stale_joint_state_s, stamp_ns)
        if target_stamp_ns is not None:
            age_s = (stamp_ns - target_stamp_ns) * 1e-9
            if age_s > configuration.stale_command_s:
                return Intervention("stale command [s]", age_s, configuration.stale_command_s, stamp_ns)
        motion = self._judge_motion(last, command, elapsed_s, stamp_ns)
        return motion or self._judge_tracking(command, measured, stamp_ns)

    def _judge_robot(self, torque: Vector | None, heartbeat_stamp_ns: int | None, stamp_ns: int) -> Intervention | None:
        if heartbeat_stamp_ns is not None:
            age_s, bound_s = (stamp_ns - heartbeat_stamp_ns) * 1e-9, self.configuration.stale_heartbeat_s
            if age_s > bound_s:
                return Intervention("missing heartbeat [s]", age_s, bound_s, stamp_ns)
        if torque is None:
            return None
        if np.shape(torque) != (len(self._names),):
            return Intervention("torque: wrong length", float(np.size(torque)), len(self._names), stamp_ns)
        return self._worst("torque", np.abs(torque), self._torque, stamp_ns)

    def _judge_motion(self, last: Vector, command: Vector, elapsed_s: float, stamp_ns: int) -> Intervention | None:
        limits, room = self._limits, 1.0 + self.configuration.relative_tolerance
        velocity = (command - last) / elapsed_s
        acceleration = (velocity - self._velocity) / self._between(elapsed_s)
        jerk = (acceleration - self._acceleration) / ((elapsed_s + sum(self._intervals_s)) / 3.0)
        towards = np.where(velocity >= 0.0, limits.position_upper - command, command - limits.position_lower)
        return (
            self._worst("upper position", command, limits.position_upper, stamp_ns)
            or self._worst("lower position", -command, -limits.position_lower, stamp_ns)
            or self._worst("velocity", np.abs(velocity), room * limits.velocity, stamp_ns)
            or self._worst("acceleration", np.abs(acceleration), room * limits.acceleration, stamp_ns)
            or self._worst("jerk", np.abs(jerk), room * np.broadcast_to(limits.jerk, jerk.shape), stamp_ns)
            or self._worst(
                "braking distance", self._braking_distance(np.abs(velocity), elapsed_s), towards + 1e-9, stamp_ns
            )
        )

    def _braking_distance(self, speed: Vector, elapsed_s: float) -> Vector:
        # `speed` is the mean of the interval; braking counts from its middle, and this is what is left at its end.
        left = np.maximum(speed - self._limits.acceleration * elapsed_s / 2.0, 0.0)
        distance: Vector = left * left / (2.0 * self._limits.acceleration)
        return distance

    def _judge_tracking(self, command: Vector, measured: Vector, stamp_ns: int) -> Intervention | None:
        error = np.abs(command - measured)
        return self._worst("tracking error", error, self._tracking_error_rad, stamp_ns)

    def _worst(self, limit: str, value: Vector, bound: Vector, stamp_ns: int) -> Intervention | None:
        # Written so that a NaN counts as a violation.
        broken = ~(value <= bound)
        if not broken.any():
            return None
        joint = int(np.argmax(np.where(broken, value - bound, -np.inf)))
        return Intervention(f"{limit} of {self._names[joint]}", float(value[joint]), float(bound[joint]), stamp_ns)


def _no_measurement(stamp_ns: int) -> Intervention:
    return Intervention("measurement: missing, wrong length or not a number", float("nan"), 0.0, stamp_ns)


def _usable(vector: Vector, size: int) -> bool:
    return np.shape(vector) == (size,) and bool(np.isfinite(vector).all())


def _checked(limits: JointLimits, size: int) -> JointLimits:
    for name in ("position_lower", "position_upper", "velocity", "acceleration"):
        values = np.asarray(getattr(limits, name))
        if values.shape != (size,) or not np.isfinite(values).all():
            raise DriverError(f"limit {name}: expected {size} finite numbers, found shape {values.shape}: {values}")
    if np.shape(limits.jerk) not in {(), (size,)}:
        raise DriverError(f"limit jerk: expected one or {size} numbers, found shape {np.shape(limits.jerk)}")
    if not all(np.all(values > 0.0) for values in (limits.velocity, limits.acceleration, limits.jerk)):
        raise DriverError("velocity, acceleration and jerk limits must be positive")
    return limits


def _for_each(tolerance: float | tuple[float, ...], size: int, name: str) -> Vector:
    values = np.asarray(tolerance, dtype=np.float64)
    if values.shape not in {(), (size,)} or not np.all(values > 0.0):
        raise DriverError(f"{name}: expected one or {size} positive numbers, found {tolerance}")
    return np.broadcast_to(values, (size,))
