"""What both drivers do between a target that arrives and a command on the wire: judge, interpolate, judge again.

The first guard judges the targets as they come, so that a jump is refused and not smoothed over. The second one
judges every command of the wire's cycle. Either latches both; then the second brakes and holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.command_guard import CommandGuard, GuardConfiguration, Intervention
from h2s2r_drivers.interpolation import InterpolationConfiguration, TargetInterpolator
from h2s2r_drivers.joint_limits import JointLimits

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class CommandPathConfiguration:
    """How commands are judged and interpolated."""

    target_timeout_s: float = 0.2
    """Targets that were coming and have not for this long are stale: the robot brakes, holds, and says so."""
    start_tolerance_rad: float = 0.05
    """How far the first target may be from where the robot stands: a controller begins at what it measured, which a
    servo under load holds a little beside its command."""
    interpolation: InterpolationConfiguration = field(default_factory=InterpolationConfiguration)
    guard: GuardConfiguration = field(default_factory=GuardConfiguration)
    """Tolerances of both guards; their periods are set here."""


class CommandPath:
    """Remembers what the two guards and the interpolator between them do.

    `pursue` may be called from another thread than the rest.

    Args:
        limits: `(J,)` each.
        joint_names: For messages.
        period_s: Of the wire's cycle.
        audit: Where every intervention is noted.
        configuration: See there.
    """

    def __init__(
        self,
        limits: JointLimits,
        joint_names: Sequence[str],
        period_s: float,
        audit: AuditLog,
        configuration: CommandPathConfiguration | None = None,
    ) -> None:
        self.configuration = configuration or CommandPathConfiguration()
        self.audit = audit
        guard = self.configuration.guard
        period_of_targets_s = self.configuration.interpolation.target_period_s
        # Targets may pause, and follow a robot that is already judged at the wire.
        targets = replace(guard, period_s=period_of_targets_s, stale_joint_state_s=np.inf, tracking_error_rad=np.inf)
        commands = replace(
            guard, period_s=period_s, stamp_jitter_s=0.0, stale_command_s=self.configuration.target_timeout_s
        )
        self._target_guard = CommandGuard(limits, joint_names, targets)
        # Jerk at the wire is what the spline of a stream within the acceleration limit can have at most.
        at_the_wire = replace(limits, jerk=2.0 * limits.acceleration / period_of_targets_s)
        self._guard = CommandGuard(at_the_wire, joint_names, commands)
        self._interpolator = TargetInterpolator(limits, self.configuration.interpolation)
        self._arrived: deque[tuple[int, Vector]] = deque(maxlen=32)
        self._target_ns: int | None = None
        self._noted: Intervention | None = None

    @property
    def latched(self) -> Intervention | None:
        """What stopped the robot, or None."""
        return self._guard.latched

    @property
    def is_standing(self) -> bool:
        """Whether the command has come to rest."""
        return self._guard.is_standing

    @property
    def command(self) -> Vector | None:
        """The last command `(J,)` [rad] that was sent."""
        return self._guard.held_position

    def start(self, position: Vector, stamp_ns: int) -> None:
        """Begin from `position (J,)` [rad], which the robot follows already; targets from before are forgotten."""
        self.release()
        self._guard.start(position)
        self._interpolator.start(position, stamp_ns)

    def release(self) -> None:
        """Forget the targets: brake and hold, without that being a fault. The next target begins a new stream."""
        self._arrived.clear()
        self._target_ns = None

    def pursue(self, stamp_ns: int, target: Vector) -> None:
        """Take a target `(J,)` [rad] for the joint state of this stamp, which is in the clock of `cycle`."""
        self._arrived.append((stamp_ns, target))

    def trip(self, limit: str, value: float, bound: float, stamp_ns: int) -> None:
        """Latch for something that only the driver sees."""
        self._guard.trip(Intervention(limit, value, bound, stamp_ns))
        self._note()

    def recover(self, position: Vector, stamp_ns: int) -> bool:
        """Let targets through again, from `position (J,)` [rad]; False, and nothing changes, while it still brakes."""
        if not self._guard.recover():
            return False
        self._target_guard.recover()
        self._noted = None
        self.start(position, stamp_ns)
        return True

    def cycle(self, stamp_ns: int, measured: Vector, torque: Vector | None = None) -> Vector | None:
        """The command `(J,)` [rad] for this cycle; None only as long as nothing was measured or started from.

        Args:
            stamp_ns: Of the cycle, which brought the measurement.
            measured: `(J,)` position [rad].
            torque: `(J,)` measured [Nm], where the robot measures it.
        """
        while self._arrived:
            self._judge_target(*self._arrived.popleft(), stamp_ns, measured)
        result = self._guard.check(
            self._interpolator.command(stamp_ns),
            stamp_ns=stamp_ns,
            measured=measured,
            measured_stamp_ns=stamp_ns,
            target_stamp_ns=self._target_ns,
            torque=torque,
        )
        self._note()
        return result.command

    def _judge_target(self, target_ns: int, target: Vector, stamp_ns: int, measured: Vector) -> None:
        if self._guard.latched is not None:
            return
        age_s = abs(stamp_ns - target_ns) * 1e-9
        if age_s > self.configuration.target_timeout_s:
            bound = self.configuration.target_timeout_s
            self._guard.trip(Intervention("age of a target [s]", age_s, bound, stamp_ns))
            return
        if self._target_ns is None and not self._begin(target, stamp_ns):
            return
        judged = self._target_guard.check(target, stamp_ns=target_ns, measured=measured, measured_stamp_ns=target_ns)
        if judged.violation is not None:
            self._guard.trip(judged.violation)
            return
        self._interpolator.pursue(target_ns, target)
        self._target_ns = stamp_ns

    def _begin(self, target: Vector, stamp_ns: int) -> bool:
        held, tolerance = self._guard.held_position, self.configuration.start_tolerance_rad
        distance = np.inf if held is None else float(np.abs(target - held).max())
        if not distance <= tolerance:
            self._guard.trip(Intervention("distance of the first target [rad]", distance, tolerance, stamp_ns))
            return False
        self._target_guard.start(target)
        return True

    def _note(self) -> None:
        latched = self._guard.latched
        if latched is not None and latched is not self._noted:
            self._noted = latched
            self.audit.record(latched)
