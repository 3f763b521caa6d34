"""Goal and joint follower: what the goal and controller nodes do, without ROS."""

import numpy as np
import pytest

from h2s2r_drivers.command_guard import CommandGuard
from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose
from h2s2r_policy.anchors import object_anchors
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.goal_follower import GoalFollower
from h2s2r_policy.goal_path import GoalPath
from h2s2r_policy.interface import open_controller
from h2s2r_policy.joint_follower import JointFollower

TICK_NS = 16_666_667


def _at(y):
    return pose(np.eye(3), np.array([0.6, y, 0.185]))


@pytest.fixture
def goal():
    path = GoalPath.from_poses(np.array([0.0, 2.0]), np.stack([_at(0.0), _at(0.25)]))
    return GoalFollower(path, GoalClockConfiguration(), object_anchors("none"), 0.5)


def test_the_goal_waits_at_its_start_until_started(goal):
    for frame in range(10):
        np.testing.assert_allclose(goal.goal(frame * 33_333_333, _at(0.0)), _at(0.0), atol=1e-12)


def test_the_goal_moves_by_stamps_and_starts_over(goal):
    for _ in range(2):
        goal.start()
        positions = [goal.goal(frame * 33_333_333, _at(0.0))[1, 3] for frame in range(31)]
        np.testing.assert_allclose(positions, np.arange(31) / 30 * 0.5 * 0.125, atol=1e-8)


def test_the_goal_pauses_while_the_object_is_lost_and_ends_at_the_end(goal):
    goal.start()
    for frame in range(30):
        goal.goal(frame * 33_333_333, _at(-0.21))
    assert goal.phase_s == 0.0
    for frame in range(30, 300):
        last = goal.goal(frame * 33_333_333, _at(0.19))
    np.testing.assert_allclose(last, _at(0.25), atol=1e-12)


def test_a_long_gap_between_poses_moves_the_goal_by_a_tenth_of_a_second_at_most(goal):
    goal.start()
    goal.goal(0, _at(0.0))
    goal.goal(10**10, _at(0.0))
    np.testing.assert_allclose(goal.phase_s, 0.05)


def test_a_speed_that_training_never_showed_is_refused():
    path = GoalPath.from_poses(np.array([0.0, 2.0]), np.stack([_at(0.0), _at(0.25)]))
    with pytest.raises(InputError, match=r"speed: expected 0\.5 to 1\.0, as in training, found 2\.0"):
        GoalFollower(path, GoalClockConfiguration(), object_anchors("none"), 2.0)


class Robot:
    """Joint states in simulated lock-step, perfectly following."""

    def __init__(self, contract, position):
        self.limits = contract.limits
        guard = CommandGuard(contract.limits, contract.joint_names)
        self.controller = open_controller(contract, source="test")
        self.follower = JointFollower(self.controller, guard)
        self.position = np.array(position)
        self.tick = 600

    @property
    def stamp_ns(self):
        return round(self.tick * 1e9 / 60)

    def step(self, *, jitter_ns=0, ticks=1):
        self.tick += ticks
        command = self.follower.command(self.stamp_ns + jitter_ns, self.position)
        self.position = command.result.command
        return command


@pytest.fixture
def robot(contract, embodiment):
    return Robot(contract, embodiment.home)


def test_it_holds_where_the_robot_is_before_the_first_target(robot):
    start = robot.position
    for _ in range(30):
        command = robot.step()
        np.testing.assert_array_equal(command.result.command, start)
        assert command.image_stamp_ns is None


def test_it_pursues_a_target_as_the_simulator_s_controller_does(robot):
    controller = robot.controller
    state = controller.reset(robot.position[None])
    goal = robot.position + 0.1
    robot.step()
    image_ns = robot.stamp_ns - 40_000_000
    robot.follower.pursue(image_ns, goal)
    answered = []
    for _ in range(16):
        state = controller.step(state, controller.reachable(goal[None]), dt_s=1 / 60)
        command = robot.step()
        answered.append(command.image_stamp_ns)
        np.testing.assert_array_equal(command.result.command, state.position[0])
    assert answered == [image_ns, *[None] * 15]


def test_real_stamps_and_lost_joint_states_trip_no_guard(robot):
    rng = np.random.default_rng(0)
    for step in range(600):
        if step % 4 == 0:
            robot.follower.pursue(robot.stamp_ns, robot.position + rng.uniform(-0.3, 0.3, len(robot.position)))
        command = robot.step(jitter_ns=int(rng.normal(0, 300_000)), ticks=int(rng.choice([1, 1, 1, 2])))
        assert command.result.violation is None, str(command.result.violation)


def test_a_policy_that_fell_silent_makes_the_robot_hold_not_latch(robot):
    robot.step()
    robot.follower.pursue(robot.stamp_ns, robot.position + 2.0)
    for _ in range(120):
        command = robot.step()
    assert command.result.violation is None
    held = command.result.command
    np.testing.assert_array_equal(robot.step().result.command, held)


def test_a_violation_holds_until_the_reset_which_forgets_the_target(robot):
    robot.step()
    robot.follower.pursue(robot.stamp_ns, robot.position + 1.0)
    for _ in range(10):
        robot.step()
    robot.position = robot.position + 0.5  # somebody pushed it
    result = robot.step().result
    assert "tracking error" in result.violation.limit
    for _ in range(30):
        held = robot.step().result
    assert held.violation is result.violation
    robot.follower.reset()
    robot.position = robot.position - 0.2
    moved_to = robot.position
    after = robot.step().result
    assert after.violation is None
    np.testing.assert_allclose(
        after.command, np.clip(moved_to, robot.limits.position_lower, robot.limits.position_upper)
    )


def test_a_reset_in_motion_brakes_first(robot):
    robot.step()
    robot.follower.pursue(robot.stamp_ns, robot.position + 1.0)
    for _ in range(10):
        robot.step()
    robot.follower.reset()
    before = robot.position
    first = robot.step().result
    assert first.violation is None
    assert np.any(first.command != before), "it does not stop dead"
    for _ in range(60):
        assert robot.step().result.violation is None
    still = robot.position
    np.testing.assert_array_equal(robot.step().result.command, still)
