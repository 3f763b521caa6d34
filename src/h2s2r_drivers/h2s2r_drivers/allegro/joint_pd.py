"""Joint PD of the hand: position command and encoder in, torque out, once for each cycle of the hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

GravityTorque = Callable[[Vector], Vector]
"""Joint position `(16,)` [rad] -> torque that balances the weight `(16,)` [Nm]."""


@dataclass(frozen=True)
class PdConfiguration:
    """Gains of every joint; those the policy is trained with."""

    stiffness_nm_rad: float = 3.0
    damping_nm_s_rad: float = 0.1
    velocity_cutoff_hz: float = 40.0
    """Of the low-pass on the difference of two counts; one count of a V5 in 3 ms is half a rad/s."""


class JointPd:
    """Remembers the last position and the filtered velocity.

    Args:
        period_s: Of the hand's cycle.
        configuration: See there.
        gravity: Torque against the weight, if somebody knows it.
    """

    def __init__(
        self, period_s: float, configuration: PdConfiguration | None = None, gravity: GravityTorque | None = None
    ) -> None:
        self._configuration = configuration or PdConfiguration()
        self._gravity = gravity
        self._period_s = period_s
        self._share = 1.0 - float(np.exp(-2.0 * np.pi * self._configuration.velocity_cutoff_hz * period_s))
        self._position: Vector | None = None
        self.velocity: Vector = np.zeros(0)
        """`(16,)` filtered [rad/s]; empty before the first measurement."""

    def measure(self, position: Vector, cycles: int = 1) -> None:
        """Take a measurement `(16,)` [rad], so many cycles after the one before."""
        if self._position is None:
            self.velocity = np.zeros_like(position)
        else:
            raw = (position - self._position) / (cycles * self._period_s)
            self.velocity = self.velocity + self._share * (raw - self.velocity)
        self._position = position

    def torque(self, command: Vector) -> Vector:
        """Torque `(16,)` [Nm] towards `command (16,)` [rad] from the last measurement."""
        assert self._position is not None
        configuration = self._configuration
        torque: Vector = (
            configuration.stiffness_nm_rad * (command - self._position) - configuration.damping_nm_s_rad * self.velocity
        )
        return torque if self._gravity is None else torque + self._gravity(self._position)
