"""The command never leaves its limits nor enters the table, whatever the goals do; else it goes where it is told."""

from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy.controller import Controller, ControllerConfiguration
from h2s2r_policy.interface import joint_limits, make_controller
from h2s2r_policy.self_clearance import SelfClearance
from h2s2r_policy.table_clearance import TableClearance
from h2s2r_retarget.collision_spheres import place_spheres
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.sphere_kinematics import SphereKinematics

DT = 1 / 60
TABLE_M = 0.155
LIMITS = JointLimits(
    np.array([-1.0, -0.3]), np.array([1.0, 2.0]), np.array([1.5, 7.0]), np.array([7.5, 22.5]), np.array([150.0, 2250.0])
)
CONTROLLER = Controller(LIMITS, ControllerConfiguration())
BUNDLED = sorted(
    path.name.removesuffix(".yaml")
    for path in (resources.files("h2s2r_retarget") / "embodiments").iterdir()
    if path.name.endswith(".yaml")
)


def _robot(embodiment):
    table = TableClearance(BatchedKinematics(embodiment), place_spheres(embodiment), TABLE_M)
    return make_controller(embodiment, ControllerConfiguration(self_repulsion=True), TABLE_M), table


class Judge:
    """Asserts that commands keep all limits, as divided differences of what was sent."""

    def __init__(self, limits, position):
        self.limits = limits
        self.sent = [position] * 4

    def see(self, position):
        self.sent = [*self.sent[1:], position]
        third, second, first, now = self.sent
        limits = self.limits
        assert np.all(now >= limits.position_lower)
        assert np.all(now <= limits.position_upper)
        assert np.all(np.abs(now - first) / DT <= limits.velocity + 1e-9)
        assert np.all(np.abs(now - 2 * first + second) / DT**2 <= limits.acceleration + 1e-9)
        assert np.all(np.abs(now - 3 * first + 3 * second - third) / DT**3 <= limits.jerk + 1e-9 * limits.jerk)


goals = st.one_of(
    st.floats(-3.0, 3.0), st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1.0, 1.0, 2.0, 0.0, 1e-12, -0.3])
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(goals, goals, st.integers(1, 12)), min_size=1, max_size=25))
def test_hostile_goals_never_get_a_command_past_a_limit(sequence):
    state = CONTROLLER.reset(np.zeros((1, 2)))
    judge = Judge(CONTROLLER.limits, state.position)
    for first, second, repeats in sequence:
        for _ in range(repeats):
            state = CONTROLLER.step(state, np.array([[first, second]]), dt_s=DT)
            judge.see(state.position)


def _hostile(rng, goal, home, tick):
    kind = rng.integers(0, 8, (len(goal), 1))
    goal = np.where(kind == 0, rng.uniform(-4.0, 4.0, goal.shape), goal)  # jumps, out of reach
    goal = np.where(kind == 1, home + rng.normal(0.0, 0.4, goal.shape), goal)
    goal = np.where(kind == 2, goal + rng.normal(0.0, 0.05, goal.shape), goal)
    if tick % 20 < 10:
        goal = np.where(kind == 3, 2.0 * home - goal, goal)  # oscillates
    poison = (kind == 4) & (rng.random(goal.shape) < 0.1)
    return np.where(poison, rng.choice([np.nan, np.inf, -np.inf, 1e30, -1e300], goal.shape), goal)


@pytest.mark.parametrize("name", BUNDLED)
def test_ten_thousand_hostile_steps(name):
    embodiment = load_embodiment(name)
    controller, table = _robot(embodiment)
    spheres = SphereKinematics(BatchedKinematics(embodiment), place_spheres(embodiment))
    rng = np.random.default_rng(1)
    home = np.tile(embodiment.home, (100, 1))
    # Half of the robots begin with their lowest sphere 3 mm above the table.
    down = home + rng.normal(0.0, 0.1, home.shape)
    down[:, 1] += 0.5
    start = controller.reset(np.where(np.arange(100)[:, None] % 2 == 0, home, table.lift(down, 0.003))).position
    free = (table.clearance(table.places(start)) > 0.0).all(axis=0)
    assert free.sum() > 70
    state, goal = controller.reset(start[free]), home[free]
    judge = Judge(controller.limits, state.position)
    moved, lowest = np.zeros(len(goal)), np.inf
    above = np.array([link not in {"lbr_link_1"} for link in spheres.links])
    for tick in range(10_000 // len(goal) + 1):
        goal = _hostile(rng, goal, home[free], tick)
        before = state.position
        asked = controller.reachable(goal) if tick % 2 else goal
        state = controller.step(state, asked, dt_s=DT)
        judge.see(state.position)
        height = spheres.positions(state.position)[..., 2] - spheres.radius - TABLE_M
        assert np.all(height[:, above] > 0.0)
        lowest = min(lowest, height[:, above].min())
        moved += np.abs(state.position - before).max(axis=1)
    assert lowest < 0.01, "they did come near"
    assert np.median(moved) > 0.5, "nor is it safe by standing still"


def test_a_goal_is_reached_without_overshoot():
    state = CONTROLLER.reset(np.zeros((1, 2)))
    highest = np.zeros(2)
    for _ in range(180):
        state = CONTROLLER.step(state, np.array([[0.9, 1.2]]), dt_s=DT)
        highest = np.maximum(highest, state.position[0])
    np.testing.assert_allclose(state.position, [[0.9, 1.2]], atol=1e-4)
    assert np.all(highest <= [0.9 + 1e-9, 1.2 + 1e-9])


def test_a_small_step_is_followed_like_a_lag_of_its_gain():
    state, goal = CONTROLLER.reset(np.zeros((1, 2))), np.array([[0.001, 0.001]])
    for _ in range(4):
        state = CONTROLLER.step(state, goal, dt_s=DT)
    np.testing.assert_allclose(state.position / goal, 0.71, atol=0.01)


def test_a_nan_goal_brakes_that_joint_and_leaves_the_others():
    state = CONTROLLER.reset(np.zeros((1, 2)))
    for _ in range(20):
        state = CONTROLLER.step(state, np.array([[1.0, 1.0]]), dt_s=DT)
    for _ in range(60):
        state = CONTROLLER.step(state, np.array([[np.nan, 1.0]]), dt_s=DT)
    assert state.velocity[0, 0] == 0.0
    assert 0.2 < state.position[0, 0] < 0.7
    np.testing.assert_allclose(state.position[0, 1], 1.0, atol=1e-6)


def test_a_joint_beside_its_limit_is_pushed_off_it():
    state = CONTROLLER.reset(np.array([[1.0, -0.3]]))
    for _ in range(60):
        state = CONTROLLER.step(state, np.array([[2.0, -2.0]]), dt_s=DT)
    np.testing.assert_allclose(state.position, [[0.99, -0.2885]], atol=1e-6)


@pytest.fixture(scope="module")
def robot(embodiment):
    return _robot(embodiment)


def test_a_hand_pushed_down_slides_along_just_above_the_table(robot, embodiment):
    from h2s2r_retarget.differential_ik import step_palm

    controller, table = robot
    kinematics = BatchedKinematics(embodiment)
    state = controller.reset(embodiment.home[None].copy())
    T = np.array(kinematics.palm(state.position).T_world_palm)
    start = T[0, :3, 3].copy()
    T[0, 2, 3] -= 0.15
    lowest = []
    for tick in range(200):
        T[0, 1, 3] = start[1] + 0.1 * max(tick - 80, 0) * DT
        if tick % 4 == 0:
            goal = controller.reachable(
                step_palm(kinematics, state.position, T, posture=embodiment.home[:7], iterations=3)
            )
        state = controller.step(state, goal, dt_s=DT)
        lowest.append(table.clearance(table.places(state.position)).min())
    travelled = kinematics.palm(state.position).T_world_palm[0, 1, 3] - start[1]
    assert travelled == pytest.approx(0.2, abs=0.03)
    assert min(lowest) > 0.0005
    assert max(lowest[80:]) < 0.01


def test_a_robot_that_begins_in_the_table_only_comes_out_of_it(robot, embodiment):
    controller, table = robot
    down = embodiment.home.copy()
    down[1] += 0.3
    state = controller.reset(down[None])
    before = table.clearance(table.places(state.position))[:, 0]
    assert before.min() < -0.01
    for tick in range(240):
        goal = down[None] + 0.2 * np.sin(tick) if tick < 60 else embodiment.home[None]
        state = controller.step(state, controller.reachable(goal), dt_s=DT)
        height = table.clearance(table.places(state.position))[:, 0]
        assert np.all(height >= np.minimum(before, 0.0) - 1e-12)
    np.testing.assert_allclose(state.position, embodiment.home[None], atol=0.02)


def test_a_row_is_the_same_to_the_bit_in_every_batch(robot, embodiment):
    controller, _ = robot
    rng = np.random.default_rng(0)
    position = embodiment.home + rng.normal(0.0, 0.2, (64, embodiment.dof))
    together, alone = controller.reset(position), controller.reset(position[17:18])
    for _ in range(30):
        goal = embodiment.home + rng.normal(0.0, 0.5, position.shape)
        goal[:, 1] += 0.4
        together = controller.step(together, controller.reachable(goal), dt_s=DT)
        alone = controller.step(alone, controller.reachable(goal[17:18]), dt_s=DT)
        np.testing.assert_array_equal(together.position[17:18], alone.position)


def test_numpy_and_torch_agree(robot, embodiment):
    import torch

    controller, table = robot
    limits = JointLimits(*(torch.asarray(np.array(v)) for v in vars(joint_limits(embodiment)).values()))
    itself = SelfClearance(BatchedKinematics(embodiment), place_spheres(embodiment, gap_m=0.005))
    theirs = Controller(limits, ControllerConfiguration(), table, itself)
    rng = np.random.default_rng(0)
    ours_state = controller.reset(np.tile(embodiment.home, (3, 1)))
    their_state = theirs.reset(torch.asarray(np.tile(embodiment.home, (3, 1))))
    for _ in range(20):
        goal = embodiment.home + rng.normal(0.0, 0.5, (3, embodiment.dof))
        goal[:, 1] += 0.4
        goal[0, 3] = np.nan
        ours_state = controller.step(ours_state, controller.reachable(goal), dt_s=DT)
        their_state = theirs.step(their_state, theirs.reachable(torch.asarray(goal)), dt_s=DT)
    np.testing.assert_allclose(ours_state.position, their_state.position.numpy(), atol=1e-9)


def test_a_jerk_limit_that_takes_too_long_to_brake_is_refused():
    slow = JointLimits(
        *(np.array(v) for v in (LIMITS.position_lower, LIMITS.position_upper, LIMITS.velocity)),
        LIMITS.acceleration,
        LIMITS.acceleration,
    )
    with pytest.raises(ValueError, match="jerk limit"):
        Controller(slow, ControllerConfiguration())
