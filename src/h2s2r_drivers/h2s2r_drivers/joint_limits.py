"""Limits of a robot's joints, in one order, as the guard and the controller use them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Array = Any


@dataclass(frozen=True)
class JointLimits:
    """What a joint command must stay within; every array is `(J,)`. A joint that slides has m in the place of rad.

    Attributes:
        position_lower: [rad].
        position_upper: [rad].
        velocity: Largest speed in either direction [rad/s].
        acceleration: Largest acceleration in either direction [rad/s^2].
    """

    position_lower: Array
    position_upper: Array
    velocity: Array
    acceleration: Array

    def scaled(self, fraction: float) -> JointLimits:
        """The same position limits with velocity and acceleration times `fraction`."""
        return replace(self, velocity=fraction * self.velocity, acceleration=fraction * self.acceleration)
