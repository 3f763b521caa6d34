import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_policy.goal_clock import GoalClockConfiguration, advance
from h2s2r_policy.goal_path import GoalPath

CLOCK = GoalClockConfiguration(pause_distance_m=0.2)


def _advance(phase, distance, speed=1.0, elapsed_s=0.5, duration_s=2.0):
    return advance(CLOCK, np.array(phase), np.array(distance), elapsed_s=elapsed_s, speed=speed, duration_s=duration_s)


def test_the_clock_runs_at_its_speed_and_stops_at_the_end():
    np.testing.assert_allclose(_advance([0.0, 1.0, 1.9], [0.0, 0.1, 0.2], speed=0.8), [0.4, 1.4, 2.0])


def test_the_clock_waits_for_a_lost_object_and_for_one_that_nobody_sees():
    np.testing.assert_array_equal(_advance([0.7, 0.7], [0.2001, np.nan]), [0.7, 0.7])


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30))
def test_the_phase_never_goes_back(distances):
    phase = np.zeros(1)
    for distance in distances:
        later = _advance(phase, [distance], elapsed_s=1 / 15)
        assert 0.0 <= phase[0] <= later[0] <= 2.0
        phase = later


def _path():
    rotation = rotation_from_vector(np.array([[0, 0, 0], [0, 0, 0.4], [0, 0, 0.4]], dtype=float))
    position = np.array([[0, 0, 0], [0.1, 0, 0], [0.1, 0.2, 0]], dtype=float)
    return GoalPath.from_poses(np.array([5.0, 6.0, 8.0]), pose(rotation, position))


def test_the_path_passes_through_its_poses_and_holds_its_ends():
    path = _path()
    assert path.duration_s == 3.0
    T = path.pose(np.array([-1.0, 0.0, 1.0, 3.0, 9.0]))
    expected = path.T_world_object[[0, 0, 1, 2, 2]]
    np.testing.assert_allclose(T, expected, atol=1e-12)


def test_between_poses_position_is_linear_and_rotation_uniform():
    T = _path().pose(np.array([0.5, 2.0]))
    np.testing.assert_allclose(T[:, :3, 3], [[0.05, 0, 0], [0.1, 0.1, 0]], atol=1e-12)
    np.testing.assert_allclose(T[0, :3, :3], rotation_from_vector(np.array([0, 0, 0.2])), atol=1e-12)
