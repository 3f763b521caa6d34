"""Between 60 Hz targets and the cycle of a driver every limit holds, whatever the stream does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_drivers.interpolation import TargetInterpolator
from h2s2r_drivers.joint_limits import JointLimits

LIMITS = JointLimits(np.array([-2.0, -2.0]), np.array([2.0, 2.0]), np.array([1.5, 3.0]), np.array([10.0, 20.0]))
TARGET_NS, CYCLE_NS = 16_666_667, 5_000_000


def sine(stamp_ns):
    """Within 90 % of the limits."""
    return np.sin(np.array([6.0, 8.0]) * stamp_ns * 1e-9) * np.array([0.22, 0.26])


def play(targets, seconds, *, latency_ns=6_000_000, cycle_ns=CYCLE_NS):
    """The commands `(N, 2)` for targets `(stamp, position)` that arrive this much later."""
    interpolator = TargetInterpolator(LIMITS)
    interpolator.start(targets[0][1], 0)
    waiting, commands = list(targets), []
    for stamp_ns in range(cycle_ns, round(seconds * 1e9), cycle_ns):
        while waiting and waiting[0][0] + latency_ns <= stamp_ns:
            interpolator.pursue(*waiting.pop(0))
        commands.append(interpolator.command(stamp_ns))
    return np.array(commands), interpolator


def check_limits(commands, dt_s=5e-3):
    velocity = np.diff(commands, axis=0) / dt_s
    acceleration = np.diff(velocity, axis=0) / dt_s
    jerk = np.diff(acceleration, axis=0) / dt_s
    assert (np.abs(velocity) <= LIMITS.velocity * (1 + 1e-9)).all()
    assert (np.abs(acceleration) <= LIMITS.acceleration * (1 + 1e-6)).all()
    assert (np.abs(jerk) <= 2 * LIMITS.acceleration / (TARGET_NS * 1e-9) * (1 + 1e-6)).all()
    return jerk


def test_a_stream_within_the_limits_is_followed_late_by_the_stated_lag_and_not_changed_otherwise():
    stamps = np.arange(0, 3_000_000_000, TARGET_NS)
    commands, interpolator = play([(int(s), sine(s)) for s in stamps], 2.9)
    jerk = check_limits(commands)
    times_ns = CYCLE_NS * np.arange(1, len(commands) + 1) - round(1e9 * interpolator.configuration.lag_s)
    expected = sine(times_ns[:, None])
    # It starts moving at full speed, and the averages flatten a crest a little.
    assert np.abs(commands - expected)[200:].max() < 1e-3
    # At 60 Hz the stream's own third difference is what a controller with a jerk limit would keep.
    stream = np.abs(np.diff(sine(stamps[:, None]), n=3, axis=0)).max(axis=0) / (TARGET_NS * 1e-9) ** 3
    assert (np.abs(jerk[200:]).max(axis=0) <= 1.01 * stream).all(), "no stop and go between the rates"


@pytest.mark.parametrize("cycle_ns", [2_000_000, 3_000_000, 5_000_000, 10_000_000])
def test_the_limits_hold_at_every_cycle_a_wire_has(cycle_ns):
    stamps = np.arange(0, 1_500_000_000, TARGET_NS)
    commands, _ = play([(int(s), sine(s)) for s in stamps], 1.4, cycle_ns=cycle_ns)
    check_limits(commands, cycle_ns * 1e-9)


def test_when_targets_run_out_it_brakes_and_stands_and_comes_back_within_the_limits():
    stamps = np.arange(0, 3_000_000_000, TARGET_NS)
    silent = (stamps > 900_000_000) & (stamps < 1_500_000_000)
    commands, interpolator = play([(int(s), sine(s)) for s in stamps[~silent]], 2.9)
    check_limits(commands)
    standing = commands[round(1.4 / 5e-3) : round(1.5 / 5e-3)]
    assert np.ptp(standing, axis=0).max() == 0.0
    end_ns = CYCLE_NS * len(commands) - round(1e9 * interpolator.configuration.lag_s)
    assert np.abs(commands[-1] - sine(end_ns)).max() < 2e-3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=40))
def test_no_stream_however_wild_breaks_a_limit(steps):
    stamps = np.cumsum([milliseconds for milliseconds, _, _ in steps]) * 1_000_000
    targets = [(int(s), np.array([a, b])) for s, (_, a, b) in zip(stamps, steps, strict=True)]
    commands, _ = play([(0, np.zeros(2)), *targets], stamps[-1] * 1e-9 + 0.5)
    velocity = np.diff(commands, axis=0) / 5e-3
    inside = (np.abs(commands) < 2.0 - 1e-9)[2:].all() if len(commands) else True
    assert (np.abs(commands) <= 2.0).all()
    assert (np.abs(velocity) <= LIMITS.velocity * (1 + 1e-9)).all()
    if inside:  # at a position limit itself the limiter stops at once, and the guard behind it judges
        check_limits(commands)
