"""What is ours round FoundationPose: its frames, its side effects, when it is not believed, what is missing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose.agreement import PoseChecker
from h2s2r_perception.object_pose.foundation_pose import FoundationPoseConfiguration, FoundationPoseEstimator


@pytest.fixture
def fake(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "fake_foundation_pose", Path(__file__).with_name("fake_foundation_pose.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    module.repository = str(module.make_checkout(tmp_path))
    yield module
    module.forget_checkout(tmp_path)


@pytest.fixture
def camera_from(scene):
    """`camera_from(T_world_object)`: the same pose in the camera."""
    return lambda T_world_object: np.linalg.inv(scene.T_world_camera) @ T_world_object


class Counted:
    """Passes calls on and counts registrations."""

    def __init__(self, estimator):
        self.estimator, self.count, self.inner = estimator, 0, estimator._estimator
        estimator._estimator = self

    def register(self, **arguments):
        self.count += 1
        return self.inner.register(**arguments)

    def track_one(self, **arguments):
        return self.inner.track_one(**arguments)

    @property
    def pose_last(self):
        return self.inner.pose_last

    @pose_last.setter
    def pose_last(self, value):
        self.inner.pose_last = value


@pytest.fixture
def started(fake, box_model, scene, at, camera_matrix, camera_from):
    """Registered on the box at rest; `see(T, blob, seed)` tracks one more image."""
    estimator = FoundationPoseEstimator(box_model, FoundationPoseConfiguration(fake.repository, mismatch_frames=8))
    counted = Counted(estimator)
    start = at(0.6, -0.1, 0.3)

    def see(T_world_object, blob=None, seed=0, shown=None):
        rgb, depth_mm, mask = scene.render(T_world_object, blob=blob, seed=seed)
        fake.show(camera_from(T_world_object if shown is None else shown))
        depth_m = depth_mm * np.float32(0.001)
        if estimator._camera_matrix is None:
            return estimator.register(rgb, depth_m, camera_matrix, mask)
        return estimator.track(rgb, depth_m)

    see(start)
    return estimator, counted, start, see


def test_poses_are_of_the_mesh_as_it_is_in_its_file(fake, tmp_path, scene, at, camera_matrix, camera_from):
    # Its networks see the mesh about the middle of its bounding box; the file's origin lies elsewhere.
    mesh = trimesh.creation.box((0.20, 0.15, 0.06))
    mesh.apply_translation((0.03, -0.02, 0.05))
    mesh.export(tmp_path / "shifted.obj")
    model = load_object_model(tmp_path / "shifted.obj", "yaw")
    estimator = FoundationPoseEstimator(model, FoundationPoseConfiguration(fake.repository))
    box_in_file = np.eye(4)
    box_in_file[:3, 3] = 0.03, -0.02, 0.05
    truth = at(0.6, -0.1, 0.3) @ np.linalg.inv(box_in_file)
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3))
    fake.show(camera_from(truth))
    estimate = estimator.register(rgb, depth_mm * np.float32(0.001), camera_matrix, mask)
    np.testing.assert_allclose(estimate.T_camera_object, camera_from(truth), atol=1e-5)
    assert estimate.confidence > 0.8
    turns = estimator._estimator.symmetry_tfs
    assert len(turns) == 72
    np.testing.assert_allclose(turns[:, 2, 2], 1.0)
    np.testing.assert_allclose(turns[18, :3, :3], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-9)


def test_a_hand_over_a_third_of_the_object_is_no_mismatch(started):
    _, counted, start, see = started
    estimates = [see(start, blob=(0.6, -0.10, 0.25), seed=seed) for seed in range(10)]
    assert all(not estimate.lost and estimate.confidence >= 0.5 for estimate in estimates)
    assert counted.count == 1


def test_a_wrong_pose_is_not_believed_and_registered_afresh_only_after_its_time(started, at, camera_from):
    estimator, counted, start, see = started
    moved = at(0.66, -0.02, 0.3)
    # A jump that its tracking does not follow: it goes on answering with the old pose, sure of itself.
    estimates = [see(moved, seed=seed) for seed in range(8)]
    assert counted.count == 1
    assert all(estimate.confidence < 0.5 for estimate in estimates)
    assert [estimate.lost for estimate in estimates[:3]] == [False, False, True]
    np.testing.assert_allclose(estimates[-1].T_camera_object, camera_from(start), atol=1e-5)
    found = see(moved, seed=9)
    assert counted.count == 2
    assert not found.lost
    np.testing.assert_allclose(found.T_camera_object, camera_from(moved), atol=1e-5)
    assert estimator.mask.any()


def test_a_short_mismatch_is_forgotten(started, at):
    _, counted, start, see = started
    for _ in range(3):
        for seed in range(7):
            see(at(5.0, 5.0, 0.0), seed=seed, shown=start)
        assert not see(start).lost
    assert counted.count == 1


def test_depth_that_its_filter_removes_is_no_pose(fake, box_model, scene, at, camera_matrix, monkeypatch):
    estimator = FoundationPoseEstimator(box_model, FoundationPoseConfiguration(fake.repository))
    # It then answers with the identity and remembers nothing.
    monkeypatch.setattr(type(estimator._estimator), "register", lambda self, **arguments: np.eye(4))
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3))
    with pytest.raises(InputError, match="depth filter"):
        estimator.register(rgb, depth_mm * np.float32(0.001), camera_matrix, mask)


@pytest.mark.parametrize(
    ("shift_m", "turn_deg", "least", "most"),
    [(0.0, 0.0, 0.9, 1.0), (0.03, 0.0, 0.0, 0.3), (0.0, 15.0, 0.0, 0.7), (0.3, 0.0, 0.0, 0.0)],
)
def test_confidence_falls_with_the_error_of_the_pose(
    box_model, scene, at, camera_matrix, camera_from, shift_m, turn_deg, least, most
):
    rgb, depth_mm, _ = scene.render(at(0.6, -0.1, 0.3))
    images = rgb, depth_mm * np.float32(0.001), camera_matrix
    checker = PoseChecker(box_model)
    checker.learn_colours(*images, camera_from(at(0.6, -0.1, 0.3)))
    wrong = at(0.6, -0.1, 0.3)
    wrong[:3, :3] = wrong[:3, :3] @ rotation_from_vector(np.array([0.0, np.radians(turn_deg), 0.0]))
    wrong[2, 3] += shift_m
    found = checker.check(*images, camera_from(wrong)).confidence
    assert least <= found <= most


def test_what_is_missing_is_said_in_one_line(tmp_path, box_model, monkeypatch):
    spec = importlib.util.spec_from_file_location("fake", Path(__file__).with_name("fake_foundation_pose.py"))
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    with pytest.raises(InputError, match=r"none given.*clone and build"):
        FoundationPoseEstimator(box_model)
    with pytest.raises(InputError, match=r"no estimater\.py"):
        FoundationPoseEstimator(box_model, FoundationPoseConfiguration(str(tmp_path)))
    (tmp_path / "estimater.py").write_text("import a_package_that_nobody_has\n")
    with pytest.raises(InputError, match="Data prepare"):
        FoundationPoseEstimator(box_model, FoundationPoseConfiguration(str(tmp_path)))
    for name in fake.WEIGHTS:
        (tmp_path / "weights" / name).mkdir(parents=True)
        for file in ("config.yml", "model_best.pth"):
            (tmp_path / "weights" / name / file).touch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device"):
        FoundationPoseEstimator(box_model, FoundationPoseConfiguration(str(tmp_path)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InputError, match=r"a_package_that_nobody_has.*build_all\.sh"):
        FoundationPoseEstimator(box_model, FoundationPoseConfiguration(str(tmp_path)))
    sys.path.remove(str(tmp_path))
