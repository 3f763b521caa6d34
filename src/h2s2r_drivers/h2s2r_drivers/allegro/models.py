"""What differs between the versions of the hand, as data: counts, torque units, limits, signs, order of the joints.

The figures are those of the vendor's drivers. Joints are mapped by name: what a version calls its joints, and in
which order they are on its wire, is part of its row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.joint_limits import JointLimits

Vector = NDArray[np.float64]

JOINTS = 16
JOINT_NAMES = tuple(f"joint_{number}_0" for number in range(JOINTS))
"""In the order of the wire: index, middle, ring, thumb; in each abduction, proximal, medial, distal."""
_FINGER_LOWER, _FINGER_UPPER = (-0.47, -0.196, -0.174, -0.227), (0.47, 1.61, 1.709, 1.618)
_THUMB_LOWER, _THUMB_UPPER = (0.263, -0.105, -0.189, -0.162), (1.396, 1.163, 1.644, 1.719)
LIMITS = JointLimits(
    np.array(_FINGER_LOWER * 3 + _THUMB_LOWER),
    np.array(_FINGER_UPPER * 3 + _THUMB_UPPER),
    np.full(JOINTS, 7.0),
    np.full(JOINTS, 22.5),
)
"""Of the URDF; accelerations [rad/s^2] are the embodiment's."""


@dataclass(frozen=True)
class HandModel:
    """One version of the hand.

    Attributes:
        name: `v4` or `v5`.
        joint_names: In the order of the wire.
        radians_per_count: Of a pose frame.
        offset_rad: `(16,)` position at count 0.
        sign: `(16,)` of counts and torques.
        torque_units_per_nm: Of a torque frame.
        largest_torque: `(16,)` in units of a torque frame.
    """

    name: str
    joint_names: tuple[str, ...]
    radians_per_count: float
    offset_rad: Vector
    sign: Vector
    torque_units_per_nm: Vector
    largest_torque: Vector

    def position(self, counts: Vector) -> Vector:
        """Counts `(16,)` as joint position [rad]."""
        position: Vector = self.sign * counts * self.radians_per_count + self.offset_rad
        return position

    def counts(self, position: Vector) -> NDArray[np.int16]:
        """The inverse of `position`, rounded; what the emulated hand sends."""
        counts = np.rint(self.sign * (position - self.offset_rad) / self.radians_per_count)
        return np.clip(counts, -32768, 32767).astype(np.int16)

    def torque_units(self, torque: Vector) -> NDArray[np.int16]:
        """Torque `(16,)` [Nm] in the hand's unit, within its limits; what is not finite becomes none."""
        finite = np.where(np.isfinite(torque), torque, 0.0)
        units = np.clip(self.sign * finite * self.torque_units_per_nm, -self.largest_torque, self.largest_torque)
        return np.rint(units).astype(np.int16)

    def torque(self, units: Vector) -> Vector:
        """The inverse of `torque_units`; what the emulated hand feels [Nm]."""
        torque: Vector = self.sign * units / self.torque_units_per_nm
        return torque


V4 = HandModel(
    "v4",
    JOINT_NAMES,
    np.radians(333.3 / 65536.0),
    np.zeros(JOINTS),
    np.ones(JOINTS),
    np.full(JOINTS, 1200.0),  # duty cycle of the motors; 800 for a V3
    1.5 * np.array([250.0, 450.0, 300.0, 190.0] * 3 + [350.0, 270.0, 180.0, 180.0]),
)
V5 = HandModel(
    "v5",
    JOINT_NAMES,
    np.radians(0.088),
    np.zeros(JOINTS),
    np.ones(JOINTS),
    np.full(JOINTS, 1430.0),  # motor current, mA
    np.full(JOINTS, 240.0),
)
_HALVED = np.array([index in (1, 5, 9) for index in range(JOINTS)])
V5_TYPE_B = replace(V5, name="v5_b", torque_units_per_nm=np.where(_HALVED, 0.5, 1.0) * V5.torque_units_per_nm)
"""Other gears in the proximal joints of the fingers."""
MODELS = {model.name: model for model in (V4, V5, V5_TYPE_B)}


def model_named(name: str) -> HandModel:
    """The row of a version.

    Raises:
        DriverError: There is none of that name.
    """
    if name not in MODELS:
        raise DriverError(f"hand version `{name}` is not known; expected one of {', '.join(MODELS)}")
    return MODELS[name]
