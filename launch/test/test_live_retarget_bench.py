"""The benchmark of live retargeting counts what it says it counts."""

import pytest

from h2s2r_bringup.live_retarget_bench import figures_of
from h2s2r_bringup.nodes.live_retarget_probe import Teleoperation

FRAME_NS, TICK_NS = 33_333_333, 16_666_667
START_NS = 1_700_000_000_000_000_000


def heard(*, latency_ns=lambda frame: 8_000_000, missing=()):
    """Ten seconds."""
    told = Teleoperation()
    for frame in range(300):
        stamp = START_NS + frame * FRAME_NS
        told.hands[stamp] = stamp + 1_000_000
        if frame not in missing:
            told.targets[stamp] = stamp + latency_ns(frame)
            told.target_position.append([0.001 * frame, 0.0])
            told.retargeting_ms.append(6.0)
    for tick in range(600):
        told.joint_states[START_NS + tick * TICK_NS] = START_NS + tick * TICK_NS + 500_000
    return told


def test_rate_latency_and_travel_are_those_of_the_targets():
    figures = figures_of(heard())
    assert figures["live_rate_hz"] == pytest.approx(30.0, rel=1e-3)
    assert figures["live_latency_ms_p50"] == figures["live_latency_ms_p99"] == pytest.approx(8.0)
    assert figures["live_joint_states_hz"] == pytest.approx(60.0, rel=1e-3)
    assert figures["live_joint_state_ms_p50"] == pytest.approx(0.5)
    assert figures["live_joint_travel_rad"] == pytest.approx(0.299)
    assert figures["live_hands_without_target"] == 0
    assert figures["live_command_latency_ms_p99"] is None


def test_hands_without_a_target_are_counted_and_the_first_second_is_not():
    figures = figures_of(
        heard(latency_ns=lambda frame: 500_000_000 if frame < 10 else 8_000_000, missing={5, 100, 101, 299})
    )
    assert figures["live_hands_without_target"] == 2  # nobody knows whether the last one would have been answered
    assert figures["live_latency_ms_p99"] == pytest.approx(8.0)
