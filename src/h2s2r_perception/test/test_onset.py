"""The motion detector: where an object starts, however it moves, and silence where it does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.onset import OnsetConfiguration, detect_motion, object_speed

PERIOD_NS = 33_333_333


def _stamps(frames: int) -> np.ndarray:
    return np.arange(frames, dtype=np.int64) * PERIOD_NS


def _ramp(frames: int, start: int, end: int) -> np.ndarray:
    """0 before `start`, 1 after `end`, minimum jerk between."""
    s = np.clip((np.arange(frames) - start) / (end - start), 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


def _path(shift: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Shift along y [m], turn about z [rad]."""
    zero = np.zeros_like(shift)
    return pose(
        rotation_from_vector(np.stack([zero, zero, turn], -1)), np.stack([zero + 0.6, shift - 0.15, zero + 0.2], -1)
    )


def test_push_is_bracketed_and_hand_frame_is_one_second_before():
    ramp = _ramp(165, 60, 135)
    motion = detect_motion(_stamps(165), _path(0.25 * ramp, 0.0 * ramp))
    assert 60 <= motion.start <= 68  # the slow first millimetres are below the threshold
    assert 127 <= motion.end <= 135
    assert motion.premanipulation_index == motion.start - 30
    # What is cut off is negligible against the success limit of 30 mm.
    assert 0.25 * ramp[motion.start] < 0.003
    assert 0.25 * (1.0 - ramp[motion.end]) < 0.003


def test_window_does_not_lead_by_more_than_half_its_length():
    abrupt = np.clip((np.arange(120) - 60) * 0.2 / 30.0, 0.0, 0.2)
    motion = detect_motion(_stamps(120), _path(abrupt, 0.0 * abrupt))
    assert 56 <= motion.start <= 61


def test_turn_in_place_is_found():
    ramp = _ramp(120, 50, 80)
    motion = detect_motion(_stamps(120), _path(0.0 * ramp, 1.0 * ramp))
    assert 50 <= motion.start <= 56
    assert 74 <= motion.end <= 80


@settings(max_examples=20, deadline=None)
@given(delay=st.integers(0, 40), seed=st.integers(0, 2**16))
def test_shifting_the_sequence_shifts_the_onset(delay, seed):
    ramp = _ramp(110, 45, 90)
    path = _path(0.2 * ramp, 0.3 * ramp)
    path[:, :3, 3] += np.random.default_rng(seed).normal(0.0, 3e-4, (110, 3))
    later = np.concatenate([np.repeat(path[:1], delay, axis=0), path])
    early, late = detect_motion(_stamps(110), path), detect_motion(_stamps(110 + delay), later)
    assert (late.start, late.end) == (early.start + delay, early.end + delay)
    assert late.premanipulation_index == early.premanipulation_index + delay


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), amplitude_m=st.floats(0.0, 5e-4))
def test_noise_below_the_threshold_never_triggers(seed, amplitude_m):
    # A bounded error e makes a slope of at most e sum|k| / (dt sum k^2) = 10 e /s for 9 frames.
    random = np.random.default_rng(seed)
    path = _path(np.zeros(90), random.uniform(-1.0, 1.0, 90) * amplitude_m)
    path[:, :3, 3] += random.uniform(-1.0, 1.0, (90, 3)) * amplitude_m
    configuration = OnsetConfiguration()
    assert object_speed(_stamps(90), path, configuration).max() < configuration.speed_threshold_m_s
    with pytest.raises(InputError, match="object motion"):
        detect_motion(_stamps(90), path, configuration)


def test_single_glitch_of_the_tracker_is_no_motion():
    ramp = _ramp(165, 90, 140)
    path = _path(0.25 * ramp, 0.0 * ramp)
    path[30, 1, 3] += 0.02
    assert detect_motion(_stamps(165), path).start >= 90


def test_pause_belongs_to_the_motion():
    shift = 0.1 * _ramp(200, 50, 80) + 0.1 * _ramp(200, 120, 150)
    motion = detect_motion(_stamps(200), _path(shift, 0.0 * shift))
    assert motion.start < 60
    assert motion.end > 140


def test_motion_soon_after_the_start_clips_the_hand_frame():
    ramp = _ramp(90, 15, 60)
    assert detect_motion(_stamps(90), _path(0.25 * ramp, 0.0 * ramp)).premanipulation_index == 0


def test_object_moving_from_the_first_frame_is_refused():
    shift = np.linspace(0.0, 0.3, 60)
    with pytest.raises(InputError, match="first frame"):
        detect_motion(_stamps(60), _path(shift, 0.0 * shift), source="rec")


def test_speed_is_that_of_the_motion():
    shift = np.linspace(0.0, 0.3, 91)
    speed = object_speed(_stamps(91), _path(shift, shift * 2.0), OnsetConfiguration())
    np.testing.assert_allclose(speed, 0.1 + 0.1 * 0.2, rtol=1e-6)
