"""Every row of the randomisation table arrives where it acts, with its distribution."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from h2s2r_sim.environment import Environment
from h2s2r_sim.randomisation import NONE, TABLE, Parameter, Randomiser, physical_parameters

N = 400
ROWS = {row.name: row for row in TABLE}
SIGNIFICANCE = 1e-4
"""Seeds are fixed, so a test passes always or never; this is how unlikely a correct draw is allowed to be."""


@pytest.fixture(scope="module")
def environment(task, embodiment, push_reference):
    return Environment(task, embodiment, push_reference, num_environments=N, seed=11)


@pytest.fixture(scope="module")
def still(task, embodiment, push_reference):
    """Nothing randomised but the start."""
    return Environment(task, embodiment, push_reference, num_environments=8, seed=11, table=NONE)


def assert_distributed(row, values):
    values = np.ravel(values)
    if row.distribution == "event":
        expected = row.high * values.size
        assert abs(values.sum() - expected) < 5.0 * np.sqrt(expected) + 5
    elif row.distribution == "integer":
        kinds = np.arange(int(row.low), int(row.high) + 1)
        counts = [(values == kind).sum() for kind in kinds]
        assert sum(counts) == values.size
        assert stats.chisquare(counts).pvalue > SIGNIFICANCE
    else:
        low, high = row.low, row.high
        if row.distribution == "log_uniform":
            values, low, high = np.log(values), np.log(low), np.log(high)
        assert values.min() >= low - 1e-12
        assert values.max() <= high + 1e-12
        assert stats.kstest(values, "uniform", args=(low, high - low)).pvalue > SIGNIFICANCE


@pytest.mark.parametrize(("parameter", "row"), physical_parameters().items())
def test_physical_rows_are_read_back_from_the_engine(environment, task, embodiment, parameter, row):
    nominal = {
        "object_mass_kg": task.object.mass_kg,
        "object_friction": task.object.friction,
        "table_friction": task.scene.table.friction,
        "stiffness": embodiment.stiffness,
        "damping": embodiment.damping,
    }
    assert_distributed(ROWS[row], environment.engine.parameter(parameter) / nominal[parameter])


def test_mass_changes_what_a_force_does(environment):
    """Not only the number: the same force moves a light object more (the constants of the model follow)."""
    state = environment.engine.state_dict()
    mass = environment.engine.parameter("object_mass_kg")
    T = environment.engine.object_pose()
    T[:, 2, 3] += 0.5
    environment.engine.reset(np.arange(N), environment.engine.joint_state()[0], T)
    environment.engine.set_object_force(np.tile([1.0, 0.0, 0.0], (N, 1)))
    environment.engine.step()
    speed = environment.engine.object_velocity()[:, 0]
    np.testing.assert_allclose(speed, environment.engine.timestep_s / mass, rtol=1e-6)
    environment.engine.load_state_dict(state)


def test_an_episode_keeps_its_parameters_and_the_next_has_others(task, embodiment, push_reference):
    environment = Environment(task, embodiment, push_reference, num_environments=4, seed=1)
    before = environment.engine.parameter("object_mass_kg")
    environment.step(np.zeros((4, environment.num_actions)))
    np.testing.assert_array_equal(environment.engine.parameter("object_mass_kg"), before)
    environment._reset(np.array([1, 3]))
    after = environment.engine.parameter("object_mass_kg")
    assert (after[[0, 2]] == before[[0, 2]]).all()
    assert (after[[1, 3]] != before[[1, 3]]).all()


def test_start_poses_cover_the_tasks_range(environment, task, push_reference):
    T = environment.engine.object_pose()
    offset = T[:, :2, 3] - push_reference.T_world_object[:2, 3]
    yaw = Rotation.from_matrix(T[:, :3, :3]).as_rotvec()[:, 2]
    limit, turn = task.reset.position_m, task.reset.yaw_rad
    assert np.abs(offset).max() <= limit
    assert np.abs(yaw).max() <= turn
    # Starts whose hand would touch are left out, so the draw is nearly but not exactly uniform.
    for values, half in ((offset[:, 0], limit), (offset[:, 1], limit), (yaw, turn)):
        assert values.std() == pytest.approx(half / np.sqrt(3.0), rel=0.15)
        assert abs(values.mean()) < 0.25 * half


def test_joints_start_around_the_pre_manipulation_pose(environment, task, embodiment, push_reference):
    hand = environment.engine.joint_state()[0][:, embodiment.arm_dof :]
    difference = np.abs(hand - push_reference.joint_position[embodiment.arm_dof :])
    assert difference.max() <= task.reset.joint_rad + 1e-9
    assert (difference > 0.5 * task.reset.joint_rad).mean() > 0.2


def test_goal_speed_is_drawn(environment):
    assert_distributed(ROWS["goal_speed"], environment.episodes.speed)


@pytest.mark.parametrize("row", [row for row in TABLE if row.drawn == "step"], ids=lambda row: row.name)
def test_step_rows_have_their_distribution(environment, row):
    draws = np.stack([environment.randomiser.draw_step()[row.name] for _ in range(20)])
    assert_distributed(row, draws)


def rows_with(**values):
    """The nominal table with some rows fixed."""
    fixed = {
        name: Parameter(name, "uniform", value, value, row.unit, row.drawn, row.size)
        for name, value in values.items()
        for row in (ROWS[name],)
    }
    return tuple(fixed.get(row.name, row) for row in NONE)


def make(task, embodiment, push_reference, **values):
    return Environment(task, embodiment, push_reference, num_environments=8, seed=11, table=rows_with(**values))


def test_without_randomisation_the_observed_pose_is_the_true_one(still):
    still.step(np.zeros((8, still.num_actions)))
    np.testing.assert_allclose(still.observed_object.pose, still.engine.object_pose(), atol=1e-12)


def test_pose_offset_and_noise_reach_the_observation(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference, pose_offset_position=0.01, pose_noise_position=0.002)
    environment.step(np.zeros((8, environment.num_actions)))
    error = environment.observed_object.pose - environment.engine.object_pose()
    np.testing.assert_allclose(error[:, :3, 3], 0.012, atol=1e-12)
    environment = make(task, embodiment, push_reference, pose_offset_rotation=0.01, pose_noise_rotation=0.02)
    environment.step(np.zeros((8, environment.num_actions)))
    R = environment.engine.object_pose()[:, :3, :3].transpose(0, 2, 1) @ environment.observed_object.pose[:, :3, :3]
    np.testing.assert_allclose(Rotation.from_matrix(R).as_rotvec(), 0.03, atol=1e-9)


def test_outliers_reach_the_observation(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference, pose_outlier=1.0, pose_outlier_position=0.05)
    environment.step(np.zeros((8, environment.num_actions)))
    error = environment.observed_object.pose - environment.engine.object_pose()
    np.testing.assert_allclose(error[:, :3, 3], 0.05, atol=1e-12)


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_delayed_pose_is_that_of_an_earlier_camera_frame(task, embodiment, push_reference, delay):
    environment = make(task, embodiment, push_reference, pose_delay=float(delay))
    frames = [environment.engine.object_pose()]
    record = environment.observed_object.record_frame

    def listen(T_world_object):
        frames.append(T_world_object.copy())
        record(T_world_object)

    environment.observed_object.record_frame = listen
    for _ in range(6):
        environment.engine.set_object_force(np.zeros((8, 3)))
        environment.step(push(environment))
    assert len(frames) == 13
    np.testing.assert_allclose(environment.observed_object.pose, frames[-1 - delay], atol=1e-12)


def test_a_dropped_pose_leaves_the_one_before(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference, pose_drop=1.0)
    seen = environment.observed_object.pose.copy()
    for _ in range(25):
        environment.step(push(environment))
    assert np.abs(environment.engine.object_pose() - seen).max() > 0.01
    np.testing.assert_array_equal(environment.observed_object.pose, seen)


def test_joint_noise_reaches_the_observation_only(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference, joint_noise=0.01)
    shown = environment.observation()[0][:, environment.runner.layout.slices["joint_position"]]
    np.testing.assert_allclose(shown, environment.engine.joint_state()[0] + 0.01, atol=1e-6)


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_delayed_action_takes_effect_ticks_later(task, embodiment, push_reference, delay):
    environment = make(task, embodiment, push_reference, action_delay=float(delay))
    commands = []
    send = environment.engine.set_joint_target

    def listen(joint_position):
        commands.append(joint_position.copy())
        send(joint_position)

    environment.engine.set_joint_target = listen
    start = environment.engine.joint_state()[0]
    environment.step(push(environment))
    moved = [np.abs(command - start).max() > 1e-9 for command in commands]
    assert moved == [tick >= delay for tick in range(4)]


def test_a_push_moves_the_object(task, embodiment, push_reference):
    environment = make(
        task, embodiment, push_reference, push=1.0, push_acceleration=8.0, push_direction=np.pi / 2, goal_speed=0.5
    )
    before = environment.engine.object_pose()
    environment.step(np.zeros((8, environment.num_actions)))
    moved = environment.engine.object_pose()[:, :3, 3] - before[:, :3, 3]
    # Net of friction mu g = 4.9 m/s^2, over a fifteenth of a second: about 7 mm.
    assert (moved[:, 1] > 0.003).all()
    assert (np.abs(moved[:, 0]) < 0.003).all()


def test_step_noise_does_not_depend_on_when_episodes_end():
    first, second = (Randomiser(TABLE, 5, 23, np.random.default_rng(1), np.random.default_rng(2)) for _ in range(2))
    first.draw_episode(np.array([0, 3]))
    ours, theirs = first.draw_step(), second.draw_step()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def push(environment):
    action = np.zeros((environment.num_environments, environment.num_actions))
    action[:, 1] = 0.4
    return action
