"""Paces against formulas, and limits kept on paths of every kind."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from h2s2r_retarget.time_scaling import paced

VELOCITY, ACCELERATION = np.array([1.0, 2.0]), np.array([4.0, 8.0])


def pace_of(curve, knots):
    grid = np.unique(np.concatenate([np.linspace(a, b, 9) for a, b in pairwise(knots)]))
    begin, end = grid[:-1] + 1e-9, grid[1:] - 1e-9
    return paced(grid, (curve(begin, 1), curve(end, 1)), (curve(begin, 2), curve(end, 2)), VELOCITY, ACCELERATION)


def test_a_straight_path_gets_a_ramp_at_both_ends():
    knots = np.linspace(0.0, 2.0, 21)
    pace = pace_of(PchipInterpolator(knots, np.stack([0.5 * knots, 0.1 * knots], axis=1)), knots)
    # At 0.5 rad/s and 4 rad/s^2 each ramp takes 0.125 s and covers half of what the recording did.
    assert pace.time_s[-1] == pytest.approx(2.0 + 0.125, abs=0.01)
    assert pace.pace[0] == pace.pace[-1] == 0.0 and pace.pace.max() == 1.0


def test_a_path_twice_too_fast_takes_twice_as_long():
    knots = np.linspace(0.0, 3.0, 31)
    pace = pace_of(PchipInterpolator(knots, np.stack([2.0 * knots, 0.0 * knots], axis=1)), knots)
    assert pace.time_s[-1] == pytest.approx(6.0 + 0.25, abs=0.02)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**16), size=st.floats(0.01, 0.1))
def test_no_path_is_followed_faster_than_the_joints_can(seed, size):
    knots = np.linspace(0.0, 0.8, 9)
    curve = PchipInterpolator(knots, np.random.default_rng(seed).normal(0.0, size, (9, 2)))
    pace = pace_of(curve, knots)
    times = np.arange(0.0, pace.time_s[-1], 1e-3)
    recorded = pace.at(times)
    assert (np.diff(recorded) >= 0.0).all() and pace.time_s[-1] >= 0.8
    positions = curve(recorded)
    speed = np.diff(positions, axis=0) / 1e-3
    assert (np.abs(speed).max(axis=0) <= VELOCITY * 1.02).all()
    assert (np.abs(np.diff(speed, axis=0) / 1e-3).max(axis=0) <= ACCELERATION * 1.05).all()
    assert np.abs(curve(pace.at(pace.time_s[-1:])) - curve(0.8)).max() < 1e-9
