"""The emulated hand: frames in, frames out, joints that move. No bus and no clock in here."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.actuators import ActuatorParameters, Actuators, JointSource
from h2s2r_drivers.allegro import frames
from h2s2r_drivers.allegro.frames import FINGERS, Frame, HandInfo
from h2s2r_drivers.allegro.models import JOINTS, LIMITS, V4, HandModel

Vector = NDArray[np.float64]

HOME = np.array([0.0, 0.3, 0.3, 0.3] * 3 + [0.7238, 0.6015, 0.338, 0.6085])
"""Where the emulated hand begins when nobody says otherwise [rad]."""


@dataclass
class HandFaults:
    """What is wrong with the hand now; may be changed while it runs."""

    silent_fingers: tuple[int, ...] = ()
    """Their pose frames do not come."""
    loss: float = 0.0
    """Chance of each frame of the hand."""
    temperature_c: int = 35
    is_hot: bool = False
    silent: bool = False
    """It sends nothing and hears nothing: power or cable."""


@dataclass(frozen=True)
class HandConfiguration:
    """What hand it is."""

    model: HandModel = V4
    actuators: ActuatorParameters = field(
        default_factory=lambda: ActuatorParameters(inertia_kg_m2=1e-3, viscous_nm_s=0.02, dry_nm=0.005)
    )
    seed: int = 0


class EmulatedHand:
    """Remembers its joints, the torques it was given, and what it was told to send.

    Args:
        configuration: See there.
        joints: What is moved; default: joints with friction, at `HOME`.
    """

    def __init__(self, configuration: HandConfiguration | None = None, joints: JointSource | None = None) -> None:
        self.configuration = configuration or HandConfiguration()
        self.joints: JointSource = joints or Actuators(
            HOME, self.configuration.actuators, LIMITS.position_lower, LIMITS.position_upper
        )
        self.faults = HandFaults()
        self.servo_on = False
        self.period_ms = 0
        self.answered_cycles = 0
        """Cycles in which all four torque frames came."""
        self._torque_units = np.zeros(JOINTS)
        self._torques_in: set[int] = set()
        self._temperature_ms = 0
        self._elapsed_ms = 0
        self._rng = np.random.default_rng(self.configuration.seed)

    @property
    def torque(self) -> Vector:
        """`(16,)` [Nm] that act now."""
        return self.configuration.model.torque(self._torque_units) if self.servo_on else np.zeros(JOINTS)

    def receive(self, frame: Frame) -> list[Frame]:
        """One frame of the bus; returns the answer."""
        if self.faults.silent:
            return []
        if frame.remote:
            return self._lossy(self._answer(frame.message))
        if frame.message == frames.SYSTEM_ON:
            self.servo_on = True
        elif frame.message == frames.SYSTEM_OFF:
            self.servo_on = False
            self._torque_units = np.zeros(JOINTS)
        elif frame.message == frames.SET_PERIOD:
            self.period_ms, _, self._temperature_ms = frames.periods(frame)
        elif frames.SET_TORQUE <= frame.message < frames.SET_TORQUE + FINGERS:
            finger = frame.message - frames.SET_TORQUE
            self._torque_units[4 * finger : 4 * finger + 4] = frames.four(frame)
            self._torques_in.add(finger)
        return []

    def cycle(self) -> list[Frame]:
        """One period of the hand: the joints move by the torques that are here; returns what it then sends."""
        if self.period_ms == 0:
            return []
        self.answered_cycles += len(self._torques_in) == FINGERS
        self._torques_in.clear()
        self.joints.drive(self.torque, 1e-3 * self.period_ms)
        if self.faults.silent:
            return []
        counts = self.configuration.model.counts(self.joints.state()[0]).reshape(FINGERS, -1).tolist()
        sent = [
            frames.pose_frame(finger, tuple(four))
            for finger, four in enumerate(counts)
            if finger not in self.faults.silent_fingers
        ]
        self._elapsed_ms += self.period_ms
        if self._temperature_ms and self._elapsed_ms >= self._temperature_ms:
            self._elapsed_ms = 0
            celsius = (self.faults.temperature_c,) * 4
            sent += [frames.temperature_frame(finger, celsius) for finger in range(FINGERS)]
        return self._lossy(sent)

    def _answer(self, message: int) -> list[Frame]:
        if message == frames.HAND_INFO:
            hot = self.faults.is_hot
            return [frames.info_frame(HandInfo(4, 1, True, self.faults.temperature_c, self.servo_on, hot, False))]
        if message == frames.SERIAL:
            return [Frame(frames.SERIAL, b"EMULATED")]
        return []

    def _lossy(self, sent: list[Frame]) -> list[Frame]:
        return [frame for frame in sent if self._rng.random() >= self.faults.loss] if self.faults.loss else sent
