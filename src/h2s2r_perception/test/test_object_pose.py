"""Registration and tracking against the pose that was rendered; the mathematics against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_angle, rotation_from_vector
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_pose import SignedDistanceTracker
from h2s2r_perception.object_pose.free_space import FreeSpace, free_space_rows
from h2s2r_perception.object_pose.gauss_newton import damping_of, feature_rows, step, surface_rows
from h2s2r_perception.object_pose.rotations import super_fibonacci
from h2s2r_perception.object_pose.signed_distance import signed_distance_field

HALF = np.array([0.10, 0.075, 0.03])


@pytest.fixture(scope="module")
def field(box_model):
    return signed_distance_field(box_model)


@pytest.fixture
def tracker(box_model, table_plane):
    tracker = SignedDistanceTracker(box_model)
    tracker.set_table_plane(table_plane)
    return tracker


def errors(scene, T_camera_object, T_world_object):
    """Millimetres and degrees."""
    T = scene.T_world_camera @ T_camera_object
    turn = np.degrees(rotation_angle(T[:3, :3], T_world_object[:3, :3]))
    return 1e3 * np.linalg.norm(T[:3, 3] - T_world_object[:3, 3]), float(turn)


def metres(depth_mm):
    return depth_mm * np.float32(0.001)


@pytest.mark.parametrize("yaw", [0.0, 0.9, -2.0, 3.1])
def test_registration_needs_no_first_guess_and_is_not_fooled_by_the_flip(scene, at, tracker, camera_matrix, yaw):
    truth = at(0.58, -0.12, yaw)
    rgb, depth_mm, mask = scene.render(truth)
    estimate = tracker.register(rgb, metres(depth_mm), camera_matrix, mask)
    millimetres, degrees = errors(scene, estimate.T_camera_object, truth)
    assert millimetres < 2.0
    assert degrees < 1.0
    assert estimate.confidence > 0.9
    assert not estimate.lost


def test_tracking_keeps_the_object_while_a_hand_pushes_it(scene, at, tracker, camera_matrix):
    found, overlaps = [], []
    for frame in range(30):
        y = -0.15 + 0.006 * max(0, frame - 8)
        truth = at(0.6, y, 0.1 + 0.006 * max(0, frame - 8))
        blob = (0.6, y - 0.105 - 0.01 * max(0, 8 - frame), 0.21)
        rgb, depth_mm, mask = scene.render(truth, blob=blob, seed=frame)
        if frame == 0:
            estimate = tracker.register(rgb, metres(depth_mm), camera_matrix, mask)
        else:
            estimate = tracker.track(rgb, metres(depth_mm))
        assert not estimate.lost
        found.append(errors(scene, estimate.T_camera_object, truth))
        overlaps.append((tracker.mask & mask).sum() / (tracker.mask | mask).sum())
    median, p95 = np.median(found, axis=0), np.percentile(found, 95, axis=0)
    assert median[0] < 2.0
    assert median[1] < 1.0
    assert p95[0] < 10.0
    assert p95[1] < 5.0
    assert np.median(overlaps) > 0.8


def test_a_covered_object_is_lost_and_found_again(scene, at, tracker, camera_matrix):
    truth = at(0.6, -0.1, 0.3)
    rgb, depth_mm, mask = scene.render(truth)
    tracker.register(rgb, metres(depth_mm), camera_matrix, mask)
    hidden, _, _ = scene.render(at(5.0, 5.0, 0.0))
    in_front = np.full(depth_mm.shape, 400, np.uint16)
    covered = [tracker.track(hidden, metres(in_front)) for _ in range(4)]
    assert [estimate.lost for estimate in covered] == [False, False, True, True]
    assert all(np.all(np.isfinite(estimate.T_camera_object)) for estimate in covered)
    moved = at(0.63, -0.04, 0.9)
    rgb, depth_mm, _ = scene.render(moved)
    for _ in range(8):
        estimate = tracker.track(rgb, metres(depth_mm))
    assert not estimate.lost
    millimetres, degrees = errors(scene, estimate.T_camera_object, moved)
    assert millimetres < 2.0
    assert degrees < 1.0


def test_an_object_that_was_taken_away_is_not_seen_any_more(scene, at, tracker, camera_matrix):
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3))
    tracker.register(rgb, metres(depth_mm), camera_matrix, mask)
    rgb, depth_mm, _ = scene.render(at(5.0, 5.0, 0.0))
    estimates = [tracker.track(rgb, metres(depth_mm)) for _ in range(8)]
    assert all(estimate.confidence < 0.5 for estimate in estimates)
    assert all(estimate.lost for estimate in estimates[2:])
    assert not tracker.mask.any()


def test_misuse_is_named(scene, at, tracker, camera_matrix):
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.3))
    with pytest.raises(RuntimeError, match="before register"):
        tracker.track(rgb, metres(depth_mm))
    with pytest.raises(InputError, match="pixels with depth"):
        tracker.register(rgb, metres(depth_mm), camera_matrix, np.zeros_like(mask))
    with pytest.raises(InputError, match="pixels with depth"):
        tracker.register(rgb, np.zeros_like(depth_mm, dtype=np.float32), camera_matrix, mask)


def test_signed_distance_agrees_with_the_formula_of_a_box(field):
    points = np.random.default_rng(1).uniform(-HALF - 0.03, HALF + 0.03, (3000, 3))
    outside = np.abs(points) - HALF
    exact = np.linalg.norm(np.maximum(outside, 0), axis=1) + np.minimum(outside.max(axis=1), 0)
    distance, gradient = field.sample(torch.as_tensor(points, dtype=torch.float32))
    near = np.abs(exact) < 0.02  # deep inside, faces meet and the grid rounds the ridge between them
    assert np.abs(distance.numpy() - exact)[near].max() < 0.0015
    beside_a_face = (np.sort(outside, axis=1)[:, 1] < -0.016) & (np.abs(exact) < 0.01)
    assert beside_a_face.sum() > 20
    np.testing.assert_allclose(np.linalg.norm(gradient.numpy()[beside_a_face], axis=1), 1.0, atol=0.05)


def test_rotations_cover_everything_evenly():
    rotations = super_fibonacci(384)
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (384, 1, 1)), atol=1e-9)
    random = rotation_from_vector(np.random.default_rng(0).normal(0, 2, (200, 3)))
    nearest = rotation_angle(random[:, None], rotations[None]).min(axis=1)
    assert np.degrees(nearest.max()) < 35.0


def moved(T, xi):
    """`T exp(xi)` for a `[v, w]` in the object's frame."""
    return T @ pose(rotation_from_vector(xi[None, 3:]), xi[None, :3])


def frame_of(K):
    """Of a crop that is the whole image."""
    return (K[0, 0], K[1, 1], K[0, 2], K[1, 2], 0.0, 0.0, 1.0)


def rows_at(term, T):
    return term(T).residual[0].double()


@pytest.mark.parametrize("name", ["surface", "free space", "features"])
def test_jacobians_agree_with_finite_differences(field, box_model, camera_matrix, name):
    T = torch.as_tensor(pose(rotation_from_vector(np.array([0.3, -0.5, 0.2])), np.array([0.02, -0.01, 0.7])))[None]
    field = type(field)(field.grid.double(), field.lower.double(), field.upper.double())
    if name == "surface":
        # Points a little off the faces, away from the edges, where the distance is smooth.
        body = np.array([[0.05, 0.03, 0.034], [-0.04, 0.02, 0.033], [0.105, 0.02, 0.0], [0.01, -0.081, 0.005]])
        points = torch.as_tensor(body) @ T[0, :3, :3].T + T[0, :3, 3]

        def term(T):
            return surface_rows(field, T, points, 0.02)
    elif name == "features":
        features = torch.tensor(
            [[0.05, 0.03, 0.03, 190.0, 140.0, 1.0], [-0.08, 0.01, 0.02, 120.0, 111.0, 1.0]]
        ).double()

        def term(T):
            return feature_rows(T, features, frame_of(camera_matrix), 0.5)
    else:
        background = np.zeros((240, 320), dtype=bool)
        background[:, 190:] = True
        space = FreeSpace.of(background, Crop(0, 0, 320, 240, 1), camera_matrix)
        samples = torch.as_tensor(box_model.points)

        def term(T, weight=1.0):
            return free_space_rows(space.field.double(), space.frame, T, samples, weight)

        reached = term(T).residual[0]
        samples = samples[(reached > 0.004) & (reached < 0.02)][:5]
        assert len(samples) == 5

    jacobian = term(T).jacobian[0].double()
    small = 1e-5
    for axis in range(6):
        xi = torch.zeros(6, dtype=torch.float64)
        xi[axis] = small
        change = (rows_at(term, moved(T, xi)) - rows_at(term, moved(T, -xi))) / (2 * small)
        torch.testing.assert_close(-jacobian[:, axis], change, atol=0.03, rtol=0.05)


def test_a_step_undoes_a_small_displacement(field, box_model):
    T = torch.as_tensor(pose(rotation_from_vector(np.array([2.6, 0.4, 0.2])), np.array([0.0, 0.0, 0.7])))[None].float()
    eye = (inverse(T[0]))[:3, 3].double().numpy()
    facing = np.einsum("nk,nk->n", box_model.normals, box_model.points - eye) < 0
    points = torch.as_tensor(box_model.points[facing]).float() @ T[0, :3, :3].T + T[0, :3, 3]
    start = moved(T, torch.tensor([0.004, -0.003, 0.005, 0.03, -0.02, 0.03]))
    for _ in range(10):
        start = step(start, [surface_rows(field, start, points, 0.02)], damping_of(len(points)))
    assert torch.linalg.vector_norm(start[0, :3, 3] - T[0, :3, 3]) < 0.0015
    assert rotation_angle(start[0, :3, :3], T[0, :3, :3]) < np.radians(0.5)
