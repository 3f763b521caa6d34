"""A push written down instead of filmed: a reference for benchmarks and tests, which need no recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from h2s2r_perception.geometry import inverse
from h2s2r_policy.goal_path import GoalPath
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.reference import HumanPath, Reference

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment

PUSH_M, PUSH_S = 0.25, 2.5
FOLLOW_M = 0.03
"""How much further the palm goes: the fingers give way."""
GAP_M = 0.045
"""From the fingers to the face they push, at the start."""
_START_M = (0.6, -0.15, 0.185)
_PALM_M = (0.57, -0.255 - GAP_M, 0.305)
_RATE_HZ = 30.0


def scripted_push(embodiment: Embodiment) -> Reference:
    """Return the reference of `snackbox_push`: the box slides 0.25 m along +y in 2.5 s, without a jolt.

    The palm faces +y behind the box, its fingers point forward and 45 deg down.
    """
    kinematics = BatchedKinematics(embodiment)
    stamp_s = np.arange(0.0, PUSH_S + 1e-9, 1.0 / _RATE_HZ)
    share = _minimum_jerk(stamp_s / PUSH_S)
    T_object = np.tile(np.eye(4), (len(share), 1, 1))
    T_object[:, :3, 3] = _START_M
    T_object[:, 1, 3] += PUSH_M * share
    normal, fingers = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, -1.0]) / np.sqrt(2.0)
    T_palm = np.tile(np.eye(4), (len(share), 1, 1))
    T_palm[:, :3, :3] = np.stack([normal, np.cross(fingers, normal), fingers], axis=1)
    T_palm[:, :3, 3] = _PALM_M
    T_palm[:, 1, 3] += (PUSH_M + GAP_M + FOLLOW_M) * share
    T_palm = T_palm @ embodiment.T_hand_palm
    q = embodiment.home[None].copy()
    q[0, embodiment.arm_dof :] = _open_hand(embodiment)
    posture, joints = q[:, : embodiment.arm_dof], []
    for target in T_palm:
        q = solve_palm(kinematics, q, target[None], posture=posture, maximum_iterations=200).joint_position
        joints.append(q[0])
    T_object_palm = inverse(T_object[0]) @ kinematics.palm(joints[0][None]).T_world_palm[0]
    return Reference(
        GoalPath.from_poses(stamp_s, T_object),
        T_object_palm,
        joints[0],
        HumanPath(stamp_s, np.array(joints), T_palm, T_object[0]),
    )


def _open_hand(embodiment: Embodiment) -> Any:
    """The hand as its first synergy opens it, `(H,)`: straight fingers give way the least."""
    open_ = embodiment.synergy_centre.copy()
    open_[0] -= embodiment.synergy_half_range[0]
    hand = slice(embodiment.arm_dof, embodiment.dof)
    posture = embodiment.synergy_mean + open_ @ embodiment.synergy_basis
    return np.clip(posture, embodiment.limits.lower[hand], embodiment.limits.upper[hand])


def _minimum_jerk(share: Any) -> Any:
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
