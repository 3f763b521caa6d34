"""The command never leaves its limits, whatever the goals do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy import controller

DT = 1 / 60
GAIN = controller.ControllerConfiguration().gain_per_s
LIMITS = JointLimits(np.array([-1.0, -0.3]), np.array([1.0, 2.0]), np.array([1.5, 7.0]), np.array([7.5, 22.5]))


def _step(state, goal):
    return controller.step(state, np.asarray(goal, dtype=float), LIMITS, dt_s=DT, gain_per_s=GAIN)


def _assert_inside(before, after):
    velocity = (after.position - before.position) / DT
    assert np.all(after.position >= LIMITS.position_lower)
    assert np.all(after.position <= LIMITS.position_upper)
    assert np.all(np.abs(velocity) <= LIMITS.velocity + 1e-9)
    assert np.all(np.abs(velocity - before.velocity) <= LIMITS.acceleration * DT + 1e-9)
    np.testing.assert_allclose(after.velocity, velocity, atol=1e-9)


goals = st.one_of(
    st.floats(-3.0, 3.0), st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1.0, 1.0, 2.0, 0.0, 1e-12, -0.3])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(goals, goals, st.integers(1, 12)), min_size=1, max_size=25))
def test_hostile_goals_never_get_a_command_past_a_limit(sequence):
    state = controller.reset(np.zeros((1, 2)), LIMITS)
    for first, second, repeats in sequence:
        for _ in range(repeats):
            after = _step(state, [[first, second]])
            _assert_inside(state, after)
            state = after


def test_a_goal_is_reached_without_overshoot():
    state = controller.reset(np.zeros((1, 2)), LIMITS)
    highest = np.zeros(2)
    for _ in range(180):
        state = _step(state, [[0.9, 1.2]])
        highest = np.maximum(highest, state.position[0])
    np.testing.assert_allclose(state.position, [[0.9, 1.2]], atol=1e-4)
    assert np.all(highest <= [0.9 + 1e-9, 1.2 + 1e-9])


def test_a_nan_goal_brakes_that_joint_and_leaves_the_others():
    state = controller.reset(np.zeros((1, 2)), LIMITS)
    for _ in range(20):
        state = _step(state, [[1.0, 1.0]])
    for _ in range(60):
        state = _step(state, [[np.nan, 1.0]])
    assert state.velocity[0, 0] == 0.0
    assert 0.2 < state.position[0, 0] < 0.7
    np.testing.assert_allclose(state.position[0, 1], 1.0, atol=1e-6)


def test_a_row_is_the_same_to_the_bit_in_every_batch():
    rng = np.random.default_rng(0)
    position, goal = rng.uniform(-0.3, 1.0, (128, 2)), rng.uniform(-2.0, 2.0, (20, 128, 2))
    together = controller.reset(position, LIMITS)
    alone = controller.reset(position[17:18], LIMITS)
    for step in goal:
        together, alone = _step(together, step), _step(alone, step[17:18])
    np.testing.assert_array_equal(together.position[17:18], alone.position)


def test_numpy_and_torch_agree():
    import torch

    limits = JointLimits(*(torch.asarray(np.asarray(v)) for v in vars(LIMITS).values()))
    goal = np.array([[0.4, np.nan]])
    ours = _step(controller.reset(np.zeros((1, 2)), LIMITS), goal)
    start = controller.reset(torch.zeros((1, 2), dtype=torch.float64), limits)
    theirs = controller.step(start, torch.asarray(goal), limits, dt_s=DT, gain_per_s=GAIN)
    np.testing.assert_allclose(ours.position, theirs.position.numpy(), atol=1e-15)
