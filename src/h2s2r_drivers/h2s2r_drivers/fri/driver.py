"""The arm's driver: joint targets in, one guarded position (and torque) out for each message of the controller."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.command_guard import GuardConfiguration
from h2s2r_drivers.command_path import CommandPath, CommandPathConfiguration
from h2s2r_drivers.fri.messages import (
    CommandMode,
    ControlMode,
    Joints,
    MonitoringMessage,
    Quality,
    SafetyState,
    SessionState,
)
from h2s2r_drivers.fri.robot import JOINT_NAMES, LIMITS, TORQUE_LIMIT_NM
from h2s2r_drivers.fri.torque_overlay import TorqueOverlay
from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_drivers.state_sampler import JointSample

Vector = NDArray[np.float64]


def _path() -> CommandPathConfiguration:
    return CommandPathConfiguration(guard=GuardConfiguration(torque=tuple(TORQUE_LIMIT_NM.tolist())))


@dataclass(frozen=True)
class IiwaConfiguration:
    """What the driver commands, and as whom."""

    period_s: float = 0.005
    """Time from answer to answer; must be the controller's send period times its receive multiplier."""
    mode: CommandMode = CommandMode.POSITION
    """POSITION, or TORQUE: joint impedance with a torque overlay on the commanded position."""
    path: CommandPathConfiguration = field(default_factory=_path)


class IiwaDriver:
    """Commander of an FRI session; remembers the newest state and the session's.

    `pursue`, `recover`, `release` may be called from any thread, everything else belongs to the one of the wire.

    Args:
        audit: Where interventions are noted.
        configuration: See there.
        limits: `(7,)` each.
        clock: Gives the stamp [ns] of a message from the message and the number of send periods since the one before;
            default: the controller's own stamp.
    """

    def __init__(
        self,
        audit: AuditLog,
        configuration: IiwaConfiguration | None = None,
        limits: JointLimits = LIMITS,
        clock: Callable[[MonitoringMessage, int], int] | None = None,
    ) -> None:
        self.configuration = configuration or IiwaConfiguration()
        self.path = CommandPath(limits, JOINT_NAMES, self.configuration.period_s, audit, self.configuration.path)
        self.overlay = TorqueOverlay(self.configuration.period_s)
        self.state: JointSample | None = None
        """What was measured last; its stamp is that of the cycle."""
        self._clock = clock or (lambda message, cycles: message.stamp_ns)
        self._cycle_ns = 0
        self._session = SessionState.IDLE
        self._recovery = threading.Event()
        self._releasing = False

    @property
    def is_commanding(self) -> bool:
        """Whether targets move the robot."""
        return self._session is SessionState.COMMANDING_ACTIVE and self.path.latched is None and not self._releasing

    @property
    def is_at_rest(self) -> bool:
        """Whether the wire may be left without the robot moving."""
        return self._session is not SessionState.COMMANDING_ACTIVE or self.path.is_standing

    def pursue(self, stamp_ns: int, target: Vector) -> None:
        """Take a target `(7,)` [rad] for the joint state of this stamp; ignored unless commanding is active."""
        if self.is_commanding:
            self.path.pursue(stamp_ns, target)

    def recover(self) -> None:
        """Follow targets again after a latched violation, as soon as braking is over."""
        self._recovery.set()

    def release(self, releasing: bool = True) -> None:
        """Brake and hold, whatever targets come; the orderly way out of command mode. False follows them again."""
        self._releasing = releasing

    def lose(self) -> None:
        """The controller has fallen silent."""
        if self._session is SessionState.COMMANDING_ACTIVE:
            self.path.trip("controller silent", float("nan"), 0.0, self._cycle_ns)
        self._session = SessionState.IDLE

    def monitor(self, message: MonitoringMessage, cycles: int) -> None:
        """Note what was measured, and latch what the controller says must stop the robot."""
        self._cycle_ns = self._clock(message, cycles)
        self._note_state(message, cycles * message.send_period_s)
        before, self._session = self._session, message.session_state
        if before is SessionState.COMMANDING_ACTIVE:
            self._judge(message)
        if before <= SessionState.MONITORING_READY < message.session_state:
            self._enter(message)

    def wait(self, message: MonitoringMessage) -> Joints:
        """Mirror the controller's own interpolator, and count from there."""
        mirrored = _mirrored(message)
        self._enter(message)
        self._try_recovery()
        return mirrored

    def command(self, message: MonitoringMessage) -> tuple[Joints, Joints | None]:
        """The guarded command of this cycle."""
        fault = self._mode_fault(message)
        if fault is not None and self.path.latched is None:
            self.path.trip(*fault, self._cycle_ns)
        self._try_recovery()
        if self._releasing:
            self.path.release()
        measured = np.array(message.measured_position)
        command = self.path.cycle(self._cycle_ns, measured, np.array(message.measured_torque))
        position = _mirrored(message) if command is None else tuple(command.tolist())
        return position, self._torque(moving=self.path.latched is None and not self._releasing)

    def _enter(self, message: MonitoringMessage) -> None:
        # Whoever takes over must not jump. With a violation latched nothing moves: what is mirrored now is held.
        self.path.start(np.array(_mirrored(message)), self._cycle_ns)

    def _try_recovery(self) -> None:
        if not self._recovery.is_set():
            return
        held = self.path.command
        if self.path.latched is None or (held is not None and self.path.recover(held, self._cycle_ns)):
            self._recovery.clear()

    def _judge(self, message: MonitoringMessage) -> None:
        if message.safety_state is not SafetyState.NORMAL:
            self.path.trip("safety stop of the controller", float(message.safety_state), 0.0, self._cycle_ns)
        elif message.quality < Quality.GOOD:
            self.path.trip("connection quality", float(message.quality), float(Quality.GOOD), self._cycle_ns)
        elif message.session_state is not SessionState.COMMANDING_ACTIVE and not self._releasing:
            active = float(SessionState.COMMANDING_ACTIVE)
            self.path.trip("session left commanding", float(message.session_state), active, self._cycle_ns)

    def _mode_fault(self, message: MonitoringMessage) -> tuple[str, float, float] | None:
        mode, period_s = self.configuration.mode, message.send_period_s * message.receive_multiplier
        if message.command_mode is not mode:
            return "command mode", float(message.command_mode), float(mode)
        if mode is CommandMode.TORQUE and message.control_mode is not ControlMode.JOINT_IMPEDANCE:
            return "control mode", float(message.control_mode), float(ControlMode.JOINT_IMPEDANCE)
        if abs(period_s - self.configuration.period_s) > 1e-6:
            return "period of answers [s]", period_s, self.configuration.period_s
        return None

    def _torque(self, *, moving: bool) -> Joints | None:
        if self.configuration.mode is not CommandMode.TORQUE:
            return None
        return tuple(self.overlay.cycle(allowed=moving).tolist())

    def _note_state(self, message: MonitoringMessage, elapsed_s: float) -> None:
        position, before = np.array(message.measured_position), self.state
        velocity = np.zeros(len(position)) if before is None else (position - before.position) / elapsed_s
        self.state = JointSample(self._cycle_ns, position, velocity, np.array(message.measured_torque))


def _mirrored(message: MonitoringMessage) -> Joints:
    return message.commanded_position if message.interpolated_position is None else message.interpolated_position
