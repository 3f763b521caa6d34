"""What every object pose estimator promises, on one ray-cast scene; a new one is one entry in `BUILT`.

FoundationPose runs on a stand-in for its package with the real signatures: what is tested is everything round the
networks.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.object_pose import OBJECT_POSE_ESTIMATORS, PoseEstimate, make_object_pose_estimator
from h2s2r_perception.object_pose.foundation_pose import FoundationPoseConfiguration

PATIENCE_FRAMES = 12
"""How long the stand-in's user waits before it registers afresh; the default is a second."""


def load_fake():
    path = Path(__file__).with_name("fake_foundation_pose.py")
    spec = importlib.util.spec_from_file_location("fake_foundation_pose", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def no_need_to_show(T_camera_object):
    """Estimators that look at the image need not be told."""


@pytest.fixture
def build(request, tmp_path, monkeypatch):
    """`build(name, model)`: an estimator, and how its network is told what the next image shows."""
    fake = load_fake()
    request.addfinalizer(lambda: fake.forget_checkout(tmp_path))

    def make(name, model):
        if name == "signed_distance":
            return make_object_pose_estimator(name, model), no_need_to_show
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        repository = str(fake.make_checkout(tmp_path))
        settings = FoundationPoseConfiguration(repository, mismatch_frames=PATIENCE_FRAMES)
        return make_object_pose_estimator(name, model, settings), fake.show

    return make


class Seen:
    """An estimator before the ray-cast scene."""

    def __init__(self, estimator, show, scene, camera_matrix):
        self.estimator, self.show, self.scene, self.camera_matrix = estimator, show, scene, camera_matrix
        self.truth = np.eye(4)

    def image(self, T_world_object, seed=0):
        rgb, depth_mm, mask = self.scene.render(T_world_object, seed=seed)
        self.truth = np.linalg.inv(self.scene.T_world_camera) @ T_world_object
        self.show(self.truth)
        return rgb, depth_mm * np.float32(0.001), mask

    def register(self, T_world_object):
        rgb, depth_m, mask = self.image(T_world_object)
        before = rgb.copy(), depth_m.copy(), mask.copy()
        estimate = self.estimator.register(rgb, depth_m, self.camera_matrix, mask)
        for now, then in zip((rgb, depth_m, mask), before, strict=True):
            np.testing.assert_array_equal(now, then)
        self.well_formed(estimate, depth_m.shape)
        return estimate, mask

    def track(self, T_world_object, seed=0):
        rgb, depth_m, mask = self.image(T_world_object, seed)
        estimate = self.estimator.track(rgb, depth_m)
        self.well_formed(estimate, depth_m.shape)
        return estimate, mask

    def well_formed(self, estimate, shape):
        assert isinstance(estimate, PoseEstimate)
        T = estimate.T_camera_object
        assert T.shape == (4, 4)
        assert T.dtype == np.float64
        np.testing.assert_allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-5)
        np.testing.assert_array_equal(T[3], [0, 0, 0, 1])
        assert 0.0 <= estimate.confidence <= 1.0
        assert isinstance(estimate.lost, bool | np.bool_)
        assert self.estimator.mask.shape == shape
        assert self.estimator.mask.dtype == np.bool_
        assert torch.get_default_dtype() == torch.float32

    def error(self, estimate):
        """Millimetres and degrees."""
        T = estimate.T_camera_object
        turn = np.degrees(rotation_angle(T[:3, :3], self.truth[:3, :3]))
        return 1e3 * np.linalg.norm(T[:3, 3] - self.truth[:3, 3]), float(turn)

    def overlap(self, mask):
        own = self.estimator.mask
        return (own & mask).sum() / (own | mask).sum()


@pytest.fixture(params=OBJECT_POSE_ESTIMATORS)
def seen(request, build, scene, box_model, camera_matrix, table_plane):
    estimator, show = build(request.param, box_model)
    estimator.set_table_plane(table_plane)
    return Seen(estimator, show, scene, camera_matrix)


def test_it_registers_and_follows(seen, at):
    estimate, mask = seen.register(at(0.60, -0.10, 0.3))
    assert max(seen.error(estimate)) < 2.0
    assert estimate.confidence > 0.8
    assert not estimate.lost
    assert seen.overlap(mask) > 0.8
    for frame in range(1, 6):
        estimate, mask = seen.track(at(0.60, -0.10 + 0.005 * frame, 0.3 + 0.02 * frame), seed=frame)
        assert max(seen.error(estimate)) < 2.5
        assert estimate.confidence > 0.7
        assert not estimate.lost
        assert seen.overlap(mask) > 0.7


def test_tracking_needs_a_registration(seen, at):
    rgb, depth_m, _ = seen.image(at(0.6, -0.1, 0.3))
    with pytest.raises(RuntimeError, match="before register"):
        seen.estimator.track(rgb, depth_m)


def test_a_mask_without_depth_is_refused(seen, at):
    rgb, depth_m, mask = seen.image(at(0.6, -0.1, 0.3))
    with pytest.raises(InputError, match="pixels with depth"):
        seen.estimator.register(rgb, depth_m, seen.camera_matrix, np.zeros_like(mask))
    with pytest.raises(InputError, match="pixels with depth"):
        seen.estimator.register(rgb, np.zeros_like(depth_m), seen.camera_matrix, mask)


def test_an_object_that_was_taken_away_is_lost_where_it_was(seen, at):
    registered, _ = seen.register(at(0.6, -0.1, 0.3))
    gone = [seen.track(at(5.0, 5.0, 0.0))[0] for _ in range(6)]
    assert all(estimate.confidence < 0.5 for estimate in gone)
    assert not gone[0].lost
    assert all(estimate.lost for estimate in gone[2:])
    for estimate in gone:
        np.testing.assert_allclose(estimate.T_camera_object, registered.T_camera_object, atol=0.003)
    assert not seen.estimator.mask.any()


def test_a_lost_object_is_found_again_by_itself(seen, at):
    seen.register(at(0.6, -0.1, 0.3))
    for _ in range(4):
        seen.track(at(5.0, 5.0, 0.0))
    for frame in range(3 * PATIENCE_FRAMES):
        estimate, mask = seen.track(at(0.63, -0.04, 0.9), seed=frame)
        if not estimate.lost and estimate.confidence > 0.7:
            break
    assert not estimate.lost
    assert max(seen.error(estimate)) < 2.5
    assert seen.overlap(mask) > 0.7


def test_registering_again_forgets_the_first_object(seen, at):
    seen.register(at(0.6, -0.1, 0.3))
    estimate, _ = seen.register(at(0.7, 0.2, -1.0))
    assert max(seen.error(estimate)) < 2.0
    assert not estimate.lost


def test_a_name_that_is_not_registered_is_refused(box_model):
    with pytest.raises(InputError, match="signed_distance, foundation_pose"):
        make_object_pose_estimator("foundationpose", box_model)
