"""Many hands at once: palms met, nothing overlaps, every row as it would be alone, and a reason where there is none."""

import numpy as np
import pytest

from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.human_hand import fingertip_directions, fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.reachable_hands import REGION_M, random_hands
from h2s2r_retarget.two_step_ik import TwoStepSolver

pytest.importorskip("pinocchio")
pytest.importorskip("coal")


def solve(solver, hands, **options):
    e = solver.embodiment
    targets = palm_target(hands, e), fingertip_targets(hands, e)
    directions = fingertip_directions(hands, e)
    return solver.solve_many(*targets, None, fingertip_directions=directions, arm_seeds=32, **options)


@pytest.fixture(scope="module")
def table(world):
    return CollisionWorld(world.statics[:1])


@pytest.fixture(scope="module")
def hands(embodiment, table):
    return random_hands(embodiment, 60, 1, world=table)


@pytest.fixture(scope="module")
def solved(embodiment, table, hands):
    return solve(TwoStepSolver(embodiment, table), hands)


def assert_fits(embodiment, world, hands, found, share):
    assert found.accepted.mean() >= share
    ok = found.accepted
    assert all(bool(why) != good for why, good in zip(found.why, ok, strict=True))
    limits = embodiment.limits
    assert ((limits.lower <= found.joint_position) & (found.joint_position <= limits.upper)).all()
    # All figures are what kinematics and coal say.
    hand = BatchedKinematics(embodiment).forward(found.joint_position)
    T, tips = palm_target(hands, embodiment), fingertip_targets(hands, embodiment)
    assert np.linalg.norm(hand.T_world_palm - T, axis=(1, 2))[ok].max() < 1e-2
    assert np.linalg.norm(hand.T_world_palm[:, :3, 3] - T[:, :3, 3], axis=1)[ok].max() <= 1e-3
    assert np.allclose(np.linalg.norm(hand.fingertip_position - tips, axis=-1), found.fingertip_error_m, atol=1e-9)
    checker = CollisionChecker(embodiment, world)
    for posture, good, penetration in zip(found.joint_position, ok, found.penetration_m, strict=True):
        contacts = checker.contacts(posture, None) + checker.self_contacts(posture)
        deepest = max((-contact.distance_m for contact in contacts), default=0.0)
        assert deepest == pytest.approx(penetration, abs=1e-5)
        assert not good or deepest <= 1e-3


def test_sixty_random_reachable_hands(embodiment, table, hands, solved):
    assert_fits(embodiment, table, hands, solved, 0.99)
    # Three fingers of this hand get to where a human's are; its thumb does not.
    assert np.median(solved.fingertip_error_m[:, :3]) < 2e-3


@pytest.mark.parametrize("name", ["iiwa14_leap", "iiwa14_umi"])
def test_other_hands_solve_alike(name, table):
    embodiment = load_embodiment(name)
    hands = random_hands(embodiment, 12, 2, world=table)
    assert_fits(embodiment, table, hands, solve(TwoStepSolver(embodiment, table), hands), 0.9)


def test_a_hand_is_solved_as_it_would_be_alone(embodiment, table, hands, solved):
    alone = solve(TwoStepSolver(embodiment, table), hands[7:10])
    # Matrix products of another size may differ in their last bits, nothing else.
    assert np.abs(alone.joint_position - solved.joint_position[7:10]).max() < 1e-6
    assert (alone.accepted == solved.accepted[7:10]).all()


def test_hands_out_of_reach_and_in_the_table_are_told_apart_and_harm_no_other(embodiment, table, hands, solved):
    spoilt = hands[:4].copy()
    spoilt[1, :, 0] += 1.5
    spoilt[2, :, 2] += 0.10 - spoilt[2, :, 2].mean()
    spoilt[2, :, :2] += [0.6, 0.0] - spoilt[2, :, :2].mean(axis=0)
    found = solve(TwoStepSolver(embodiment, table), spoilt)
    assert (found.accepted[[0, 3]] == solved.accepted[[0, 3]]).all() and not found.accepted[[1, 2]].any()
    assert found.why[1].startswith("out of reach: palm ")
    assert found.palm_error_m[1] > 0.5 and np.isfinite(found.joint_position).all()
    assert found.why[2].startswith(("blocked: ", "out of reach")) and found.why[2] != found.why[1]
    assert np.abs(found.joint_position[0] - solved.joint_position[0]).max() < 1e-6


def test_fingers_point_where_they_are_asked_to_as_far_as_the_tips_leave_free(embodiment, hands):
    solver = TwoStepSolver(embodiment, CollisionWorld())
    targets = palm_target(hands[:20], embodiment), fingertip_targets(hands[:20], embodiment)
    directions = fingertip_directions(hands[:20], embodiment)
    free = solver.solve_many(*targets, None, arm_seeds=16)
    led = solver.solve_many(*targets, None, fingertip_directions=directions, arm_seeds=16)
    assert np.isnan(free.fingertip_error_rad).all()
    pointing = solver._fingers.tips(free.joint_position)[1]
    undirected = np.arccos(np.clip(np.sum(pointing * directions, axis=-1), -1.0, 1.0))
    assert led.fingertip_error_rad.mean() < 0.8 * undirected.mean()
    assert led.fingertip_error_m.mean() < free.fingertip_error_m.mean() + 1e-3


def test_random_hands_are_repeatable_hands_over_the_table(embodiment, table, hands):
    assert (random_hands(embodiment, 60, 1, world=table) == hands).all()
    assert not np.allclose(random_hands(embodiment, 3, 2, world=table), hands[:3])
    palms = palm_target(hands, embodiment)[:, :3, 3]
    low, high = np.array(REGION_M).T
    assert ((low - 1e-9 <= palms) & (palms <= high + 1e-9)).all()
    middle = np.linalg.norm(np.diff(hands[:, 9:13], axis=1), axis=-1).sum(axis=1)
    assert 0.07 < middle.min() < 0.09 and 0.10 < middle.max() < 0.12
    reach = np.linalg.norm(hands[:, 12] - hands[:, 9], axis=1) / middle
    assert reach.min() < 0.6 and reach.max() > 0.95  # fists and open hands
