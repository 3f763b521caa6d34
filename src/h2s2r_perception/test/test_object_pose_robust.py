"""What must not capture the tracker: a hand before the object, its double beside it; and what it remembers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose import SignedDistanceTracker
from h2s2r_perception.object_pose.appearance import Appearance
from h2s2r_perception.object_pose.background import StaticBackground
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.features import AnchoredFeatures
from h2s2r_perception.object_pose.refinement import Terms, refine, refine_torch
from h2s2r_perception.object_pose.signed_distance import signed_distance_field
from h2s2r_perception.object_pose.view import without_noise
from h2s2r_perception.object_pose.visibility import visible_surface

WHOLE = Crop(0, 0, 320, 240, 1)


def metres(depth_mm):
    return depth_mm * np.float32(0.001)


def together(first, second):
    """One image of two scenes that differ in where the object stands: the nearer surface wins."""
    rgb, depth_mm = first[0].copy(), first[1].copy()
    nearer = (second[1] > 0) & ((depth_mm == 0) | (second[1] < depth_mm - 8))
    rgb[nearer], depth_mm[nearer] = second[0][nearer], second[1][nearer]
    return rgb, depth_mm


def with_hand(image, T_camera_object, K, radius_px=75):
    """The same with a skin-coloured disc 35 cm before the camera that hides the object."""
    rgb, depth_mm = image[0].copy(), image[1].copy()
    centre = K @ T_camera_object[:3, 3]
    disc = np.zeros(depth_mm.shape, np.uint8)
    cv2.circle(disc, tuple(np.rint(centre[:2] / centre[2]).astype(int).tolist()), radius_px, 1, -1)
    rgb[disc > 0], depth_mm[disc > 0] = (205, 150, 125), 350
    return rgb, depth_mm


@pytest.fixture
def tracker(box_model, table_plane):
    tracker = SignedDistanceTracker(box_model)
    tracker.set_table_plane(table_plane)
    return tracker


def test_its_double_beside_it_does_not_take_its_place_while_a_hand_covers_it(scene, at, tracker, camera_matrix):
    truth, moved = at(0.60, -0.16, 0.2), at(0.60, -0.14, 0.3)
    double = scene.render(at(0.60, 0.09, 0.2), seed=50)[:2]
    rgb, depth_mm, mask = scene.render(truth)
    T_camera_world = np.linalg.inv(scene.T_world_camera)
    first = together((rgb, depth_mm), double)
    tracker.register(first[0], metres(first[1]), camera_matrix, mask)
    for frame in range(12):
        image = together(scene.render(truth, seed=frame)[:2], double)
        covered = frame >= 3
        if covered:
            image = with_hand(image, T_camera_world @ truth, camera_matrix)
        estimate = tracker.track(image[0], metres(image[1]))
    assert estimate.lost
    assert estimate.confidence < 0.2
    for frame in range(3):
        image = together(scene.render(moved, seed=20 + frame)[:2], double)
        estimate = tracker.track(image[0], metres(image[1]))
    assert not estimate.lost
    T = scene.T_world_camera @ estimate.T_camera_object
    assert np.linalg.norm(T[:3, 3] - moved[:3, 3]) < 0.003
    assert rotation_angle(T[:3, :3], moved[:3, :3]) < np.radians(2.0)


def test_a_declared_symmetry_is_not_turned_about(textured_box, camera_matrix, scene, at):
    model = load_object_model(textured_box, "yaw")
    truth = np.linalg.inv(scene.T_world_camera) @ at(0.6, -0.1, 0.0)
    surface = visible_surface(model, truth, camera_matrix, WHOLE, 10)
    points = (model.points[surface.index] @ truth[:3, :3].T + truth[:3, 3]).astype(np.float32)
    from h2s2r_perception.object_pose.free_space import FreeSpace

    nothing = FreeSpace.of(np.zeros((240, 320), dtype=bool), WHOLE, camera_matrix)
    start = truth @ pose(rotation_from_vector(np.array([0.03, 0.0, 0.2])), np.array([0.004, 0.0, 0.004]))
    terms = Terms(points, nothing, model.points[:300].astype(np.float32), hold_yaw=True)
    field = signed_distance_field(model)
    for solved in (refine, refine_torch):
        T = solved(field, terms, start[None], np.geomspace(0.02, 0.005, 9))[0]
        turn = (start[:3, :3].T @ T[:3, :3]).T
        assert abs(turn[0, 1]) < 0.01  # a free box would turn back by 0.2 rad


def test_still_pixels_are_background_and_uncovered_ones_are_learned():
    generator = np.random.default_rng(0)
    wall = np.full((240, 320), 1.5, np.float32)
    own = np.zeros((240, 320), dtype=bool)
    own[100:140, 100:160] = True
    background = StaticBackground()
    background.begin(np.where(own, np.float32(1.0), wall), own)

    def measured(object_column):
        depth = wall + generator.normal(0, 0.002, wall.shape).astype(np.float32)
        depth[100:140, object_column : object_column + 60] = 1.0
        return depth

    now = measured(100)
    background.check(now)
    seen = background.seen(WHOLE, now)
    assert seen[~own].mean() > 0.9
    assert not seen[own].any()
    for _ in range(10):  # the object moves on: what it stood before comes to light
        now, elsewhere = measured(200), np.zeros_like(own)
        elsewhere[98:142, 198:262] = True
        background.check(now)
        background.learn(WHOLE, now, elsewhere)
    seen = background.seen(WHOLE, measured(200))
    assert seen[100:140, 100:160].mean() > 0.9
    hand = measured(200)
    hand[50:90, 50:90] = 0.6
    assert background.before(WHOLE, hand)[50:90, 50:90].all()
    background.learn(WHOLE, hand, np.zeros_like(own))
    assert not background.seen(WHOLE, hand)[50:90, 50:90].any()


def test_a_moved_camera_has_no_background():
    background, depth = StaticBackground(), np.full((240, 320), 1.5, np.float32)
    background.begin(depth, np.zeros((240, 320), dtype=bool))
    background.check(depth + np.float32(0.2))
    assert not background.seen(WHOLE, depth).any()


def test_the_print_tells_a_box_from_itself_turned_round(scene, at, box_model, camera_matrix):
    truth = np.linalg.inv(scene.T_world_camera) @ at(0.6, -0.1, 0.4)
    rgb, _, _ = scene.render(at(0.6, -0.1, 0.4))
    turned = truth @ pose(rotation_from_vector(np.array([0.0, 0.0, np.pi])), np.zeros(3))
    appearance, explained = Appearance(box_model), []
    for T in (truth, turned):
        surface = visible_surface(box_model, T, camera_matrix, WHOLE, 10)
        colours = rgb[surface.pixels[:, 0], surface.pixels[:, 1]]
        appearance.forget()
        appearance.learn(surface.index, T[:3, :3], colours)
        explained.append(appearance.explains(surface.index, T[:3, :3], colours))
    assert explained[0] > explained[1] + 0.2


def test_features_follow_the_object_and_stay_where_they_were_put(scene, at, box_model, camera_matrix):
    T_camera_world = np.linalg.inv(scene.T_world_camera)
    features = AnchoredFeatures(signed_distance_field(box_model))
    for step, y in enumerate((-0.10, -0.095, -0.09)):
        T = T_camera_world @ at(0.6, y, 0.4)
        rgb, depth_mm, mask = scene.render(at(0.6, y, 0.4), seed=step)
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        if step:
            before = T_camera_world @ at(0.6, y - 0.005, 0.4)
            found = features.follow(gray, WHOLE, before, camera_matrix)
            assert len(found) > 8
            point = found[:, :3] @ T[:3, :3].T + T[:3, 3]
            expected = point[:, :2] / point[:, 2:] * 300.0 + [160.0, 120.0]
            assert np.median(np.linalg.norm(expected - found[:, 3:5], axis=1)) < 0.7
        features.settle(gray, T, camera_matrix, mask, metres(depth_mm), WHOLE)


def test_a_hand_that_comes_is_learned_and_a_hand_like_the_object_is_not():
    rgb = np.zeros((60, 60, 3), np.uint8)
    rgb[:] = 60, 60, 60
    rgb[20:40, 20:40] = 200, 40, 40
    mask = np.zeros((60, 60), dtype=bool)
    mask[20:40, 20:40] = True
    model = ColourModel.learn(rgb, mask, ~mask)
    skin, red = np.full((200, 3), (205, 150, 125), np.uint8), np.full((200, 3), (200, 40, 40), np.uint8)
    assert not model.knowing(skin).matches(skin[None]).any()
    assert model.knowing(skin).matches(rgb)[mask].all()
    assert model.knowing(red).matches(rgb)[mask].all()


def test_strong_noise_is_smoothed_within_surfaces_only():
    random = np.random.default_rng(0)
    depth = np.full((80, 100), 0.80, np.float32)
    depth[:, 50:] = 0.90  # an edge of 10 cm
    noisy = (depth + random.normal(0.0, 0.004, depth.shape)).astype(np.float32)
    noisy[10:14, 10:14] = 0.0
    smooth = without_noise(noisy)
    known = noisy > 0
    assert ((smooth > 0) == known).all()
    assert np.std((smooth - depth)[known]) < 0.4 * 0.004
    assert abs(float((smooth - depth)[:, 48:52][known[:, 48:52]].mean())) < 0.001
    quiet = (depth + random.normal(0.0, 0.001, depth.shape)).astype(np.float32)
    assert without_noise(quiet) is quiet
