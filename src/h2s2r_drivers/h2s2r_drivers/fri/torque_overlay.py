"""Torque on top of the arm's impedance: clipped, slowly changing, gone when nobody asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.fri.robot import TORQUE_LIMIT_NM

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class OverlayConfiguration:
    """What an overlay may be."""

    fraction: float = 0.1
    """Largest torque, of the joint's own limit."""
    full_in_s: float = 0.5
    """From nothing to the largest takes at least this long."""
    timeout_s: float = 0.1
    """What was asked for longer ago than this fades away."""


class TorqueOverlay:
    """Remembers the torque that is applied, what is asked for, and for how many cycles that is still valid.

    Args:
        period_s: Of the wire's cycle.
        configuration: See there.
    """

    def __init__(self, period_s: float, configuration: OverlayConfiguration | None = None) -> None:
        configuration = configuration or OverlayConfiguration()
        self._largest = configuration.fraction * TORQUE_LIMIT_NM
        self._step = self._largest * period_s / configuration.full_in_s
        self._valid_cycles = round(configuration.timeout_s / period_s)
        self._applied = np.zeros_like(self._largest)
        self._asked: tuple[Vector, int] = (self._applied.copy(), 0)

    def pursue(self, torque: Vector) -> None:
        """Ask for a torque `(7,)` [Nm]; numbers that are not finite ask for none."""
        usable = np.shape(torque) == self._largest.shape and bool(np.isfinite(torque).all())
        self._asked = (np.array(torque) if usable else np.zeros_like(self._largest), self._valid_cycles)

    def cycle(self, *, allowed: bool) -> Vector:
        """The torque `(7,)` [Nm] for this cycle; it fades to nothing where none is allowed."""
        asked, left = self._asked
        self._asked = (asked, max(left - 1, 0))
        wanted = np.clip(asked, -self._largest, self._largest) if allowed and left > 0 else np.zeros_like(asked)
        self._applied = self._applied + np.clip(wanted - self._applied, -self._step, self._step)
        return self._applied
