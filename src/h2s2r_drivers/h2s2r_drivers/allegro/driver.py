"""The hand's driver: frames in, frames out. The hand is the clock: four pose frames are answered by four torques.

A guard that latches holds the hand where it brakes to. A fault of the hand itself (hot, silent, frames missing, bus
off) switches its servos off: without measurements there is nothing to hold with. Nothing here touches a bus.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.allegro import frames
from h2s2r_drivers.allegro.frames import FINGERS, Frame, HandInfo
from h2s2r_drivers.allegro.joint_pd import GravityTorque, JointPd, PdConfiguration
from h2s2r_drivers.allegro.models import LIMITS, V4, HandModel
from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.command_guard import GuardConfiguration
from h2s2r_drivers.command_path import CommandPath, CommandPathConfiguration
from h2s2r_drivers.cycle_clock import CycleClock
from h2s2r_drivers.state_sampler import JointSample

Vector = NDArray[np.float64]

_BEGIN_AGAIN_S = 0.5


def _path() -> CommandPathConfiguration:
    # A finger that an object presses back meets its torque limit and no more: distance is no sign of danger.
    return CommandPathConfiguration(start_tolerance_rad=0.2, guard=GuardConfiguration(tracking_error_rad=np.inf))


@dataclass(frozen=True)
class AllegroConfiguration:
    """Which hand, and when it must be switched off."""

    model: HandModel = V4
    period_ms: int = 3
    """The hand sends its pose this often; 333 Hz is what its firmware is made for."""
    temperature_ms: int = 500
    info_s: float = 1.0
    """How often the hand is asked how it is."""
    hottest_c: int = 70
    """A motor or board above this switches the servos off."""
    silent_after_s: float = 0.03
    """So long without a whole cycle, and the hand is gone."""
    incomplete_cycles: int = 2
    """So many cycles in a row in which a finger did not report, and it is gone."""
    pd: PdConfiguration = field(default_factory=PdConfiguration)
    path: CommandPathConfiguration = field(default_factory=_path)


class AllegroDriver:
    """Remembers the cycle that is coming in, the hand's state, and what switched it off.

    `pursue`, `recover`, `release` may be called from any thread, everything else belongs to the one of the bus.

    Args:
        audit: Where interventions are noted.
        configuration: See there.
        gravity: Torque against the weight of the fingers.
        clock: Gives the stamp [ns] of a cycle from the number of cycles since the one before.
    """

    def __init__(
        self,
        audit: AuditLog,
        configuration: AllegroConfiguration | None = None,
        gravity: GravityTorque | None = None,
        clock: Callable[[int], int] | None = None,
    ) -> None:
        self.configuration = configuration or AllegroConfiguration()
        self.period_s = 1e-3 * self.configuration.period_ms
        self.model = self.configuration.model
        self.path = CommandPath(LIMITS, self.model.joint_names, self.period_s, audit, self.configuration.path)
        self.state: JointSample | None = None
        """What was measured last, and the torque [Nm] that was sent; joints in the order of the wire."""
        self.info: HandInfo | None = None
        self.serial = ""
        self.temperature_c: dict[int, int] = {}
        """The hottest motor of each finger."""
        self.fault: str | None = None
        """What switched the servos off, or None."""
        self.cycles = self.incomplete = 0
        self._clock = clock or CycleClock(self.period_s).advance
        self._pd = JointPd(self.period_s, self.configuration.pd, gravity)
        self._poses: dict[int, tuple[int, int, int, int]] = {}
        self._missing_in_a_row = 0
        self._cycle_ns = 0
        self._silent_s = 0.0
        self._asked_s = 0.0
        self._recovery = threading.Event()
        self._releasing = False
        self._wanted, self._engaged = True, False

    @property
    def is_engaged(self) -> bool:
        """Whether the servos are on."""
        return self._engaged

    @property
    def is_commanding(self) -> bool:
        """Whether targets move the hand."""
        return self._engaged and self.fault is None and self.path.latched is None and not self._releasing

    @property
    def is_at_rest(self) -> bool:
        """Whether the hand may be switched off without dropping a motion."""
        return not self._engaged or self.fault is not None or self.path.is_standing

    def pursue(self, stamp_ns: int, target: Vector) -> None:
        """Take a target `(16,)` [rad] for the joint state of this stamp; ignored while commands are not followed."""
        if self.is_commanding:
            self.path.pursue(stamp_ns, target)

    def recover(self) -> None:
        """Follow targets again after a latched guard, as soon as braking is over; a fault stays until a restart."""
        self._recovery.set()

    def release(self, releasing: bool = True) -> None:
        """Brake and hold, whatever targets come. False follows them again."""
        self._releasing = releasing

    def engage(self, wanted: bool = True) -> None:
        """Switch the servos on at the next cycle, where the hand then is; False: off, once it stands."""
        self._wanted = wanted

    def begin(self) -> list[Frame]:
        """What starts the hand: off, who are you, how often. The servos go on with the first cycle."""
        configuration = self.configuration
        return [
            Frame(frames.SYSTEM_OFF),
            Frame(frames.HAND_INFO, remote=True),
            Frame(frames.SERIAL, remote=True),
            frames.period_frame(configuration.period_ms, 0, configuration.temperature_ms),
        ]

    def end(self) -> list[Frame]:
        """What leaves the hand limp and silent; the vendor's own drivers leave the servos on."""
        nothing = (0,) * frames.JOINTS_PER_FINGER
        torques = [frames.torque_frame(finger, nothing) for finger in range(FINGERS)]
        return [*torques, Frame(frames.SYSTEM_OFF), frames.period_frame(0, 0, 0)]

    def receive(self, frame: Frame) -> list[Frame]:
        """One frame of the bus; returns what is to be sent.

        Raises:
            ProtocolError: The frame has another length than its identifier says; it was ignored.
        """
        if frame.remote:
            return []  # our own question, on a bus that echoes
        if frames.POSE <= frame.message < frames.POSE + FINGERS:
            return self._receive_pose(frame.message - frames.POSE, frames.four(frame))
        if frames.TEMPERATURE <= frame.message < frames.TEMPERATURE + FINGERS:
            finger = frame.message - frames.TEMPERATURE
            self.temperature_c[finger] = max(frames.four(frame))
            return self._judge_temperature(self.temperature_c[finger])
        if frame.message == frames.HAND_INFO:
            return self._receive_info(frames.hand_info(frame))
        if frame.message == frames.SERIAL:
            self.serial = frame.data.decode("ascii", "replace")
        if frame.message == frames.FAULT:
            return self.switch_off("the hand reports an error", float(int.from_bytes(frame.data, "little")), 0.0)
        return []

    def wait(self, waited_s: float) -> list[Frame]:
        """Somebody waited so long on the bus and nothing came: is the hand gone? Returns what is to be sent.

        Only time that was spent waiting counts. A process that slept finds its frames afterwards.
        """
        self._silent_s += waited_s
        if self.state is None and self._silent_s > _BEGIN_AGAIN_S:
            self._silent_s = 0.0
            return self.begin()  # a hand that is switched on after its driver has heard nothing yet
        if self.fault is None and self.state is not None and self._silent_s > self.configuration.silent_after_s:
            return self.switch_off("hand silent [s]", self._silent_s, self.configuration.silent_after_s)
        return []

    def ask(self, now_s: float) -> list[Frame]:
        """Between cycles: the question how the hand is, when it is due."""
        if now_s - self._asked_s > self.configuration.info_s:
            self._asked_s = now_s
            return [Frame(frames.HAND_INFO, remote=True)]
        return []

    def switch_off(self, fault: str, value: float, bound: float) -> list[Frame]:
        """Latch a fault of the hand; returns the frames that make it limp."""
        if self.fault is None:
            self.fault, self._engaged = fault, False
            self.path.trip(fault, value, bound, self._cycle_ns)
        return self.end()[:-1]

    def _receive_pose(self, finger: int, counts: tuple[int, int, int, int]) -> list[Frame]:
        sent: list[Frame] = []
        if finger in self._poses:  # the next cycle has begun and this one never got whole
            self.incomplete += 1
            self._missing_in_a_row += 1
            missing = len(self._poses)
            self._poses.clear()
            if self._missing_in_a_row >= self.configuration.incomplete_cycles and self.fault is None:
                sent = self.switch_off("fingers that reported", float(missing), float(FINGERS))
        self._poses[finger] = counts
        if len(self._poses) == FINGERS:
            sent = self._cycle()
        return sent

    def _cycle(self) -> list[Frame]:
        raw = np.array([self._poses[finger] for finger in range(FINGERS)], dtype=np.float64).reshape(-1)
        self._poses.clear()
        self.cycles += 1
        self._silent_s = 0.0
        passed, self._missing_in_a_row = 1 + self._missing_in_a_row, 0
        self._cycle_ns = self._clock(passed)
        position = self.model.position(raw)
        self._pd.measure(position, passed)
        switched = self._switch(position)
        torque = self._torque(position) if self._engaged else np.zeros_like(position)
        self.state = JointSample(self._cycle_ns, position, self._pd.velocity, torque)
        if not self._engaged:
            return switched
        units = self.model.torque_units(torque).reshape(FINGERS, -1).tolist()
        return switched + [frames.torque_frame(finger, tuple(values)) for finger, values in enumerate(units)]

    def _switch(self, position: Vector) -> list[Frame]:
        if self._wanted and not self._engaged and self.fault is None:
            self._engaged = True
            self.path.start(_inside(position), self._cycle_ns)
            return [Frame(frames.SYSTEM_ON)]
        if self._engaged and not self._wanted and self.path.is_standing:
            self._engaged = False
            return self.end()[:-1]
        return []

    def _torque(self, position: Vector) -> Vector:
        self._try_recovery(position)
        if self._releasing:
            self.path.release()
        command = self.path.cycle(self._cycle_ns, position)
        return self._pd.torque(position if command is None else command)

    def _try_recovery(self, position: Vector) -> None:
        if not self._recovery.is_set():
            return
        if self.path.latched is None or self.path.recover(_inside(position), self._cycle_ns):
            self._recovery.clear()

    def _receive_info(self, info: HandInfo) -> list[Frame]:
        self.info = info
        if info.is_hot:
            return self.switch_off(
                "the hand's own alarm: hot [deg C]", info.temperature_c, self.configuration.hottest_c
            )
        if info.communication_fault:
            return self.switch_off("the hand misses its motors", 1.0, 0.0)
        return self._judge_temperature(info.temperature_c)

    def _judge_temperature(self, celsius: int) -> list[Frame]:
        if self.fault is None and celsius > self.configuration.hottest_c:
            return self.switch_off("temperature [deg C]", celsius, self.configuration.hottest_c)
        return []


def _inside(position: Vector) -> Vector:
    # An encoder may say a little more than a stop allows; what is commanded keeps the limits.
    return np.clip(position, LIMITS.position_lower, LIMITS.position_upper)
