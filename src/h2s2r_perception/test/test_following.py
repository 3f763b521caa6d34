"""One object followed both ways through a recording by an estimator that loses it behind a hand."""

from dataclasses import dataclass

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.following import ObjectFollower
from h2s2r_perception.object_pose import PoseEstimate

FRAMES, HIDDEN, SLOW_TO_RECOVER = 40, range(15, 20), 6
SEEN = np.ones((4, 4), dtype=bool)


def _truth(frame: int) -> np.ndarray:
    T = np.eye(4)
    T[:3, 3] = 0.01 * frame, 0.0, 0.5
    return T


@dataclass
class Film:
    """Stands in for a Recording: its colour image holds nothing but the frame's number."""

    frame_count: int = FRAMES
    camera_matrix: np.ndarray = None
    T_world_camera: np.ndarray = None

    def __post_init__(self):
        self.camera_matrix, self.T_world_camera = np.eye(3), np.eye(4)

    def rgb(self, index):
        return np.full((4, 4, 3), index, np.uint8)

    def depth_m(self, index):
        return np.ones((4, 4), np.float32)


class Forgetful:
    """Loses the object behind the hand, and needs some frames after it before it finds it again."""

    def __init__(self, wrong_registration=()):
        self.mask = SEEN
        self.registered_in = []
        self._wrong = set(wrong_registration)

    def register(self, rgb, depth_m, camera_matrix, mask):
        assert mask.any()
        frame = int(rgb[0, 0, 0])
        self.registered_in.append(frame)
        if frame in self._wrong and len(self.registered_in) > 1:
            raise InputError("mask", "pixels", found="few", expected="more", remedy="none")
        self._blind = 0
        return PoseEstimate(_truth(frame), 0.95, lost=False)

    def track(self, rgb, depth_m):
        frame = int(rgb[0, 0, 0])
        if frame in HIDDEN:
            self._blind = SLOW_TO_RECOVER
        elif self._blind > 0:
            self._blind -= 1
        lost = self._blind > 0
        self.mask = np.zeros((4, 4), bool) if lost else SEEN
        return PoseEstimate(np.eye(4) if lost else _truth(frame), 0.0 if lost else 0.9, lost=lost)


def _follow(estimator, first):
    kept, told = {}, []
    follower = ObjectFollower(Film(), estimator, "none", lambda i, mask: kept.__setitem__(i, mask.any()), told.append)
    return follower.both_ways(SEEN, first), kept, told


def test_only_what_is_hidden_from_both_sides_stays_unknown():
    estimator = Forgetful()
    tracks, kept, told = _follow(estimator, 0)
    assert estimator.registered_in == [0, FRAMES - 1]
    one_way = np.flatnonzero(tracks[0].confidence == 0.0)
    both_ways = np.flatnonzero(np.max([track.confidence for track in tracks], axis=0) == 0.0)
    assert one_way.tolist() == list(range(15, 25))
    assert both_ways.tolist() == list(HIDDEN)
    assert [frame for frame in range(FRAMES) if not kept[frame]] == list(HIDDEN)
    assert told == sorted(told)
    for track in tracks:
        known = np.flatnonzero(track.confidence)
        np.testing.assert_allclose(track.T_world_object[known, 0, 3], 0.01 * known)


def test_prompt_in_the_middle_is_followed_to_both_ends_and_back():
    estimator = Forgetful()
    tracks, _, _ = _follow(estimator, 30)
    assert estimator.registered_in == [30, 30, FRAMES - 1, 0]
    both_ways = np.flatnonzero(np.max([track.confidence for track in tracks], axis=0) == 0.0)
    assert both_ways.tolist() == list(HIDDEN)


def test_a_second_registration_that_fails_leaves_the_first_pass():
    tracks, _, _ = _follow(Forgetful(wrong_registration=[FRAMES - 1]), 0)
    assert (tracks[0].confidence > 0.0).sum() == FRAMES - 10
    assert (tracks[1].confidence == 0.0).all()


def test_a_first_registration_that_fails_is_the_users_to_mend():
    estimator = Forgetful(wrong_registration=[0])
    estimator.registered_in.append(-1)
    with pytest.raises(InputError, match="mask"):
        _follow(estimator, 0)
