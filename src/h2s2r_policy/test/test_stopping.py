"""The quickest way to rest: it ends at rest, within the limits, and its closed form is what integrating it gives."""

import numpy as np
import pytest

from h2s2r_policy.stopping import stopping

LIMIT, JERK = np.array([6.75, 20.0]), np.array([135.0, 2025.0])


@pytest.fixture
def starts():
    rng = np.random.default_rng(0)
    size = rng.choice([1.0, 0.1, 0.01], (500, 1))
    return size * rng.uniform(-2.0, 2.0, (500, 2)), rng.uniform(-1.0, 1.0, (500, 2)) * LIMIT


def _path(stop, count=2000):
    times = np.linspace(0.0, 1.01 * stop.duration_s.max(), count)
    return times, *(np.array(part) for part in zip(*(stop.after(time) for time in times), strict=True))


def test_it_ends_at_rest_within_the_limits_and_velocity_is_the_change_of_position(starts):
    times, moved, velocity, acceleration = _path(stopping(*starts, limit=LIMIT, jerk=JERK))
    step = times[1]
    assert np.all(velocity[-1] == 0.0)
    assert np.all(acceleration[-1] == 0.0)
    assert np.all(np.abs(acceleration) <= LIMIT + 1e-9)
    assert np.all(np.abs(np.diff(acceleration, axis=0)) <= JERK * step + 1e-9)
    np.testing.assert_allclose(np.diff(moved, axis=0) / step, (velocity[1:] + velocity[:-1]) / 2, atol=1e-5)
    np.testing.assert_allclose(np.diff(velocity, axis=0), step * (acceleration[1:] + acceleration[:-1]) / 2, atol=1e-4)


def test_the_way_is_where_it_goes(starts):
    stop = stopping(*starts, limit=LIMIT, jerk=JERK)
    _, moved, _, _ = _path(stop)
    rest, lowest, highest = stop.way()
    np.testing.assert_allclose(rest, moved[-1], atol=1e-12)
    np.testing.assert_allclose(lowest, moved.min(axis=0), atol=1e-6)
    np.testing.assert_allclose(highest, moved.max(axis=0), atol=1e-6)
    times = np.linspace(0.0, 0.4, 9)[:, None, None]
    np.testing.assert_allclose(stop.moved(times), [stop.after(time)[0] for time in times[:, 0, 0]], atol=1e-12)


def test_who_asks_again_on_the_way_is_told_the_rest_of_it(starts):
    stop = stopping(*starts, limit=LIMIT, jerk=JERK)
    for time in (0.001, 1 / 60, 0.1):
        moved, velocity, acceleration = stop.after(time)
        again = stopping(velocity, acceleration, limit=LIMIT, jerk=JERK)
        np.testing.assert_allclose(moved + again.way()[0], stop.way()[0], atol=1e-12)


def test_nobody_stops_earlier():
    # The least way of all sequences of jerks within the same limits, a linear program.
    from scipy.optimize import linprog

    velocity, acceleration, steps, dt = 0.8, 2.0, 60, 0.005
    ones = np.tril(np.ones((steps, steps)))
    a_of_j, v_of_j = dt * ones, dt * dt * (ones @ ones)
    p_of_j, v0 = dt * v_of_j.sum(axis=0), velocity + acceleration * dt * np.arange(1, steps + 1)
    result = linprog(
        p_of_j,
        A_ub=np.concatenate([a_of_j, -a_of_j, -v_of_j]),
        b_ub=np.concatenate([np.full(steps, LIMIT[0] - acceleration), np.full(steps, LIMIT[0] + acceleration), v0]),
        A_eq=np.stack([a_of_j[-1], v_of_j[-1]]),
        b_eq=[-acceleration, -v0[-1]],
        bounds=(-JERK[0], JERK[0]),
    )
    least = result.fun + dt * v0.sum()
    stop = stopping(np.array([[velocity]]), np.array([[acceleration]]), limit=LIMIT[:1], jerk=JERK[:1])
    assert stop.way()[0][0, 0] == pytest.approx(least, abs=2 * dt * velocity)
