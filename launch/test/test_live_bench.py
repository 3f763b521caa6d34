"""The live benchmark counts what it says it counts."""

import numpy as np
import pytest

from h2s2r_bringup.live_bench import figures_of
from h2s2r_bringup.nodes.live_probe import Heard

PERIOD_NS = 33_333_333


def heard(answered, *, registration_ns, latency_ns, lost=()):
    """300 frames from 0 on; the first answer comes after the registration, others at once."""
    stamps = [index * PERIOD_NS for index in answered]
    walls = [stamp + (registration_ns if index == 0 else latency_ns) for index, stamp in enumerate(stamps)]
    seen = [index not in lost for index in answered]
    return Heard(
        pose_stamp_ns=[stamp for stamp, ok in zip(stamps, seen, strict=True) if ok],
        pose_wall_ns=[wall for wall, ok in zip(walls, seen, strict=True) if ok],
        answered_stamp_ns=stamps,
        answered_lost=[not ok for ok in seen],
        tracking_ms=[10.0] * len(stamps),
        left_out=44,
        published=300,
    )


def test_rate_and_latency_are_those_after_the_registration():
    figures = figures_of(heard([0, *range(45, 300)], registration_ns=1_500_000_000, latency_ns=25_000_000), 300)
    assert figures["registration_s"] == pytest.approx(1.5)
    assert figures["pose_rate_hz"] == pytest.approx(30.0, rel=1e-3)
    assert figures["latency_ms_p50"] == pytest.approx(25.0)
    assert figures["latency_ms_p99"] == pytest.approx(25.0)
    assert figures["steady_frames_without_answer"] == 0
    assert figures["frames_lost_on_the_way"] == 0
    assert figures["registration_attempts"] == 1


def test_frames_without_an_answer_and_lost_answers_are_counted_apart():
    answered = [0, *(index for index in range(45, 300) if index not in {150, 151, 200})]
    told = heard(answered, registration_ns=1_500_000_000, latency_ns=25_000_000, lost={250, 251})
    figures = figures_of(told, 300)
    assert figures["steady_frames_without_answer"] == 3
    assert figures["steady_lost_answers"] == 2
    assert figures["frames_lost_on_the_way"] == 3
    steady = 300 - 76 - 3 - 2
    assert figures["pose_rate_hz"] == pytest.approx(30.0 * (steady - 1) / (steady - 1 + 5), rel=0.01)


def test_a_recording_too_short_to_settle_has_no_rate():
    figures = figures_of(heard([0], registration_ns=1_500_000_000, latency_ns=0), 45)
    assert figures["pose_rate_hz"] is None and figures["latency_ms_p50"] is None
    assert np.isfinite(figures["registration_s"])
