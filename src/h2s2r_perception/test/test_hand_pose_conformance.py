"""What every hand pose estimator promises; a new one is one entry in `BUILT`.

MediaPipe sees a real hand before a flat depth; HaMeR runs on a stand-in for its package with the real signatures,
before a hand of capsules.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandEstimate
from h2s2r_perception.hand_pose.hamer import HamerConfiguration
from h2s2r_perception.hand_pose.registry import HAND_POSE_ESTIMATORS, make_hand_pose_estimator
from h2s2r_perception.image_points import project

VIDEO = Path(__file__).resolve().parents[4] / "shared" / "data" / "hand_video" / "human_hand_video.mp4"
K = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 180.0], [0.0, 0.0, 1.0]])
DISTANCE_M = 0.6


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Subject:
    """An estimator, images with a hand, images without, and where the hand is [m]."""

    def __init__(self, estimator, hand, empty, middle):
        self.estimator, self.hand, self.empty, self.middle = estimator, hand, empty, middle


def mediapipe_subject(folder):
    pytest.importorskip("mediapipe", reason="mediapipe is not installed")
    if not VIDEO.is_file():
        pytest.skip(f"no {VIDEO}")
    video = cv2.VideoCapture(str(VIDEO))
    rgb = cv2.resize(cv2.cvtColor(video.read()[1], cv2.COLOR_BGR2RGB), (640, 360))
    video.release()
    depth_m = np.full(rgb.shape[:2], DISTANCE_M, np.float32)
    return Subject(make_hand_pose_estimator("mediapipe"), (rgb, depth_m), (np.full_like(rgb, 90), depth_m), None)


def hamer_subject(folder):
    hands, fake = load("capsule_hand"), load("fake_hamer")
    data = fake.install(folder)
    T = hands.facing_camera(0.02, 0.06, DISTANCE_M)
    joints = hands.hand_joints()
    vertices, faces = hands.hand_mesh(joints)
    joints, vertices = hands.placed(joints, T), hands.placed(vertices, T)
    depth_m, mask = hands.depth_image(vertices, faces, K, np.random.default_rng(0))
    middle = joints.mean(axis=0)
    seen = [hands.as_colour_sees_it(points, middle, 0.15, K, principal_point=False) for points in (vertices, joints)]
    fake.show(*seen, faces, K[0, 0])
    rgb = np.full((*mask.shape, 3), 40, np.uint8)
    rgb[mask] = 200, 150, 120
    masks = folder / "hand_masks"
    masks.mkdir()
    for index, shown in enumerate((True, False, True)):
        cv2.imwrite(str(masks / f"{index:05d}.png"), mask.astype(np.uint8) * 255 * shown)
    estimator = make_hand_pose_estimator("hamer", HamerConfiguration(str(data), str(masks), device="cpu"))
    return Subject(estimator, (rgb, depth_m), (np.full_like(rgb, 40), np.zeros_like(depth_m)), middle)


BUILT = {"mediapipe": mediapipe_subject, "hamer": hamer_subject}


@pytest.fixture(params=HAND_POSE_ESTIMATORS)
def subject(request, tmp_path):
    made = BUILT[request.param](tmp_path)
    yield made
    made.estimator.close()
    load("fake_hamer").uninstall(tmp_path)


def test_a_hand_is_estimated_none_is_none_and_it_comes_back(subject):
    rgb, depth_m = subject.hand
    before = rgb.copy(), depth_m.copy()
    first = subject.estimator.estimate(rgb, depth_m, K)
    np.testing.assert_array_equal(rgb, before[0])
    np.testing.assert_array_equal(depth_m, before[1])
    assert isinstance(first, HandEstimate)
    assert first.joints_camera.shape == (21, 3)
    assert first.joints_camera.dtype == np.float64
    assert np.isfinite(first.joints_camera).all()
    assert 0.0 < first.confidence <= 1.0
    assert first.pixels.shape == (21, 2)
    assert np.isfinite(first.pixels).all()
    assert isinstance(first.right, bool | np.bool_)
    # A hand, in metres, in order: fingers grow out of the wrist, and joints are near where they were seen.
    palm = np.linalg.norm(first.joints_camera[9] - first.joints_camera[0])
    assert 0.06 < palm < 0.13
    chain = first.joints_camera[9:13]
    assert (np.linalg.norm(np.diff(chain, axis=0), axis=1) < 0.07).all()
    assert abs(np.median(first.joints_camera[:, 2]) - DISTANCE_M) < 0.06
    assert np.median(np.linalg.norm(project(K, first.joints_camera) - first.pixels, axis=1)) < 25.0
    if subject.middle is not None:
        assert np.linalg.norm(first.joints_camera.mean(axis=0) - subject.middle) < 0.005
    assert subject.estimator.estimate(*subject.empty, K) is None
    again = subject.estimator.estimate(rgb, depth_m, K)
    assert again is not None
    assert np.linalg.norm(again.joints_camera - first.joints_camera, axis=1).mean() < 0.02


def test_every_registered_estimator_is_tested():
    assert set(BUILT) == set(HAND_POSE_ESTIMATORS)


def test_a_name_that_is_not_registered_is_refused():
    with pytest.raises(InputError, match="mediapipe, hamer"):
        make_hand_pose_estimator("wilor")
