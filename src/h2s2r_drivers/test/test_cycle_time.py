"""Stamps of cycles are even and stay with the wall clock; joint states come at exactly their rate."""

import numpy as np
import pytest

from h2s2r_drivers.cycle_clock import CycleClock
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.joint_map import JointMap
from h2s2r_drivers.state_sampler import JointSample, StateSampler


def test_stamps_are_even_although_arrivals_jitter_and_quartzes_differ():
    rng = np.random.default_rng(0)
    wall = [1_795_000_000_000_000_000]
    clock = CycleClock(0.005, lambda: wall[0] + int(rng.exponential(200_000)))
    stamps = []
    for _ in range(20_000):
        wall[0] += 5_000_250  # 50 ppm slow
        stamps.append(clock.advance(1))
    steps = np.diff(stamps)
    assert np.abs(steps - 5_000_000).max() <= 1000
    assert abs(stamps[-1] - wall[0]) < 1_000_000


def test_after_a_sleep_the_wall_clock_is_right_and_time_never_goes_back():
    wall = [10**18]
    clock = CycleClock(0.005, lambda: wall[0])
    first = clock.advance(1)
    wall[0] += 10**10
    assert clock.advance(1) == wall[0]
    wall[0] -= 10**9
    assert clock.advance(1) > first


def test_samples_are_a_sixtieth_apart_and_lie_on_the_line_between_cycles():
    sampler, samples = StateSampler(60.0), []
    for cycle in range(1000):
        stamp_ns = cycle * 5_000_000
        value = np.array([stamp_ns * 1e-9])
        sample = sampler.add(JointSample(stamp_ns, value, value, value))
        if sample is not None:
            samples.append(sample)
    stamps = np.array([sample.stamp_ns for sample in samples])
    assert (np.diff(stamps) == 16_666_667).all()
    assert len(samples) == pytest.approx(300, abs=1)
    np.testing.assert_allclose([sample.position[0] for sample in samples], stamps * 1e-9, atol=1e-9)


def test_joints_are_mapped_by_name_and_unknown_ones_refused():
    joints = JointMap(("a", "b"), others=("c",))
    assert joints.pick(["c", "b", "a"], [3.0, 2.0, 1.0]).tolist() == [1.0, 2.0]
    assert joints.pick(["a", "b"], [1.0, float("nan")])[0] == 1.0, "the guard judges numbers"
    for names, said in ((["a"], "missing"), (["a", "b", "b"], "twice"), (["a", "b", "x"], "not of this robot")):
        with pytest.raises(DriverError, match=said):
            joints.pick(names, [0.0] * len(names))
    with pytest.raises(DriverError, match="2 joint names"):
        joints.pick(["a", "b"], [1.0])
