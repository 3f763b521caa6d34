"""The controller: session states, connection quality, limits that trip. No socket and no clock in here.

`send` makes the message of one send period, `receive` takes what the client sent, `advance` moves the joints by one
period. What the controller does when a client is late, and where exactly, is not published; this one is strict.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.actuators import ActuatorParameters, Actuators, JointSource
from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri.messages import (
    CommandMessage,
    CommandMode,
    ControlMode,
    MonitoringMessage,
    Quality,
    SafetyState,
    SessionState,
    decode_command,
    encode_monitoring,
)
from h2s2r_drivers.fri.robot import LIMITS, TORQUE_LIMIT_NM
from h2s2r_drivers.joint_limits import JointLimits

Vector = NDArray[np.float64]

_CARRIED_ON = 5
"""Missed answers in a row over which the last velocity is kept."""
HOME = np.array([-1.29, 0.97, 0.8, -1.21, 0.52, 1.55, -0.43])
"""Where the emulated arm stands when nobody says otherwise [rad]."""


@dataclass(frozen=True)
class ControllerConfiguration:
    """How the controller is set up, and how strict it is."""

    send_period_s: float = 0.005
    receive_multiplier: int = 1
    command_mode: CommandMode = CommandMode.POSITION
    control_mode: ControlMode = ControlMode.POSITION
    quality_window: int = 200
    """Answers over which quality is judged."""
    quality_bounds: tuple[float, float, float] = (0.80, 0.90, 0.99)
    """Share of answers in time from which quality is FAIR, GOOD, EXCELLENT."""
    missed_in_a_row: int = 5
    """So many missed answers while commanding end it at once: 25 ms, in which the arm goes on as it did."""
    waiting_s: float = 0.2
    """How long COMMANDING_WAIT lasts before the brakes are open and commanding is active."""
    velocity_factor: float = 1.05
    acceleration_factor: float = 4.0
    """The machine's own limits, of those in `limits`, which are the project's."""
    limits: JointLimits = LIMITS
    actuators: ActuatorParameters = field(default_factory=ActuatorParameters)


class EmulatedController:
    """Remembers session, quality, the last commands and what tripped.

    Args:
        configuration: See there.
        joints: What is moved; default: servos of second order, at `HOME`.
    """

    def __init__(self, configuration: ControllerConfiguration | None = None, joints: JointSource | None = None) -> None:
        self.configuration = configuration or ControllerConfiguration()
        limits = self.configuration.limits
        self.joints: JointSource = joints or Actuators(
            HOME, self.configuration.actuators, limits.position_lower, limits.position_upper
        )
        self.tripped: str | None = None
        """Which limit ended the session, or None."""
        self.refused = 0
        """Datagrams that were no timely answer of this session."""
        self.left_commanding: list[str] = []
        """Why commanding ended, each time."""
        self.state = SessionState.MONITORING_WAIT
        self._wanted = False
        self._sequence = self._reflected = 0
        self._stamp_ns = 0
        self._answers: deque[bool] = deque(maxlen=self.configuration.quality_window)
        self._answered = False
        self._missed = 0
        self._waited_s = 0.0
        self._hold = self.joints.state()[0]
        self._command = self._hold.copy()
        self._velocity = np.zeros_like(self._hold)
        self._torque = np.zeros_like(self._hold)
        self._period_s = self.configuration.send_period_s * self.configuration.receive_multiplier

    @property
    def quality(self) -> Quality:
        """How well the client answers."""
        if len(self._answers) < self.configuration.quality_window // 2:
            return Quality.POOR
        share = sum(self._answers) / len(self._answers)
        return Quality(sum(share >= bound for bound in self.configuration.quality_bounds))

    @property
    def commanded(self) -> Vector:
        """The position `(7,)` [rad] that the joints follow."""
        return self._command.copy()

    def request_commanding(self) -> None:
        """The application asks for command mode; it begins once quality is GOOD, and is refused while it is not."""
        self._wanted = True

    def end_commanding(self) -> None:
        """The application ends its motion."""
        self._wanted = False
        if self.state > SessionState.MONITORING_READY:
            self._leave("application")

    def acknowledge(self) -> None:
        """A person acknowledges what tripped; the session may begin anew."""
        if self.tripped is not None:
            self.tripped, self.state = None, SessionState.MONITORING_WAIT
            self._answers.clear()

    def send(self) -> bytes:
        """The message of this send period; an answer that is not here by the next one that is due is missed."""
        configuration = self.configuration
        if self._sequence > 0 and self._sequence % configuration.receive_multiplier == 0:
            self._count_answer()
        self._follow_state(configuration.send_period_s)
        self._sequence += 1
        self._stamp_ns += round(1e9 * configuration.send_period_s)
        position, torque = self.joints.state()
        commanding = self.state > SessionState.MONITORING_READY
        return encode_monitoring(
            MonitoringMessage(
                self._sequence,
                self._reflected,
                self.state,
                self.quality,
                configuration.send_period_s,
                configuration.receive_multiplier,
                SafetyState.STOP1 if self.tripped else SafetyState.NORMAL,
                configuration.control_mode,
                configuration.command_mode if commanding else CommandMode.NONE,
                tuple(position.tolist()),
                tuple(torque.tolist()),
                tuple(self._command.tolist()),
                tuple(self._torque.tolist()),
                (0.0,) * len(position),
                tuple(self._hold.tolist()) if commanding else None,
                self._stamp_ns,
                1.0,
            )
        )

    def receive(self, data: bytes) -> bool:
        """A datagram of the client; False if it is no timely answer of this session, which only quality notices."""
        try:
            command = decode_command(data)
        except ProtocolError:
            self.refused += 1
            return False
        if self._answered or command.reflected != self._sequence or command.sequence <= self._reflected:
            self.refused += 1
            return False
        self._reflected, self._answered = command.sequence, True
        if self.state is SessionState.COMMANDING_WAIT:
            self._judge_mirror(command)
        elif self.state is SessionState.COMMANDING_ACTIVE:
            self._judge_command(command)
        return True

    def advance(self) -> None:
        """Move the joints by one send period."""
        if self.state is not SessionState.COMMANDING_ACTIVE:
            self._brake()
        self.joints.servo(self._command, self._torque, self.configuration.send_period_s)

    def _count_answer(self) -> None:
        self._answers.append(self._answered)
        self._missed = 0 if self._answered else self._missed + 1
        if not self._answered and self.state is SessionState.COMMANDING_ACTIVE:
            if self._missed <= _CARRIED_ON:
                self._command = self._inside(self._command + self._velocity * self._period_s)
            else:
                self._brake()
        if self._missed >= self.configuration.missed_in_a_row and self.state > SessionState.MONITORING_READY:
            self._leave(f"{self._missed} answers missed")
        self._answered = False

    def _follow_state(self, period_s: float) -> None:
        if self.tripped is not None:
            self.state = SessionState.IDLE
            return
        good = self.quality >= Quality.GOOD
        if self.state > SessionState.MONITORING_READY and not good:
            self._leave(f"quality {self.quality.name}")
        if self.state <= SessionState.MONITORING_READY:
            self.state = SessionState.MONITORING_READY if good else SessionState.MONITORING_WAIT
            if good and self._wanted and not self._velocity.any():
                self._hold = self._command.copy()
                self.state, self._waited_s = SessionState.COMMANDING_WAIT, 0.0
        elif self.state is SessionState.COMMANDING_WAIT:
            self._waited_s += period_s
            if self._waited_s >= self.configuration.waiting_s:
                self.state = SessionState.COMMANDING_ACTIVE

    def _leave(self, reason: str) -> None:
        # It brakes by itself, joint by joint; a real one brakes along its path.
        self.left_commanding.append(reason)
        self.state = SessionState.MONITORING_WAIT
        self._torque = np.zeros_like(self._torque)
        self._missed = 0

    def _judge_mirror(self, command: CommandMessage) -> None:
        if command.joint_position is None or not np.allclose(command.joint_position, self._hold, rtol=0.0, atol=1e-4):
            self._trip("command while waiting is not the interpolator's position")

    def _judge_command(self, command: CommandMessage) -> None:
        if command.joint_position is None:
            self._trip("no joint position while commanding")
            return
        position = np.array(command.joint_position)
        torque = np.zeros_like(position) if command.joint_torque is None else np.array(command.joint_torque)
        limits, configuration = self.configuration.limits, self.configuration
        velocity = (position - self._command) / self._period_s
        acceleration = (velocity - self._velocity) / self._period_s
        largest = configuration.acceleration_factor * limits.acceleration
        if (position < limits.position_lower).any() or (position > limits.position_upper).any():
            self._trip("position limit")
        elif (np.abs(velocity) > configuration.velocity_factor * limits.velocity).any():
            self._trip("velocity limit")
        elif self._missed == 0 and (np.abs(acceleration) > largest).any():
            self._trip("acceleration limit")
        elif command.joint_torque is not None and configuration.command_mode is not CommandMode.TORQUE:
            self._trip("torque commanded in another command mode")
        elif (np.abs(torque) > TORQUE_LIMIT_NM).any():
            self._trip("torque limit")
        else:
            self._command, self._torque = position, torque
            self._velocity = np.clip(velocity, -limits.velocity, limits.velocity)

    def _brake(self) -> None:
        speed = np.maximum(np.abs(self._velocity) - self.configuration.limits.acceleration * self._period_s, 0.0)
        self._velocity = np.sign(self._velocity) * speed
        self._command = self._inside(self._command + self._velocity * self._period_s)

    def _inside(self, position: Vector) -> Vector:
        return np.clip(position, self.configuration.limits.position_lower, self.configuration.limits.position_upper)

    def _trip(self, limit: str) -> None:
        self._leave(limit)
        self.tripped, self.state = limit, SessionState.IDLE
