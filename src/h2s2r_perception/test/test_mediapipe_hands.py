"""The MediaPipe detector on real images: found, steady, found when small, and absent things named."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose import bench
from h2s2r_perception.hand_pose.still_image import StillHandDetector, turned_back

pytest.importorskip("mediapipe", reason="mediapipe is not installed")
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandDetector, MediaPipeHandEstimator

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
VIDEO = DATA / "hand_video" / "human_hand_video.mp4"
IMAGES = DATA / "hands_real"
needs_video = pytest.mark.skipif(not VIDEO.is_file(), reason=f"no {VIDEO}")
needs_images = pytest.mark.skipif(not IMAGES.is_dir(), reason=f"no {IMAGES}")


@pytest.fixture(scope="module")
def frame():
    video = cv2.VideoCapture(str(VIDEO))
    image = cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB)
    video.release()
    return image


@pytest.fixture
def detector():
    made = MediaPipeHandDetector()
    yield made
    made.close()


@needs_video
def test_real_hand_is_found_in_99_percent_of_the_frames():
    figures = bench.detection_in_videos(DATA, step=10)
    assert figures["video_frames"] >= 60
    assert figures["video_found_percent"] >= 99.0
    assert figures["video_right_percent"] > 99.0


@needs_images
def test_real_hands_have_the_right_shape_and_none_is_missed():
    figures = bench.accuracy_on_images(DATA, step=8)
    assert figures["hand_missed_fraction"] <= 0.02
    assert figures["hand_pa_mpjpe_mm"] < 10.0
    # The bones of an adult improve on the landmarks alone.
    assert figures["hand_pa_mpjpe_mm"] < figures["hand_pa_mpjpe_landmarks_mm"]
    assert figures["hand_joint_simulated_depth_mm_p50"] < 9.0


@needs_images
def test_images_of_another_size_give_the_same_hand(tmp_path):
    shutil.copytree(IMAGES, tmp_path / "hands_real")
    with np.load(IMAGES / "annotations.npz") as stored:
        few = {name: stored[name][:3] for name in stored.files}
    np.savez(tmp_path / "hands_real" / "annotations.npz", **few)
    before = bench.accuracy_on_images(tmp_path)
    for name in few["image"]:
        path = str(tmp_path / "hands_real" / str(name))
        cv2.imwrite(path, cv2.resize(cv2.imread(path), (170, 190), interpolation=cv2.INTER_AREA))
    after = bench.accuracy_on_images(tmp_path)
    assert before["hand_images"] == after["hand_images"] == 3
    assert after["hand_missed_fraction"] == 0.0
    assert after["hand_pa_mpjpe_mm"] == pytest.approx(before["hand_pa_mpjpe_mm"], abs=1.5)


def test_absent_data_is_named_and_absent_folders_are_null(tmp_path):
    with pytest.raises(InputError, match="hand_video"):
        bench.detection_in_videos(tmp_path)
    with pytest.raises(InputError, match="hands_real"):
        bench.accuracy_on_images(tmp_path)
    assert set(bench.hand_figures(tmp_path).values()) == {None}
    with pytest.raises(InputError, match="neither"):
        bench.run(tmp_path, tmp_path / "out.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints_camera_m": np.zeros((2, 20, 3))}, "joints_camera_m"),
        ({"bbox_xywh_px": np.full((2, 4), np.nan)}, "bbox_xywh_px"),
        ({"camera_fx_fy_cx_cy_px": None}, "camera_fx_fy_cx_cy_px"),
    ],
)
def test_annotations_of_another_layout_are_refused_naming_the_field(tmp_path, change, message):
    good = {
        "image": np.array(["a.jpg", "b.jpg"]),
        "joints_camera_m": np.zeros((2, 21, 3)),
        "bbox_xywh_px": np.ones((2, 4)),
        "camera_fx_fy_cx_cy_px": np.ones((2, 4)),
    }
    (tmp_path / "hands_real").mkdir()
    values = {name: value for name, value in {**good, **change}.items() if value is not None}
    np.savez(tmp_path / "hands_real" / "annotations.npz", **values)
    with pytest.raises(InputError, match=message):
        bench.hand_figures(tmp_path)


def test_an_annotated_image_that_is_missing_is_named(tmp_path):
    (tmp_path / "hands_real").mkdir()
    np.savez(
        tmp_path / "hands_real" / "annotations.npz",
        image=np.array(["images/7.jpg"]),
        joints_camera_m=np.zeros((1, 21, 3)),
        bbox_xywh_px=np.ones((1, 4)),
        camera_fx_fy_cx_cy_px=np.ones((1, 4)),
    )
    with pytest.raises(InputError, match=r"7\.jpg"):
        bench.accuracy_on_images(tmp_path)


@needs_video
def test_small_hand_in_a_large_frame_is_found_where_depth_says_something_came(detector, frame):
    small = cv2.resize(frame, None, fx=0.13, fy=0.13, interpolation=cv2.INTER_AREA)  # the hand: about 60 px
    height, width = small.shape[:2]
    room, depth = np.full((720, 1280, 3), 120, np.uint8), np.full((720, 1280), 1.5, np.float32)
    assert detector.detect(room, depth, 900.0) is None
    room[420 : 420 + height, 800 : 800 + width] = small
    depth[420 : 420 + height, 800 : 800 + width] = 0.8
    whole = MediaPipeHandDetector()
    reference = whole.detect(frame)
    whole.close()
    found = detector.detect(room, depth, 900.0)
    assert found is not None
    assert np.ptp(found.pixels, axis=0).max() < 90.0
    expected = reference.pixels * 0.13 + [800, 420]
    assert np.median(np.linalg.norm(found.pixels - expected, axis=1)) < 5.0


@needs_video
def test_the_window_follows_a_hand_across_the_image(detector, frame):
    small = cv2.resize(frame, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    places = []
    for left in range(0, 1280 - width, 45):
        room = np.full((720, 1280, 3), 120, np.uint8)
        room[300 : 300 + height, left : left + width] = small
        hand = detector.detect(room)
        assert hand is not None
        places.append(hand.pixels[9, 0] - left)
    assert np.ptp(places) < 12.0


@needs_video
def test_still_image_is_found_in_every_turn_with_its_shape_turned_back(frame):
    detector = StillHandDetector()
    upright = detector.find(frame)
    for turns in (1, 2, 3):
        turned = detector.find(np.ascontiguousarray(np.rot90(frame, turns)))
        pixels, shape_m = turned_back(turned.pixels, turned.shape_m, frame.shape[:2], turns)
        assert np.median(np.linalg.norm(pixels - upright.pixels, axis=1)) < 12.0
        middle, expected = shape_m[12] - shape_m[0], upright.shape_m[12] - upright.shape_m[0]
        assert middle @ expected / np.linalg.norm(middle) / np.linalg.norm(expected) > 0.9
    detector.close()


@needs_video
def test_shape_is_that_of_a_human_hand(detector, frame):
    hand = detector.detect(frame)
    middle_finger = np.linalg.norm(np.diff(hand.shape_m[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
    assert 0.13 < middle_finger < 0.22


@needs_video
def test_single_frames_do_not_change_the_side_of_the_hand(detector, frame, monkeypatch):
    import dataclasses

    from h2s2r_perception.hand_pose.mediapipe_graph import HandGraph

    find, sides = HandGraph.find, iter([True, True, True, False, True, False, False, True])
    monkeypatch.setattr(
        HandGraph, "find", lambda self, rgb: dataclasses.replace(find(self, rgb), right=next(sides), score=0.9)
    )
    assert [detector.detect(frame).right for _ in range(8)] == [True] * 8


def test_empty_room_has_no_hand():
    room = np.full((480, 640, 3), 90, np.uint8)
    cv2.rectangle(room, (200, 200), (400, 300), (160, 120, 60), -1)
    estimator = MediaPipeHandEstimator()
    for _ in range(3):
        assert estimator.estimate(room, np.ones((480, 640), np.float32), np.diag([600.0, 600.0, 1.0])) is None
    estimator.close()


def test_missing_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(InputError, match="pip install"):
        MediaPipeHandDetector()
