"""Goals in which the robot is in itself are pushed apart; others are left alone."""

from importlib import resources

import numpy as np
import pytest

from h2s2r_policy.self_clearance import SelfClearance
from h2s2r_retarget.collision_spheres import place_spheres
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

BUNDLED = sorted(
    path.name.removesuffix(".yaml")
    for path in (resources.files("h2s2r_retarget") / "embodiments").iterdir()
    if path.name.endswith(".yaml")
)


@pytest.fixture(params=BUNDLED)
def robot(request):
    embodiment = load_embodiment(request.param)
    return embodiment, SelfClearance(BatchedKinematics(embodiment), place_spheres(embodiment))


def test_most_random_postures_that_overlap_are_pushed_apart_and_the_others_not_touched(robot):
    embodiment, clearance = robot
    lower, upper = np.maximum(embodiment.limits.lower, -3.0), np.minimum(embodiment.limits.upper, 3.0)
    goal = np.random.default_rng(5).uniform(lower, upper, (300, embodiment.dof))
    before, pushed = clearance.distance(goal).min(axis=0), clearance.push(goal)
    after = clearance.distance(pushed).min(axis=0)
    overlapping = before < 0.0
    assert 20 < overlapping.sum() < 280
    assert (after < -0.001).sum() < 0.3 * overlapping.sum()
    np.testing.assert_array_equal(pushed[~overlapping], goal[~overlapping])


def test_pairs_are_of_links_that_are_no_neighbours(robot):
    _, clearance = robot
    assert clearance.links
    assert all(first != second for first, second in clearance.links)
    assert ("lbr_link_2", "lbr_link_3") not in clearance.links
