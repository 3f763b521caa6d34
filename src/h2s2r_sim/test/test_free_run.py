"""The free-running robot: sixty ticks a second whatever the machine does, and no stamp left out."""

import numpy as np
import pytest

from h2s2r_sim.free_run import LONGEST_BACKLOG_S, PATIENCE_S, PERIOD_NS, FreeRun
from h2s2r_sim.simulated_robot import open_robot_at_home
from h2s2r_sim.task import load_task

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


class Body:
    """A robot that notes what it is told and when it is stepped."""

    def __init__(self):
        self.commands, self.steps, self.resets = [], 0, 0
        self.T_world_object = np.eye(4)

    def command(self, joint_position):
        self.commands.append((self.steps, joint_position))

    def step(self):
        self.steps += 1

    def reset(self):
        self.resets += 1

    def joint_state(self):
        return np.zeros(2), np.zeros(2)


class Outlet:
    def __init__(self):
        self.stamps, self.on_state = [], lambda stamp_ns: None

    def state(self, now_ns, position, velocity, T_world_object):
        self.stamps.append(now_ns)
        self.on_state(now_ns)


@pytest.fixture
def outlet():
    return Outlet()


@pytest.fixture
def body():
    return Body()


@pytest.fixture
def free(body, outlet):
    return FreeRun(body, outlet)


def run(free, start_ns, seconds, *, late_ns=0):
    """Call when asked to, a little late each time; returns the time at the end."""
    now_ns, end_ns = start_ns, start_ns + round(seconds * 1e9)
    while now_ns < end_ns:
        now_ns = free.advance(now_ns) + late_ns
    return now_ns


def test_it_ticks_sixty_times_a_second_with_even_stamps_although_it_is_called_late(free, outlet):
    run(free, START_NS, 1.0, late_ns=5 * MS)
    assert len(outlet.stamps) == pytest.approx(60, abs=1)
    assert set(np.diff(outlet.stamps)) == {PERIOD_NS}


def test_a_stop_is_made_up_for_without_a_hole_in_the_stamps(free, outlet):
    now_ns = run(free, START_NS, 0.1)
    now_ns = run(free, now_ns + 400 * MS, 0.2)
    assert set(np.diff(outlet.stamps)) == {PERIOD_NS}
    assert now_ns - outlet.stamps[-1] < 2 * PERIOD_NS


def test_after_a_stop_of_many_seconds_it_goes_on_from_then(free, outlet):
    now_ns = run(free, START_NS, 0.1)
    free.advance(now_ns + round((LONGEST_BACKLOG_S + 10.0) * 1e9))
    assert free.given_up == pytest.approx(600, abs=2)
    assert len(outlet.stamps) < 10


def test_a_command_is_followed_at_the_next_tick_and_once(free, body, outlet):
    now_ns = run(free, START_NS, 0.1)
    free.receive_command(outlet.stamps[-1], np.array([1.0, 2.0]))
    before = body.steps
    run(free, now_ns, 0.1)
    ((step, command),) = body.commands
    assert step == before
    np.testing.assert_array_equal(command, [1.0, 2.0])


def test_it_waits_for_a_controller_that_is_late_and_then_catches_up(free, outlet):
    outlet.on_state = lambda stamp_ns: free.receive_command(stamp_ns, np.zeros(2))
    now_ns = run(free, START_NS, 0.1)
    outlet.on_state = lambda stamp_ns: None
    now_ns = run(free, now_ns, 0.1)  # this tick is not answered
    said = len(outlet.stamps)
    now_ns = run(free, now_ns, 0.2)
    assert len(outlet.stamps) == said
    outlet.on_state = lambda stamp_ns: free.receive_command(stamp_ns, np.zeros(2))
    free.receive_command(outlet.stamps[-1], np.zeros(2))
    now_ns = run(free, now_ns, 0.2)
    assert set(np.diff(outlet.stamps)) == {PERIOD_NS}
    assert now_ns - outlet.stamps[-1] < 2 * PERIOD_NS


def test_it_does_not_wait_for_a_controller_that_is_gone_or_was_never_there(free, outlet):
    outlet.on_state = lambda stamp_ns: free.receive_command(stamp_ns, np.zeros(2))
    now_ns = run(free, START_NS, 0.1)
    outlet.on_state = lambda stamp_ns: None
    run(free, now_ns, PATIENCE_S + 1.0)
    assert len(outlet.stamps) > 60


def test_reset_drops_the_command(free, body):
    free.receive_command(START_NS, np.zeros(2))
    free.reset()
    free.advance(START_NS)
    assert body.resets == 1 and not body.commands


def test_the_robot_at_home_stands_still_beside_an_object_at_rest_and_follows_a_command():
    task = load_task("snackbox_push")
    robot = open_robot_at_home(task, None, seed=0)
    start, T_object = robot.joint_state()[0], robot.T_world_object
    assert T_object[2, 3] == pytest.approx(task.scene.table_height_m + 0.03, abs=0.003)
    for _ in range(60):
        robot.step()
    np.testing.assert_allclose(robot.joint_state()[0], start, atol=0.03)
    np.testing.assert_allclose(robot.T_world_object, T_object, atol=0.002)
    wanted = start.copy()
    wanted[0] += 0.2
    robot.command(wanted)
    for _ in range(90):
        robot.step()
    assert robot.joint_state()[0][0] == pytest.approx(wanted[0], abs=0.02)
    robot.reset()
    np.testing.assert_allclose(robot.joint_state()[0], start, atol=1e-9)
