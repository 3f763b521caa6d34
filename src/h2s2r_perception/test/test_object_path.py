"""Cleaning the object's path: lost frames are bridged, noise shrinks, motion is neither bent nor delayed."""

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_perception.object_path import clean_object_path

FRAMES = 60
STAMPS = np.arange(FRAMES, dtype=np.int64) * 33_333_333


def _path() -> np.ndarray:
    """0.3 m/s along y while turning 1 rad/s about z."""
    time = STAMPS * 1e-9
    zero = np.zeros(FRAMES)
    return pose(
        rotation_from_vector(np.stack([zero, zero, time], -1)), np.stack([zero + 0.6, 0.3 * time, zero + 0.2], -1)
    )


def test_constant_motion_passes_unchanged():
    cleaned = clean_object_path(STAMPS, _path(), np.ones(FRAMES))
    np.testing.assert_allclose(cleaned, _path(), atol=1e-9)


def test_noise_shrinks():
    random = np.random.default_rng(0)
    noisy = _path()
    noisy[:, :3, 3] += random.normal(0.0, 1e-3, (FRAMES, 3))
    noisy[:, :3, :3] = noisy[:, :3, :3] @ rotation_from_vector(random.normal(0.0, 5e-3, (FRAMES, 3)))
    cleaned = clean_object_path(STAMPS, noisy, np.ones(FRAMES))
    inner = slice(3, -3)
    assert np.std(cleaned[inner, :3, 3] - _path()[inner, :3, 3]) < 0.6e-3
    turn = rotation_angle(cleaned[:, :3, :3], _path()[:, :3, :3])[inner]
    assert turn.mean() < 0.6 * rotation_angle(noisy[:, :3, :3], _path()[:, :3, :3])[inner].mean()


def test_lost_frames_are_bridged_along_the_geodesic():
    confidence = np.ones(FRAMES)
    confidence[20:35] = 0.0
    lost = _path()
    lost[20:35] = np.eye(4)
    np.testing.assert_allclose(clean_object_path(STAMPS, lost, confidence), _path(), atol=1e-6)


def test_lost_ends_hold_the_nearest_pose():
    confidence = np.ones(FRAMES)
    confidence[:5], confidence[-5:] = 0.0, 0.0
    lost = _path()
    lost[:5], lost[-5:] = np.eye(4), np.eye(4)
    cleaned = clean_object_path(STAMPS, lost, confidence)
    np.testing.assert_allclose(cleaned[0], _path()[5], atol=1e-9)
    np.testing.assert_allclose(cleaned[-1], _path()[-6], atol=1e-9)


def test_object_that_is_mostly_lost_is_refused():
    confidence = np.zeros(FRAMES)
    confidence[:20] = 1.0
    with pytest.raises(InputError, match="lost in 40 of 60 frames"):
        clean_object_path(STAMPS, _path(), confidence)
    with pytest.raises(InputError, match="lost in 60 of 60 frames"):
        clean_object_path(STAMPS, _path(), np.zeros(FRAMES))
