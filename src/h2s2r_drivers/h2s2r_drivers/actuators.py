"""Joints for the emulators: servos of second order, or any other source of joint motion behind the same two calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class JointSource(Protocol):
    """What an emulator moves: the model below, or a simulated robot."""

    def state(self) -> tuple[Vector, Vector]:
        """Position [rad] and torque [Nm], each `(J,)`, joints in the order of the wire."""

    def servo(self, command: Vector, torque: Vector, elapsed_s: float) -> None:
        """A position servo follows `command (J,)` [rad] with `torque (J,)` [Nm] on top, for this long."""

    def drive(self, torque: Vector, elapsed_s: float) -> None:
        """Bare torques `(J,)` [Nm] act for this long."""


@dataclass(frozen=True)
class ActuatorParameters:
    """One kind of joint; every value may be a number or `(J,)`.

    The defaults are those of a stiff arm joint. `h2s2r identify` finds them for a real one.
    """

    natural_frequency_rad_s: float | Vector = 60.0
    """Of the position servo."""
    damping_ratio: float | Vector = 1.0
    inertia_kg_m2: float | Vector = 1.0
    """As seen by a bare torque."""
    viscous_nm_s: float | Vector = 0.0
    """Friction torque for each rad/s, under bare torque."""
    dry_nm: float | Vector = 0.0
    """Dry friction torque."""


class Actuators:
    """Joints of second order; remembers position, velocity and the last torque.

    Args:
        position: `(J,)` where they start [rad].
        parameters: See there.
        lower: `(J,)` hard stop [rad].
        upper: `(J,)` hard stop [rad].
    """

    _SUBSTEP_S = 1e-3

    def __init__(self, position: Vector, parameters: ActuatorParameters, lower: Vector, upper: Vector) -> None:
        self._parameters = parameters
        self._lower, self._upper = lower, upper
        self._position = np.array(position, dtype=np.float64)
        self._velocity = np.zeros_like(self._position)
        self._torque = np.zeros_like(self._position)

    @property
    def velocity(self) -> Vector:
        """`(J,)` [rad/s]."""
        return self._velocity.copy()

    def state(self) -> tuple[Vector, Vector]:
        """Position [rad] and torque [Nm], each `(J,)`."""
        return self._position.copy(), self._torque.copy()

    def servo(self, command: Vector, torque: Vector, elapsed_s: float) -> None:
        """Follow a position command with a torque on top."""
        omega, zeta = self._parameters.natural_frequency_rad_s, self._parameters.damping_ratio
        inertia = self._parameters.inertia_kg_m2
        for dt_s in self._substeps(elapsed_s):
            pull = omega * omega * (command - self._position) - 2.0 * zeta * omega * self._velocity
            self._torque = inertia * pull + torque
            self._move(self._torque / inertia, dt_s)

    def drive(self, torque: Vector, elapsed_s: float) -> None:
        """Let bare torques act against friction."""
        self._torque = np.array(torque, dtype=np.float64)
        inertia, dry = self._parameters.inertia_kg_m2, self._parameters.dry_nm
        for dt_s in self._substeps(elapsed_s):
            pushed = self._velocity + dt_s * (torque - self._parameters.viscous_nm_s * self._velocity) / inertia
            # Dry friction takes speed away, at most all of it.
            kept = np.sign(pushed) * np.maximum(np.abs(pushed) - dt_s * np.asarray(dry) / inertia, 0.0)
            self._move((kept - self._velocity) / dt_s, dt_s)

    def _move(self, acceleration: Vector, dt_s: float) -> None:
        self._velocity = self._velocity + acceleration * dt_s
        free = self._position + self._velocity * dt_s
        self._position = np.minimum(np.maximum(free, self._lower), self._upper)
        self._velocity = np.where(free == self._position, self._velocity, 0.0)

    def _substeps(self, elapsed_s: float) -> list[float]:
        count = max(round(elapsed_s / self._SUBSTEP_S), 1)
        return [elapsed_s / count] * count
