"""Machine code and torch are one formula: same poses, same costs, same drawing, whatever is in the terms."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_pose import SignedDistanceTracker, refinement
from h2s2r_perception.object_pose.free_space import FreeSpace
from h2s2r_perception.object_pose.refinement import (
    Terms,
    compiled,
    costs,
    costs_torch,
    distance_to_surface,
    refine,
    refine_torch,
)
from h2s2r_perception.object_pose.signed_distance import signed_distance_field
from h2s2r_perception.object_pose.visibility import visible_surface

CROP = Crop(20, 10, 300, 230, 2)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module")
def truth():
    return pose(rotation_from_vector(np.array([2.5, 0.5, 0.3])), np.array([0.02, -0.01, 0.7]))


@pytest.fixture(scope="module")
def terms(box_model, truth, camera_matrix):
    """Points of the visible surface, a background to the right of it, features in their true place."""
    generator = np.random.default_rng(3)
    surface = visible_surface(box_model, truth, camera_matrix, CROP, 20)
    body = box_model.points[surface.index]
    points = body @ truth[:3, :3].T + truth[:3, 3] + generator.normal(0, 0.001, body.shape)
    pixel = points[:, :2] / points[:, 2:] * 300.0 + [160.0, 120.0]
    features = np.concatenate([body, pixel, np.full((len(body), 1), 2.0)], axis=1)[::30]
    background = np.zeros((110, 140), dtype=bool)
    background[:, int((pixel[:, 0].max() - CROP.x0) / 2) + 2 :] = True
    free_space = FreeSpace.of(background, CROP, camera_matrix)
    return Terms(
        *(a.astype(np.float32) for a in (points,)),
        free_space,
        *(a.astype(np.float32) for a in (box_model.points[:500], features)),
    )


@pytest.fixture(scope="module")
def starts(truth):
    """Eight poses near the truth."""
    generator = np.random.default_rng(7)
    turn, shift = generator.normal(0, 0.08, (8, 3)), generator.normal(0, 0.006, (8, 3))
    return truth @ pose(rotation_from_vector(turn), shift)


def test_machine_code_is_in_use():
    assert compiled() is not None


@pytest.mark.parametrize("device", DEVICES)
def test_one_step_is_the_same_pose(box_model, terms, starts, device):
    field = signed_distance_field(box_model)
    there = signed_distance_field(box_model, device)
    np.testing.assert_allclose(
        refine(field, terms, starts, [0.02]), refine_torch(there, terms, starts, [0.02]), atol=2e-5
    )


@pytest.mark.parametrize("device", DEVICES)
def test_many_steps_end_in_the_same_pose_which_is_the_true_one(box_model, terms, starts, truth, device):
    field = signed_distance_field(box_model)
    scales = np.geomspace(0.03, 0.006, 10)
    fast = refine(field, terms, starts, scales)
    slow = refine_torch(signed_distance_field(box_model, device), terms, starts, scales)
    np.testing.assert_allclose(fast, slow, atol=3e-4)
    np.testing.assert_allclose(fast[:, :3, 3], np.tile(truth[:3, 3], (8, 1)), atol=1.5e-3)


def test_costs_are_the_same_and_least_at_the_truth(box_model, terms, starts, truth):
    field = signed_distance_field(box_model)
    poses = np.concatenate([truth[None], starts])
    fast = costs(field, terms, poses)
    np.testing.assert_allclose(fast, costs_torch(field, terms, poses), atol=1e-4)
    assert fast.argmin() == 0


def test_without_numba_torch_draws_measures_and_tracks_alike(
    box_model, terms, truth, camera_matrix, scene, at, table_plane, monkeypatch
):
    field = signed_distance_field(box_model)
    drawn = visible_surface(box_model, truth, camera_matrix, CROP, 20)
    measured = distance_to_surface(field, truth, terms.points)
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3))
    depth_m = depth_mm * np.float32(0.001)
    fast = SignedDistanceTracker(box_model).register(rgb, depth_m, camera_matrix, mask)
    monkeypatch.setitem(sys.modules, "h2s2r_perception.object_pose.compiled", None)
    monkeypatch.delattr("h2s2r_perception.object_pose.compiled")
    refinement.compiled.cache_clear()
    with pytest.warns(UserWarning, match="pip install numba"):
        assert compiled() is None
    again = visible_surface(box_model, truth, camera_matrix, CROP, 20)
    assert (drawn.silhouette == again.silhouette).mean() > 0.999
    np.testing.assert_allclose(drawn.outline_m, again.outline_m, atol=1e-3)
    np.testing.assert_allclose(measured, distance_to_surface(field, truth, terms.points), atol=1e-5)
    slow = SignedDistanceTracker(box_model).register(rgb, depth_m, camera_matrix, mask)
    np.testing.assert_allclose(fast.T_camera_object, slow.T_camera_object, atol=1e-3)
    refinement.compiled.cache_clear()
