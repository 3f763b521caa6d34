"""No sequence of inputs, however hostile, gets a command outside the limits past the guard."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_drivers.command_guard import CommandGuard, GuardConfiguration, Intervention
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.joint_limits import JointLimits

LIMITS = JointLimits(np.array([-1.0, -0.2]), np.array([1.0, 2.0]), np.array([1.5, 3.0]), np.array([10.0, 20.0]))
GENTLE = replace(LIMITS, jerk=np.array([200.0, 2400.0]))
NAMES = ("shoulder", "elbow")
PERIOD_NS = 16_666_667
HOSTILE = (np.nan, np.inf, -np.inf, 1e300, -1e9, 5.0, -5.0, 1.0, 0.999999, -0.2, 0.0, 1e-12)


class Clock:
    """Feeds a guard at its nominal rate, with perfect tracking unless told otherwise."""

    def __init__(self, limits=LIMITS, **tolerances: float) -> None:
        self.guard = CommandGuard(limits, NAMES, GuardConfiguration(**tolerances))
        self.stamp_ns = 1_000_000_000

    def send(self, command, measured=None, *, elapsed_ns=PERIOD_NS, age_ns=0, target_stamp_ns=None):
        self.stamp_ns += elapsed_ns
        held = self.guard.held_position
        if measured is None:
            measured = np.zeros(2) if held is None else held
        return self.guard.check(
            np.asarray(command, dtype=float),
            stamp_ns=self.stamp_ns,
            measured=np.asarray(measured, dtype=float),
            measured_stamp_ns=self.stamp_ns - age_ns,
            target_stamp_ns=target_stamp_ns,
        )


def test_a_gentle_command_passes_unchanged():
    clock = Clock()
    result = clock.send([0.001, 0.002])
    assert result.violation is None
    np.testing.assert_array_equal(result.command, [0.001, 0.002])


@pytest.mark.parametrize(
    ("limit", "send"),
    [
        ("wrong length", lambda c: c.send([0.0])),
        ("not a number", lambda c: c.send([np.nan, 0.0])),
        ("measurement", lambda c: c.send([0.0, 0.0], measured=[np.inf, 0.0])),
        ("stamp not increasing", lambda c: c.send([0.0, 0.0], elapsed_ns=0)),
        ("stamp not increasing", lambda c: c.send([0.0, 0.0], elapsed_ns=-PERIOD_NS)),
        ("stale joint state", lambda c: c.send([0.0, 0.0], age_ns=150_000_000)),
        ("stale joint state", lambda c: c.send([0.0, 0.0], elapsed_ns=150_000_000)),
        ("stale command", lambda c: c.send([0.0, 0.0], target_stamp_ns=c.stamp_ns - 600_000_000)),
        ("lower position of elbow", lambda c: c.send([0.0, -0.3])),
        ("velocity of shoulder", lambda c: c.send([0.1, 0.0])),
        ("acceleration of elbow", lambda c: c.send([0.0, 0.04])),
        ("tracking error of shoulder", lambda c: c.send([0.0, 0.0], measured=[0.5, 0.0])),
    ],
)
def test_each_limit_holds_latches_and_is_logged(limit, send):
    clock = Clock()
    assert clock.send([0.0, 0.0]).violation is None
    result = send(clock)
    assert limit in result.violation.limit
    np.testing.assert_array_equal(result.command, [0.0, 0.0])
    later = clock.send([0.0005, 0.0])
    assert later.violation is result.violation, "it stays latched"
    np.testing.assert_array_equal(later.command, [0.0, 0.0])
    assert clock.guard.interventions == [result.violation]
    assert f"allowed {result.violation.bound:.6g}" in str(result.violation)
    clock.guard.recover()
    assert clock.send([0.0005, 0.0]).violation is None


def test_a_command_that_could_not_stop_before_its_limit_is_refused():
    clock = Clock()
    position, velocity = np.zeros(2), 0.0
    while True:
        velocity = min(velocity + 9.0 / 60, 1.45)
        position = position + np.array([velocity / 60, 0.0])
        result = clock.send(position)
        if result.violation is not None:
            break
    assert "braking distance of shoulder" in result.violation.limit
    for _ in range(60):
        result = clock.send(position)
    assert 0.9 < result.command[0] <= 1.0, "it stands just inside the limit"


def test_a_clock_that_was_set_back_needs_a_recovery_and_then_counts_from_there():
    clock = Clock()
    clock.send([0.0, 0.0])
    assert clock.send([0.0, 0.0], elapsed_ns=-(10**9)).violation is not None
    clock.guard.recover()
    assert clock.send([0.0005, 0.0]).violation is None


def test_nothing_is_sent_before_a_usable_measurement():
    clock = Clock()
    result = clock.send([0.0, 0.0], measured=[np.nan, 0.0])
    assert result.command is None
    assert "measurement" in result.violation.limit


def test_after_recovery_commands_count_from_where_the_robot_is():
    clock = Clock()
    clock.send([0.0, 0.0])
    assert "tracking" in clock.send([0.0, 0.0], measured=[0.5, 0.0]).violation.limit
    assert clock.guard.recover()
    assert clock.send([0.5005, 0.0], measured=[0.5, 0.0]).violation is None


def test_recovery_waits_until_braking_is_over():
    clock = Clock()
    position, velocity = np.zeros(2), 0.0
    for _ in range(10):
        velocity = min(velocity + 9.0 / 60, 1.4)
        position = position + np.array([velocity / 60, 0.0])
        assert clock.send(position).violation is None
    assert clock.send([np.nan, 0.0]).violation is not None
    assert not clock.guard.recover()
    assert clock.guard.latched is not None
    for _ in range(12):
        held = clock.send([np.nan, 0.0]).command
    assert clock.guard.recover()
    assert clock.send(held, measured=held).violation is None


def test_a_soft_joint_may_be_pressed_further_than_a_stiff_one():
    clock = Clock(tracking_error_rad=(0.35, np.inf))
    clock.send([0.0, 0.0])
    assert clock.send([0.0, 0.0], measured=[0.3, 1.5]).violation is None
    assert "tracking error of shoulder" in clock.send([0.0, 0.0], measured=[0.4, 1.5]).violation.limit
    with pytest.raises(DriverError, match="one or 2 positive numbers"):
        Clock(tracking_error_rad=(0.35, 1.0, 1.0))


def test_limits_that_do_not_fit_the_joints_are_refused():
    with pytest.raises(DriverError, match="expected 3 finite numbers"):
        CommandGuard(LIMITS, ("a", "b", "c"))


class Judge:
    """Asserts that what was sent keeps every limit; follows the sent commands like the guard."""

    def __init__(self):
        self.position, self.velocity, self.interval_s = np.zeros(2), np.zeros(2), 1 / 60

    def restart(self):
        self.velocity, self.interval_s = np.zeros(2), 1 / 60

    def see(self, command, elapsed_ns):
        # The documented convention: stamps within the jitter of a whole number of periods count as such.
        elapsed_s = guard_time(elapsed_ns)
        room = 1.0101
        velocity = (command - self.position) / elapsed_s
        between_s = (elapsed_s + self.interval_s) / 2
        assert np.all(command >= LIMITS.position_lower)
        assert np.all(command <= LIMITS.position_upper)
        assert np.all(np.abs(velocity) <= room * LIMITS.velocity + 1e-9)
        assert np.all(np.abs(velocity - self.velocity) <= room * LIMITS.acceleration * between_s + 1e-6)
        self.position, self.velocity, self.interval_s = command, velocity, elapsed_s


def guard_time(elapsed_ns):
    periods = round(elapsed_ns * 60e-9)
    nominal = periods / 60
    return nominal if periods >= 1 and abs(elapsed_ns * 1e-9 - nominal) <= 0.002 else elapsed_ns * 1e-9


hostile_vector = st.lists(st.one_of(st.sampled_from(HOSTILE), st.floats(width=32)), min_size=0, max_size=3)
plausible = st.tuples(st.floats(-0.03, 0.03), st.floats(-0.06, 0.06))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(hostile_vector, plausible.map(lambda offset: ("near", offset))),
            st.one_of(st.none(), hostile_vector),
            st.sampled_from([PERIOD_NS, PERIOD_NS, PERIOD_NS, 3 * PERIOD_NS, 25_000_000, 10**9]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_hypothesis_finds_no_input_that_passes_a_limit(inputs):
    clock, judge = Clock(), Judge()
    clock.send([0.0, 0.0])
    for wanted, measured, elapsed_ns, recover in inputs:
        if recover and clock.guard.recover():
            judge.restart()
            measured, elapsed_ns = judge.position, PERIOD_NS  # a robot that follows its commands
        command = judge.position + np.asarray(wanted[1]) if isinstance(wanted, tuple) else wanted
        judge.see(clock.send(command, measured, elapsed_ns=elapsed_ns).command, elapsed_ns)


def test_ten_thousand_hostile_steps():
    rng = np.random.default_rng(1)
    clock, judge = Clock(), Judge()
    clock.send([0.0, 0.0])
    passed = 0
    for _ in range(10_000):
        recovered = rng.random() < 0.2 and clock.guard.latched is not None and clock.guard.recover()
        if recovered:
            judge.restart()
        nearly = PERIOD_NS + int(rng.integers(-(10**6), 10**6))
        elapsed_ns = PERIOD_NS if recovered else int(rng.choice([PERIOD_NS, nearly, 5_000_000, 40_000_000]))
        wanted = np.clip(judge.velocity + rng.uniform(-0.2, 0.2, 2), -1.52, 3.03)
        hostile = rng.random() < 0.05
        command = rng.choice(HOSTILE, 2) if hostile else judge.position + wanted * guard_time(elapsed_ns)
        measured = rng.choice(HOSTILE, 2) if rng.random() < 0.02 else None
        result = clock.send(command, judge.position if recovered else measured, elapsed_ns=elapsed_ns)
        judge.see(result.command, elapsed_ns)
        passed += result.violation is None
    assert passed > 500, "the guard is not proven by refusing everything"


def test_a_command_that_is_taken_over_does_not_jump_to_the_measurement():
    clock = Clock()
    clock.guard.start(np.array([0.3, 0.1]))
    result = clock.send([0.3005, 0.1], measured=[0.25, 0.1])
    assert result.violation is None
    np.testing.assert_array_equal(result.command, [0.3005, 0.1])


def test_what_only_the_caller_sees_latches_too():
    clock = Clock()
    clock.send([0.0, 0.0])
    fault = Intervention("quality", 0.0, 2.0, clock.stamp_ns)
    clock.guard.trip(fault)
    assert clock.send([0.001, 0.0]).violation is fault
    clock.guard.start(np.array([0.5, 0.0]))
    np.testing.assert_array_equal(clock.send([0.001, 0.0]).command, [0.5, 0.0])
    assert clock.guard.interventions == [fault]


@pytest.mark.parametrize("spread_ns", [0, 1_500_000, 7_000_000])
def test_a_motion_within_all_limits_passes_however_unevenly_it_is_sampled_and_a_jerky_one_does_not(spread_ns):
    # A sine of growing size, in the end at 90 % of the jerk limit of the shoulder, which keeps the others.
    rate = 30.0
    size = 0.9 * 200.0 / rate**3
    rng = np.random.default_rng(0)
    for factor, passes in ((1.0, True), (1.25, False)):
        clock, elapsed_ns = Clock(GENTLE), 0
        clock.send([0.0, 0.0])
        for _ in range(300):
            step_ns = PERIOD_NS + int(rng.integers(-spread_ns, spread_ns + 1))
            elapsed_ns += round(guard_time(step_ns) * 1e9)
            share = min(elapsed_ns * 1e-9 / 2.0, 1.0)
            ramp = share * share * (3.0 - 2.0 * share)
            result = clock.send([factor * ramp * size * np.sin(rate * elapsed_ns * 1e-9), 0.0], elapsed_ns=step_ns)
            if result.violation is not None:
                break
        if passes:
            assert result.violation is None, str(result.violation)
        elif spread_ns == 0:
            assert "jerk of shoulder" in result.violation.limit


def test_torque_and_heartbeat_latch_where_they_are_given():
    clock = Clock(torque=(20.0, 5.0), stale_heartbeat_s=0.3)
    arguments = {"measured": np.zeros(2)}
    for stamp_ns in range(0, 10 * PERIOD_NS, PERIOD_NS):
        arguments = {"stamp_ns": stamp_ns, "measured": np.zeros(2), "measured_stamp_ns": stamp_ns}
        quiet = clock.guard.check(np.zeros(2), **arguments, torque=np.array([19.0, -4.9]), heartbeat_stamp_ns=stamp_ns)
        assert quiet.violation is None
    arguments = {key: value + PERIOD_NS if key != "measured" else value for key, value in arguments.items()}
    silent = arguments["stamp_ns"] - 400_000_000
    assert "heartbeat" in clock.guard.check(np.zeros(2), **arguments, heartbeat_stamp_ns=silent).violation.limit
    assert clock.guard.recover()
    loud = clock.guard.check(np.zeros(2), **arguments, torque=np.array([0.0, -5.1]))
    assert "torque of elbow" in loud.violation.limit
    assert clock.guard.recover()
    assert "torque" in clock.guard.check(np.zeros(2), **arguments, torque=np.array([np.nan, 0.0])).violation.limit
