"""Two-step IK: the palm exact, the tips as near as they get, nothing inside anything."""

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import HUMAN_TIPS
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.two_step_ik import TwoStepSolver

pytest.importorskip("pinocchio")
pytest.importorskip("coal")


def object_at(y):
    T = np.eye(4)
    T[:3, 3] = [0.6, y, 0.185]
    return T


def assert_fits(embodiment, solution):
    assert solution.palm_error_m <= 1e-3
    assert np.degrees(solution.palm_error_rad) <= 0.5
    assert solution.penetration_m <= 1e-3
    limits = embodiment.limits
    assert ((limits.lower <= solution.joint_position) & (solution.joint_position <= limits.upper)).all()


def test_palm_target_of_a_hand_in_a_known_pose(hand_at):
    knuckle = np.array([0.5, -0.3, 0.25])
    T = palm_target(hand_at(knuckle))
    s = np.sqrt(0.5)
    x, y, z = np.array([0.0, 1.0, 0.0]), np.array([s, 0.0, s]), np.array([s, 0.0, -s])
    # The ring knuckle of this hand lies 3 mm nearer to the wrist than the index': y is made orthogonal to z.
    assert np.allclose(T[:3, :3], np.stack([x, y, z], axis=1), atol=1e-9)
    assert np.allclose(T[:3, 3], knuckle - 0.03 * z - 0.03 * x, atol=1e-9)
    assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)


def test_targets_work_on_batches(hand_at, embodiment):
    hands = np.stack([hand_at([0.5, y, 0.25]) for y in (-0.3, -0.2)])
    assert np.allclose(palm_target(hands)[1], palm_target(hands[1]))
    tips = fingertip_targets(hands, embodiment)
    assert tips.shape == (2, 4, 3)
    assert (tips[0, 3] == hands[0, HUMAN_TIPS["thumb"]]).all()


def test_twenty_random_reachable_palms_in_free_space(embodiment):
    solver = TwoStepSolver(embodiment, CollisionWorld())
    random = np.random.default_rng(0)
    postures = np.tile(embodiment.home, (20, 1))
    postures[:, :7] += random.uniform(-0.5, 0.5, (20, 7))
    lower, upper = embodiment.limits.lower, embodiment.limits.upper
    postures[:, 7:] = lower[7:] + (upper - lower)[7:] * random.uniform(0.3, 0.7, (20, 16))
    hands = BatchedKinematics(embodiment).forward(np.clip(postures, lower, upper))
    free = [not solver.checker.self_contacts(posture) for posture in np.clip(postures, lower, upper)]
    assert sum(free) > 10
    for T, tips, possible in zip(hands.T_world_palm, hands.fingertip_position, free, strict=True):
        solution = solver.solve(T, tips, None)
        assert_fits(embodiment, solution)
        assert (solution.target_shift == 0.0).all()
        # Tips that some posture reaches without touching itself are reached.
        assert not possible or solution.fingertip_error_m.max() < 2e-3


def test_before_the_box_the_hand_fits_without_moving_its_target(embodiment, world, hand_at):
    joints = hand_at([0.555, -0.31, 0.245])
    solution = TwoStepSolver(embodiment, world).solve(
        palm_target(joints), fingertip_targets(joints, embodiment), object_at(-0.15)
    )
    assert_fits(embodiment, solution)
    assert np.linalg.norm(solution.target_shift) < 0.01
    assert solution.fingertip_error_m[:3].max() < 0.02  # the Allegro's thumb is not where a thumb is


def test_a_hand_too_near_the_table_is_lifted_and_the_lift_reported(embodiment, world, hand_at):
    joints = hand_at([0.555, -0.33, 0.175])
    target = palm_target(joints)
    solution = TwoStepSolver(embodiment, world).solve(target, fingertip_targets(joints, embodiment), object_at(-0.10))
    assert_fits(embodiment, solution)
    assert 0.002 < solution.target_shift[2] < 0.08
    assert abs(solution.target_shift[0]) < 0.01
    # The residual is measured against the moved target.
    assert np.allclose(solution.T_world_palm[:3, 3], target[:3, 3] + solution.target_shift, atol=1e-3)
    # Minimal: half the lift would not have done.
    target[:3, 3] += 0.5 * solution.target_shift
    again = TwoStepSolver(embodiment, world).solve(target, fingertip_targets(joints, embodiment), object_at(-0.10))
    assert np.linalg.norm(again.target_shift) > 0.2 * np.linalg.norm(solution.target_shift)


def test_fingertip_targets_inside_the_object_are_pulled_back_to_its_face(embodiment, world, hand_at):
    joints = hand_at([0.555, -0.31, 0.245])
    tips = fingertip_targets(joints, embodiment)
    T_object = object_at(tips[0, 1] + 0.075 - 0.015)  # the tips 15 mm inside
    solution = TwoStepSolver(embodiment, world).solve(palm_target(joints), tips, T_object)
    assert_fits(embodiment, solution)
    face = T_object[1, 3] - 0.075
    reached = BatchedKinematics(embodiment).forward(solution.joint_position[None]).fingertip_position[0]
    low = reached[:3][reached[:3, 2] < 0.215]  # those beside the box, not above it
    assert len(low) and (low[:, 1] + 0.012 <= face + 1e-3).all()


def test_a_hand_out_of_reach_is_refused(embodiment, world, hand_at):
    joints = hand_at([1.6, -0.31, 0.245])
    with pytest.raises(InputError, match="palm target"):
        TwoStepSolver(embodiment, world).solve(
            palm_target(joints), fingertip_targets(joints, embodiment), object_at(-0.15)
        )


def test_along_a_path_a_joint_stays_where_the_tips_say_nothing_about_it(embodiment, hand_at):
    solver = TwoStepSolver(embodiment, CollisionWorld())
    joints = hand_at([0.555, -0.31, 0.30])
    solution = solver.solve(palm_target(joints), fingertip_targets(joints, embodiment), None)
    largest = []
    for step in range(8):  # 2 mm a step
        moved = joints + np.array([0.0, 0.002 * (step + 1), 0.0])
        following = solver.follow(solution, palm_target(moved), fingertip_targets(moved, embodiment), None)
        largest.append(np.abs(following.joint_position - solution.joint_position)[7:].max())
        solution = following
    # The hand's shape does not change, so neither do the robot's fingers, the thumb out of its reach included.
    assert max(largest) < 0.02
    assert solution.fingertip_error_m[:3].max() < 0.02
