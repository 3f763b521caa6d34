"""A push made by hand: what a demonstration and its retargeting would say of it, without filming one."""

import numpy as np
import pytest

from h2s2r_perception.geometry import inverse
from h2s2r_policy.goal_path import GoalPath
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.reference import HumanPath, Reference
from h2s2r_sim.task import load_task

PUSH_M, PUSH_S, RATE_HZ = 0.25, 2.5, 30.0
GAP_M = 0.045
"""From the palm to the face it pushes, at the start."""
ARM_GUESS = (-0.69, 0.6, 0.1, -1.83, 1.46, 0.37, 1.19)


def minimum_jerk(share):
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)


def make_push_reference(embodiment):
    """The box slides 0.25 m along +y in 2.5 s; the palm faces +y behind it, fingers forward and 45 deg down."""
    kinematics = BatchedKinematics(embodiment)
    share = np.arange(0.0, 1.0 + 1e-9, 1.0 / (PUSH_S * RATE_HZ))
    T_object = np.tile(np.eye(4), (len(share), 1, 1))
    T_object[:, :3, 3] = [0.6, -0.15, 0.185]
    T_object[:, 1, 3] += PUSH_M * minimum_jerk(share)
    palm_x, palm_z = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, -1.0]) / np.sqrt(2.0)
    T_palm = np.eye(4)
    T_palm[:3, :3] = np.stack([palm_x, np.cross(palm_z, palm_x), palm_z], axis=1)
    T_palm[:3, 3] = [0.55, -0.15 - 0.075 - 0.03 - GAP_M, 0.30]
    start = embodiment.home[None].copy()
    start[0, : len(ARM_GUESS)] = ARM_GUESS
    palms = np.tile(T_palm, (len(share), 1, 1))
    palms[:, 1, 3] += (PUSH_M + GAP_M) * minimum_jerk(share)
    joints, q = [], start
    for target in palms:
        solution = solve_palm(kinematics, q, target[None], posture=start[:, :7], maximum_iterations=200)
        assert solution.position_error_m[0] < 1e-3
        q = solution.joint_position
        joints.append(q[0])
    path = HumanPath(share * PUSH_S, np.array(joints), palms, T_object[0])
    goal = GoalPath.from_poses(share * PUSH_S, T_object)
    T_object_palm = inverse(T_object[0]) @ kinematics.palm(joints[0][None]).T_world_palm[0]
    return Reference(goal, T_object_palm, joints[0], path)


@pytest.fixture(scope="session")
def task():
    return load_task("snackbox_push")


@pytest.fixture(scope="session")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="session")
def push_reference(embodiment):
    return make_push_reference(embodiment)
