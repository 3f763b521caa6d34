"""Limits of a robot's joints, in one order, as the guard and the controller use them."""

from __future__ import annotations

import math
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
        jerk: Largest change of acceleration in either direction [rad/s^3]; infinite where none is known.
    """

    position_lower: Array
    position_upper: Array
    velocity: Array
    acceleration: Array
    jerk: Array = math.inf

    def scaled(self, fraction: float) -> JointLimits:
        """The same position limits with velocity, acceleration and jerk times `fraction`."""
        return replace(
            self,
            velocity=fraction * self.velocity,
            acceleration=fraction * self.acceleration,
            jerk=fraction * self.jerk,
        )
