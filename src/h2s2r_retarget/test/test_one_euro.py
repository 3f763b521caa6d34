"""The one-euro filter: calm at rest, quick in motion, the same at every rate and in every frame of axes."""

import numpy as np
import pytest

from h2s2r_perception.geometry import rotation_angle, rotation_from_vector
from h2s2r_retarget.live import OneEuroConfiguration, OneEuroFilter, OneEuroRotation

CALM = OneEuroConfiguration(minimum_cutoff_hz=1.0, beta_hz_s=0.0)
QUICK = OneEuroConfiguration(minimum_cutoff_hz=1.0, beta_hz_s=20.0)


def filtered(configuration, stamps, points):
    one_euro = OneEuroFilter(configuration)
    return np.stack([one_euro(stamp, point) for stamp, point in zip(stamps, points, strict=True)])


def test_the_first_point_passes_as_it_is():
    point = np.array([[1.0, -2.0, 3.0]])
    np.testing.assert_array_equal(OneEuroFilter(CALM)(5.0, point), point)


@pytest.mark.parametrize("rate_hz", [15.0, 30.0, 120.0])
def test_a_step_is_answered_by_the_exponential_of_the_cutoff_at_every_rate(rate_hz):
    stamps = np.arange(0.0, 1.0 + 1e-9, 1.0 / rate_hz)
    points = np.where(stamps[:, None] > 0.0, [0.3, 0.0, -0.4], 0.0)
    expected = (1.0 - np.exp(-2.0 * np.pi * stamps))[:, None] * [0.3, 0.0, -0.4]
    np.testing.assert_allclose(filtered(CALM, stamps, points), expected, atol=1e-12)


def test_frames_left_out_change_nothing_where_the_signal_stands():
    every, third = np.arange(31) / 30.0, np.arange(0, 31, 3) / 30.0
    ends = [filtered(CALM, s, np.where(s[:, None] > 0.0, [0.1, 0.2, 0.3], 0.0))[-1] for s in (every, third)]
    np.testing.assert_allclose(*ends, atol=1e-12)


def test_a_second_frame_of_the_same_stamp_and_one_from_the_past_say_nothing_new():
    one_euro = OneEuroFilter(QUICK)
    one_euro(1.0, np.zeros(3))
    known = one_euro(1.1, np.ones(3))
    for stamp in (1.1, 0.5):
        np.testing.assert_array_equal(one_euro(stamp, 9.0 * np.ones(3)), known)


def test_noise_at_rest_is_reduced_and_a_moving_point_lags_little():
    rng, stamps = np.random.default_rng(0), np.arange(600) / 30.0
    noise = rng.normal(0.0, 0.003, (600, 21, 3))
    still = filtered(QUICK, stamps, noise)[30:]
    assert still.std() < 0.5 * noise.std()
    path = np.stack([0.5 * stamps, 0.0 * stamps, 0.0 * stamps], axis=-1)  # 0.5 m/s
    lag_m = np.abs(filtered(QUICK, stamps, path)[60:] - path[60:]).max()
    calm_lag_m = np.abs(filtered(CALM, stamps, path)[60:] - path[60:]).max()
    assert lag_m < 0.01 and calm_lag_m > 0.05


def test_each_point_of_a_batch_has_a_speed_of_its_own():
    rng, stamps = np.random.default_rng(1), np.arange(60) / 30.0
    points = np.cumsum(rng.normal(0.0, [[0.001], [0.03]], (60, 2, 3)), axis=0)
    together = filtered(QUICK, stamps, points)
    for row in range(2):
        np.testing.assert_array_equal(together[:, row], filtered(QUICK, stamps, points[:, row]))


def test_the_axes_do_not_matter():
    rng, stamps = np.random.default_rng(2), np.arange(60) / 30.0
    points = np.cumsum(rng.normal(0.0, 0.01, (60, 5, 3)), axis=0)
    R = rotation_from_vector(np.array([0.3, -0.8, 1.1]))
    np.testing.assert_allclose(filtered(QUICK, stamps, points @ R.T), filtered(QUICK, stamps, points) @ R.T, atol=1e-12)


def test_rotations_answer_a_step_by_the_same_exponential_and_stay_rotations():
    turn = rotation_from_vector(np.array([0.0, 1.2, 0.5]))
    whole = rotation_angle(np.eye(3), turn)
    one_euro = OneEuroRotation(CALM)
    one_euro(0.0, np.eye(3))
    for frame in range(1, 31):
        R = one_euro(frame / 30.0, turn)
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
        left = rotation_angle(R, turn)
        assert left == pytest.approx(whole * np.exp(-2.0 * np.pi * frame / 30.0), abs=1e-6)


def test_reset_forgets():
    one_euro, rotation = OneEuroFilter(CALM), OneEuroRotation(CALM)
    one_euro(0.0, np.zeros(3)), rotation(0.0, np.eye(3))
    one_euro.reset(), rotation.reset()
    R = rotation_from_vector(np.array([1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(one_euro(0.1, np.ones(3)), np.ones(3))
    np.testing.assert_array_equal(rotation(0.1, R), R)
