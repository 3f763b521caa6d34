"""How well postures meet targets; the same for everybody, from the joint positions alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_angle
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.solutions import PALM_TOLERANCE_M, PALM_TOLERANCE_RAD, PENETRATION_LIMIT_M
from h2s2r_sim.retarget_bench.finger_chains import fingertips_in_palm
from h2s2r_sim.retarget_bench.targets import Targets

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Residuals:
    """Of N postures."""

    palm_m: Array
    """`(N,)`."""
    palm_rad: Array
    """`(N,)`."""
    fingertip_m: Array
    """`(N, F)`, in the world: between the robot's tips and the human's."""

    @property
    def palm_reached(self) -> NDArray[np.bool_]:
        """`(N,)`: within 1 mm and 0.5 deg."""
        return (self.palm_m <= PALM_TOLERANCE_M) & (self.palm_rad <= PALM_TOLERANCE_RAD)


def residuals(embodiment: Embodiment, joint_position: Array, targets: Targets) -> Residuals:
    """Of `(N, J)` rad or m."""
    T = np.asarray(BatchedKinematics(embodiment).palm(joint_position).T_world_palm)
    in_palm = fingertips_in_palm(embodiment, joint_position[:, embodiment.arm_dof :])
    tips = in_palm @ np.swapaxes(T[:, :3, :3], 1, 2) + T[:, None, :3, 3]
    return Residuals(
        palm_m=np.linalg.norm(T[:, :3, 3] - targets.T_world_palm[:, :3, 3], axis=1),
        palm_rad=np.asarray(rotation_angle(T[:, :3, :3], targets.T_world_palm[:, :3, :3]), dtype=float),
        fingertip_m=np.linalg.norm(tips - targets.fingertips_world, axis=2),
    )


def overlaps(embodiment: Embodiment, joint_position: Array) -> NDArray[np.bool_]:
    """`(N,)`: whether the robot goes more than a millimetre into itself."""
    checker = CollisionChecker(embodiment, CollisionWorld())
    contacts = [checker.self_contacts(q, within_m=-PENETRATION_LIMIT_M) for q in joint_position]
    return np.array([len(found) > 0 for found in contacts])


def over_limits(embodiment: Embodiment, joint_position: Array) -> float:
    """The furthest that any joint is outside its limits [rad or m]; 0 if none is."""
    limits = embodiment.limits
    outside = np.maximum(limits.lower - joint_position, joint_position - limits.upper)
    return float(max(outside.max(), 0.0))
