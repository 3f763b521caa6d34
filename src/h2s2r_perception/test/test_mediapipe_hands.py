"""The MediaPipe detector on a real video: found, steady, and found when small."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError

pytest.importorskip("mediapipe", reason="mediapipe is not installed")
from h2s2r_perception.hand_pose.bench import detection_in_video, lift_of_real_hands
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandDetector, MediaPipeHandEstimator

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
VIDEO = DATA / "hand_video" / "human_hand_video.mp4"
needs_video = pytest.mark.skipif(not VIDEO.is_file(), reason=f"no {VIDEO}")


def _frames(step: int, last: int = 10_000):
    video = cv2.VideoCapture(str(VIDEO))
    index = 0
    while video.grab() and index <= last:
        if index % step == 0:
            yield cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB)
        index += 1
    video.release()


@pytest.fixture
def detector():
    made = MediaPipeHandDetector()
    yield made
    made.close()


@needs_video
def test_real_hand_is_found_in_99_percent_of_the_frames():
    figures = detection_in_video(DATA, step=6)
    assert figures["video_frames"] >= 100
    assert figures["video_found_percent"] >= 99.0
    assert figures["video_right_percent"] > 90.0


@pytest.mark.skipif(not (DATA / "hands_real").is_dir(), reason=f"no {DATA / 'hands_real'}")
def test_real_hands_with_simulated_depth_are_lifted_to_a_centimetre():
    figures = lift_of_real_hands(DATA, limit=12)
    assert figures["hands_lifted_percent"] > 90.0
    assert figures["hand_error_mm_p50"] < 12.0
    assert figures["fingertip_error_mm_p50"] < 10.0


def test_absent_data_is_named(tmp_path):
    with pytest.raises(InputError, match="hand_video"):
        detection_in_video(tmp_path)
    with pytest.raises(InputError, match="hands_real"):
        lift_of_real_hands(tmp_path)


@needs_video
def test_small_hand_that_moved_is_found_in_a_crop(detector):
    frame = next(_frames(1))
    small = cv2.resize(frame, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide = np.full((720, 1280, 3), 120, np.uint8)
    detector.detect(wide)
    placed = wide.copy()
    placed[400 : 400 + small.shape[0], 800 : 800 + small.shape[1]] = small
    whole = MediaPipeHandDetector()
    reference = whole.detect(frame)
    whole.close()
    found = detector.detect(placed)
    assert found is not None
    expected = reference.pixels * 0.25 + [800, 400]
    assert np.median(np.linalg.norm(found.pixels - expected, axis=1)) < 6.0


@needs_video
def test_shape_is_that_of_a_human_hand(detector):
    hand = detector.detect(next(_frames(1)))
    middle_finger = np.linalg.norm(np.diff(hand.shape_m[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
    assert 0.13 < middle_finger < 0.22


def test_empty_room_has_no_hand(detector):
    room = np.full((480, 640, 3), 90, np.uint8)
    cv2.rectangle(room, (200, 200), (400, 300), (160, 120, 60), -1)
    assert detector.detect(room) is None
    estimator = MediaPipeHandEstimator()
    assert estimator.estimate(room, np.ones((480, 640), np.float32), np.diag([600.0, 600.0, 1.0])) is None
    estimator.close()


def test_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(InputError, match="pip install"):
        MediaPipeHandDetector()
