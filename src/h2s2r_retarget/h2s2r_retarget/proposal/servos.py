"""Servo gains and acceleration limits from effort limits and inertia, where no data sheet gives them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Description
from h2s2r_retarget.embodiment import SLIDE_PER_RAD_M

FloatArray = NDArray[np.float64]

_ARMATURE_S2 = 0.002
"""Rotor inertia over effort [kg m^2 / Nm], an estimate: the bundled hands' 0.002 kg m^2 at 0.7 to 1 Nm."""
_FULL_EFFORT_AT = 0.25
"""Error [rad, or what counts as one] that asks for the whole effort."""
_FASTEST_RAD_S = 40.0
"""No servo is faster than this: at 60 Hz it still has ten steps for an oscillation."""
_DAMPING_RATIO = 0.8
_SHARE = 0.25
"""Of the effort, for acceleration; the rest holds the arm and pushes."""
_ACCELERATION = (2.0, 20.0)
"""[rad/s^2, or as much]: a slow arm to the published limit of the Allegro."""

RULES = (
    f"kp = effort / {_FULL_EFFORT_AT:g} rad, at most I ({_FASTEST_RAD_S:g} rad/s)^2; "
    f"kd = {2 * _DAMPING_RATIO:g} sqrt(kp I); I = inertia at home + armature ({_ARMATURE_S2:g} s^2 x effort)"
)


@dataclass(frozen=True, eq=False)
class Servos:
    """Arrays `(J,)` in the units of each joint."""

    stiffness: FloatArray
    damping: FloatArray
    acceleration: FloatArray


def with_armature(robot: Description) -> Description:
    """The robot with the rotor inertia that a URDF does not have."""
    joints = tuple(
        replace(
            joint,
            armature=_ARMATURE_S2 * joint.torque / (SLIDE_PER_RAD_M if joint.kind == "prismatic" else 1.0),
        )
        for joint in robot.joints
    )
    return replace(robot, joints=joints)


def choose_servos(robot: Description, urdf: Path, names: tuple[str, ...], home: FloatArray) -> Servos:
    """Gains and limits of the joints `names` by `RULES`.

    Args:
        robot: With armature.
        urdf: The same robot's file, for the inertia at home.
        names: Order of the result.
        home: `(J,)` rad or m.
    """
    joints = {joint.name: joint for joint in robot.joints}
    chosen = [joints[name] for name in names]
    unit = np.array([SLIDE_PER_RAD_M if joint.kind == "prismatic" else 1.0 for joint in chosen])
    effort, armature = (np.array([getattr(joint, key) for joint in chosen]) for key in ("torque", "armature"))
    inertia = _inertia(urdf, names, home) + armature
    stiffness = np.minimum(effort / (_FULL_EFFORT_AT * unit), inertia * _FASTEST_RAD_S**2)
    damping = 2.0 * _DAMPING_RATIO * np.sqrt(stiffness * inertia)
    lowest, highest = _ACCELERATION
    acceleration = np.clip(_SHARE * effort / inertia, lowest * unit, highest * unit)
    return Servos(_rounded(stiffness), _rounded(damping), _rounded(acceleration))


def _inertia(urdf: Path, names: tuple[str, ...], home: FloatArray) -> FloatArray:
    """Diagonal of the joint-space inertia `(J,)` at home [kg m^2 or kg]."""
    import pinocchio

    model: Any = pinocchio.buildModelFromUrdf(str(urdf))
    columns = [model.joints[model.getJointId(name)].idx_q for name in names]
    q = np.zeros(model.nq)
    q[columns] = home
    return np.diag(pinocchio.crba(model, model.createData(), q))[columns]


def _rounded(values: FloatArray) -> FloatArray:
    """To three digits: these are rules of thumb."""
    return np.array([float(f"{value:.3g}") for value in values])
