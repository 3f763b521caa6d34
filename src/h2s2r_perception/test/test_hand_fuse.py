"""Fusing a hand's path: noise shrinks, jumps vanish, motion is not delayed, absence is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose import fuse_hand_path

FRAMES = 90
STAMPS = np.arange(FRAMES, dtype=np.int64) * 33_333_333


def _moving(speed_m_s: float = 0.3) -> np.ndarray:
    shape = np.random.default_rng(1).normal(0.0, 0.05, (21, 3))
    return shape + np.array([0.0, speed_m_s, 0.0]) * (STAMPS * 1e-9)[:, None, None] + [0.5, 0.0, 0.3]


def test_noise_shrinks_and_constant_motion_is_not_delayed():
    true = _moving()
    noisy = true + np.random.default_rng(2).normal(0.0, 0.006, true.shape)
    path = fuse_hand_path(STAMPS, noisy, np.full(FRAMES, 0.8), 40)
    before = np.linalg.norm(noisy - true, axis=-1)[5:-5]
    after = np.linalg.norm(path.joints_world - true, axis=-1)[5:-5]
    assert after.mean() < 0.6 * before.mean()
    assert np.linalg.norm(path.joints_world[40] - true[40], axis=-1).mean() < 0.45 * before.mean()
    assert abs((path.joints_world - true)[5:-5, :, 1].mean()) < 5e-4


@settings(max_examples=15, deadline=None)
@given(frames=st.sets(st.integers(1, 21), max_size=8), jump_m=st.floats(0.12, 2.0))
def test_single_wrong_frames_are_dropped_wherever_they_are(frames, jump_m):
    true = _moving()
    wrong = true.copy()
    wrong[[4 * frame for frame in frames]] += jump_m
    path = fuse_hand_path(STAMPS, wrong, np.full(FRAMES, 0.8), 40)
    assert np.linalg.norm(path.joints_world - true, axis=-1).max() < 0.01


def test_short_gap_is_bridged_with_less_confidence_and_long_one_stays_unknown():
    joints, confidence = _moving(), np.full(FRAMES, 0.8)
    joints[50:60], confidence[50:60] = np.nan, 0.0
    joints[:35], confidence[:35] = np.nan, 0.0
    path = fuse_hand_path(STAMPS, joints, confidence, 40)
    np.testing.assert_allclose(path.joints_world[50:60], _moving()[50:60], atol=2e-3)
    assert (path.confidence[50:60] == pytest.approx(0.4)) and not path.seen[50:60].any()
    assert np.isnan(path.joints_world[:35]).all() and not path.confidence[:35].any()
    np.testing.assert_array_equal(np.isfinite(path.joints_world).all(axis=(1, 2)), path.confidence > 0.0)


def test_long_gap_stays_unknown():
    joints, confidence = _moving(), np.full(FRAMES, 0.8)
    joints[45:80], confidence[45:80] = np.nan, 0.0
    path = fuse_hand_path(STAMPS, joints, confidence, 35)
    assert np.isnan(path.joints_world[45:80]).all()


def test_premanipulation_frame_without_a_hand_is_filled_from_its_neighbours():
    joints, confidence = _moving(), np.full(FRAMES, 0.8)
    joints[40], confidence[40] = np.nan, 0.0
    path = fuse_hand_path(STAMPS, joints, confidence, 40)
    np.testing.assert_allclose(path.joints_world[40], _moving()[40], atol=1e-3)
    assert path.confidence[40] > 0.0


def test_no_hand_around_the_premanipulation_frame_is_refused_with_the_numbers():
    joints, confidence = _moving(), np.full(FRAMES, 0.8)
    joints[30:50], confidence[30:50] = np.nan, 0.0
    with pytest.raises(InputError, match=r"0 of the 11 frames around frame 40 \(70 of all 90\)"):
        fuse_hand_path(STAMPS, joints, confidence, 40, source="rec")


def test_hands_that_nobody_believes_in_are_refused_and_counted():
    joints, confidence = _moving(), np.full(FRAMES, 0.8)
    confidence[30:50] = 0.04
    with pytest.raises(InputError, match="11 too doubtful to count"):
        fuse_hand_path(STAMPS, joints, confidence, 40)


def test_a_doubtful_frame_moves_the_path_less_than_a_sure_one():
    def pulled_by(chance):
        joints, confidence = _moving(), np.full(FRAMES, 0.9)
        joints[38] += 0.02
        confidence[38] = chance
        return np.abs(fuse_hand_path(STAMPS, joints, confidence, 40).joints_world[40] - _moving()[40]).max()

    assert pulled_by(0.15) < 0.5 * pulled_by(0.9)
