"""Tracks that ran both ways become one path: disagreements are settled, losses bridged or refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_perception.object_path import ObjectPathConfiguration, refine_object_path
from h2s2r_perception.path_gaps import FILLED_CONFIDENCE, GapConfiguration
from h2s2r_perception.smoothing import smooth_path

FRAMES = 90
STAMPS = np.arange(FRAMES, dtype=np.int64) * 33_333_333
TIME = STAMPS * 1e-9
SURE = np.ones(FRAMES)


def _path(speed: float = 0.3, turn: float = 1.0) -> np.ndarray:
    """Along y while turning about z, at constant speeds [m/s, rad/s]."""
    zero = np.zeros(FRAMES)
    return pose(
        rotation_from_vector(np.stack([zero, zero, turn * TIME], -1)),
        np.stack([zero + 0.6, speed * TIME, zero + 0.2], -1),
    )


def _lost(path: np.ndarray, frames: slice) -> tuple[np.ndarray, np.ndarray]:
    """A track that knows nothing in some frames, and its confidence."""
    track, confidence = path.copy(), SURE.copy()
    track[frames], confidence[frames] = np.eye(4), 0.0
    return track, confidence


def _errors(T: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.linalg.norm(T[:, :3, 3] - truth[:, :3, 3], axis=1), rotation_angle(T[:, :3, :3], truth[:, :3, :3])


def test_constant_motion_passes_unchanged():
    path = refine_object_path(STAMPS, [_path()], [SURE])
    shift, turn = _errors(path.T_world_object, _path())
    assert shift.max() < 1e-6
    assert turn.max() < 1e-4
    assert path.measured.all()


def test_noise_shrinks_and_motion_is_not_delayed():
    random = np.random.default_rng(0)
    noisy = _path()
    noisy[:, :3, 3] += random.normal(0.0, 1e-3, (FRAMES, 3))
    noisy[:, :3, :3] = noisy[:, :3, :3] @ rotation_from_vector(random.normal(0.0, 5e-3, (FRAMES, 3)))
    path = refine_object_path(STAMPS, [noisy], [SURE])
    shift, turn = _errors(path.T_world_object, _path())
    assert shift.mean() < 0.8 * _errors(noisy, _path())[0].mean()
    assert turn.mean() < 0.8 * _errors(noisy, _path())[1].mean()
    along = (path.T_world_object[:, 1, 3] - _path()[:, 1, 3]).mean()
    assert abs(along) < 2e-4  # a delay of one frame would be 1 cm


def test_what_one_direction_lost_the_other_one_saw():
    forwards, sure_forwards = _lost(_path(), slice(30, 60))
    backwards, sure_backwards = _lost(_path(), slice(20, 29))
    path = refine_object_path(STAMPS, [forwards, backwards], [sure_forwards, sure_backwards])
    assert path.measured.all()
    assert _errors(path.T_world_object, _path())[0].max() < 1e-6


def test_a_track_that_slid_off_is_outvoted_by_what_fits_the_motion():
    stolen = _path()
    stolen[40:50, 0, 3] += np.linspace(0.01, 0.08, 10)  # a hand takes it along, then it is found again
    path = refine_object_path(STAMPS, [stolen, _path()], [0.95 * SURE, 0.9 * SURE])
    assert _errors(path.T_world_object, _path())[0].max() < 0.003
    assert path.measured.all()


def test_short_loss_is_bridged_with_less_confidence_the_farther_in():
    track, confidence = _lost(_path(), slice(30, 60))
    path = refine_object_path(STAMPS, [track], [confidence])
    shift, turn = _errors(path.T_world_object, _path())
    assert shift.max() < 1e-5
    assert turn.max() < 5e-3
    assert not path.measured[30:60].any()
    bridge = path.confidence[30:60]
    assert (bridge > 0.0).all()
    assert (bridge < FILLED_CONFIDENCE).all()
    assert bridge[15] < 0.5 * bridge[0]
    assert (path.confidence[:30] >= FILLED_CONFIDENCE).all()


def test_long_loss_in_motion_is_refused_but_not_at_rest():
    track, confidence = _lost(_path(), slice(24, 69))
    with pytest.raises(InputError, match=r"frames 23 to 69.*out of sight for 1\.5 s while it moves"):
        refine_object_path(STAMPS, [track], [confidence])
    track, confidence = _lost(_path(speed=0.0, turn=0.0), slice(25, 69))
    path = refine_object_path(STAMPS, [track], [confidence])
    assert _errors(path.T_world_object, _path(0.0, 0.0))[0].max() < 1e-6
    assert path.confidence[47] < 0.2


def test_lost_ends_hold_the_nearest_pose_or_are_refused_when_it_moved():
    track, confidence = _lost(_path(), slice(0, 5))
    path = refine_object_path(STAMPS, [track], [confidence])
    np.testing.assert_allclose(path.T_world_object[0], path.T_world_object[5])
    track, confidence = _lost(_path(), slice(50, None))
    strict = ObjectPathConfiguration(gaps=GapConfiguration(longest_gap_s=1.0))
    with pytest.raises(InputError, match="frames 49 to 89"):
        refine_object_path(STAMPS, [track], [confidence], strict)
    track, confidence = _lost(_path(0.0, 0.0), slice(50, None))
    path = refine_object_path(STAMPS, [track], [confidence])
    np.testing.assert_allclose(path.T_world_object[-1], path.T_world_object[49])


def test_time_without_frames_is_a_gap_too():
    unplugged = STAMPS.copy()
    unplugged[45:] += 5_000_000_000
    with pytest.raises(InputError, match=r"frames 44 to 45.*5\.0 s while it moves"):
        refine_object_path(unplugged, [_path()], [SURE])
    rested = refine_object_path(unplugged, [_path(0.0, 0.0)], [SURE])
    assert rested.measured.all()


def test_object_that_is_mostly_lost_is_refused():
    confidence = np.zeros(FRAMES)
    confidence[:20] = 1.0
    with pytest.raises(InputError, match="lost in 70 of 90 frames"):
        refine_object_path(STAMPS, [_path()], [confidence])
    with pytest.raises(InputError, match="lost in 90 of 90 frames"):
        refine_object_path(STAMPS, [_path()], [np.zeros(FRAMES)])


def test_quaternions_of_either_sign_make_no_jump():
    # Half a turn and more: the quaternion with positive w changes its sign on the way.
    path = refine_object_path(STAMPS, [_path(turn=2.5)], [SURE])
    assert _errors(path.T_world_object, _path(turn=2.5))[1].max() < 2e-3


def test_spread_in_a_gap_is_that_of_a_brownian_bridge_of_velocity():
    time = np.linspace(0.0, 3.0, 301)
    known = (time <= 1.0 + 1e-9) | (time >= 2.0 - 1e-9)
    variance = np.where(known, 1e-12, np.inf)
    _, spread = smooth_path(time, np.zeros((301, 1)), variance, density=0.02)
    assert spread[150] == pytest.approx(np.sqrt(0.02 * 1.0**3 / 192.0), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.floats(-1.0, 1.0), st.floats(-0.5, 0.5), st.lists(st.integers(0, 59), max_size=40, unique=True))
def test_a_straight_line_is_found_from_whatever_of_it_is_seen(start, slope, unseen):
    time = np.cumsum(np.random.default_rng(3).uniform(0.01, 0.1, 60))
    variance = np.full(60, 1e-6)
    variance[unseen] = np.inf
    values = (start + slope * time)[:, None]
    smooth, spread = smooth_path(time, np.where(np.isfinite(variance)[:, None], values, 99.0), variance, 0.02)
    np.testing.assert_allclose(smooth, values, atol=1e-5)
    assert np.isfinite(spread).all()
