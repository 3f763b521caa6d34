"""Masks from a box, a click, or from nothing but the workspace."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation import Workspace, fit_table_plane, plane_from_height, propose_masks, segment

WORKSPACE = Workspace((0.25, -0.7), (1.05, 0.7), 0.155)


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def box_round(mask, margin=6):
    row, column = np.nonzero(mask)
    return (
        float(column.min() - margin),
        float(row.min() - margin),
        float(column.max() + margin),
        float(row.max() + margin),
    )


@pytest.fixture(scope="module")
def view(scene, at):
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.4))
    return rgb, depth_mm * np.float32(0.001), mask


def test_a_box_gives_the_object_and_the_table_under_it(view, camera_matrix, table_plane):
    rgb, depth_m, truth = view
    mask, plane = segment(rgb, depth_m, camera_matrix, Prompt(0, box=box_round(truth)))
    assert overlap(mask, truth) > 0.75
    assert (mask & ~truth).sum() < 0.02 * mask.sum()
    assert np.degrees(np.arccos(plane[:3] @ table_plane[:3])) < 0.5
    assert abs(plane[3] - table_plane[3]) < 0.005


def test_a_click_gives_the_object(view, camera_matrix):
    rgb, depth_m, truth = view
    row, column = (int(axis.mean()) for axis in np.nonzero(truth))
    mask, _ = segment(rgb, depth_m, camera_matrix, Prompt(0, click=(column, row)))
    assert overlap(mask, truth) > 0.75
    assert (mask & ~truth).sum() < 0.02 * mask.sum()


@pytest.mark.parametrize(
    "prompt", [Prompt(0, box=(10, 200, 60, 235)), Prompt(0, click=(20, 220)), Prompt(0, click=(300, 200))]
)
def test_bare_table_is_an_empty_mask(view, camera_matrix, prompt):
    rgb, depth_m, _ = view
    with pytest.raises(InputError, match=r"empty mask .* draw the box"):
        segment(rgb, depth_m, camera_matrix, prompt, source="my/video")


def test_an_object_without_depth_is_an_empty_mask(view, camera_matrix):
    rgb, depth_m, truth = view
    with pytest.raises(InputError, match="empty mask"):
        segment(rgb, np.where(truth, 0, depth_m).astype(np.float32), camera_matrix, Prompt(0, box=box_round(truth)))


@given(
    normal=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.1),
    distance=st.floats(0.3, 2.0),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_the_plane_is_found_among_outliers_and_faces_the_camera(normal, distance, seed):
    generator = np.random.default_rng(seed)
    unit = np.array(normal) / np.linalg.norm(normal)
    across = np.linalg.svd(unit[None])[2][1:]
    on_plane = generator.uniform(-0.4, 0.4, (600, 2)) @ across - distance * unit + generator.normal(0, 0.001, (600, 3))
    outliers = generator.uniform(-0.5, 0.5, (300, 3)) - distance * unit
    plane = fit_table_plane(np.concatenate([on_plane, outliers]))
    assert plane is not None
    assert plane[3] > 0  # the camera, at the origin, is above it
    assert np.abs(plane[:3] @ unit) > np.cos(np.radians(1.0))
    assert abs(plane[3] - distance) < 0.005


def test_no_plane_in_scattered_points():
    assert fit_table_plane(np.random.default_rng(0).uniform(-1, 1, (500, 3))) is None


def test_the_plane_of_a_height_agrees_with_the_world(scene, table_plane):
    plane = plane_from_height(scene.T_world_camera, 0.155)
    np.testing.assert_allclose(plane, table_plane)
    assert plane[3] == pytest.approx(scene.T_world_camera[2, 3] - 0.155)


@pytest.mark.parametrize("blob", [None, (0.6, -0.21, 0.21), (0.66, -0.1, 0.24)])
def test_without_prompt_the_object_is_proposed_even_with_a_hand_on_it(scene, at, camera_matrix, blob):
    rgb, depth_mm, truth = scene.render(at(0.6, -0.1, 0.4), blob=blob)
    masks = propose_masks(
        rgb, depth_mm * np.float32(0.001), camera_matrix, scene.T_world_camera, WORKSPACE, scene.model
    )
    assert (masks[0] & truth).sum() > 0.9 * masks[0].sum()
    assert (masks[0] & truth).sum() > 0.5 * truth.sum()


def test_nothing_is_proposed_outside_the_workspace(scene, at, camera_matrix):
    rgb, depth_mm, _ = scene.render(at(0.6, -0.1, 0.4))
    elsewhere = Workspace((0.25, 0.2), (1.05, 0.7), 0.155)
    depth_m = depth_mm * np.float32(0.001)
    assert propose_masks(rgb, depth_m, camera_matrix, scene.T_world_camera, elsewhere, scene.model) == []


def test_things_that_touch_are_cut_along_the_crease_between_them(camera_matrix):
    """Two boxes of one colour side by side, the second lower: colour tells nothing."""
    rgb, depth_m, owner = two_touching_boxes(camera_matrix)
    for index in (1, 2):
        mask, _ = segment(rgb, depth_m, camera_matrix, Prompt(0, box=box_round(owner == index, 3)))
        assert overlap(mask, owner == index) > 0.8


def two_touching_boxes(camera_matrix):
    column, row = np.meshgrid(np.arange(320), np.arange(240))
    ray = np.stack([(column - 160) / camera_matrix[0, 0], (row - 120) / camera_matrix[1, 1], np.ones_like(row)], -1)
    # A camera 0.7 m above the table, looking down by 50 deg; boxes face it with their long sides.
    down = np.radians(50.0)
    direction = ray @ np.array([[1, 0, 0], [0, -np.sin(down), -np.cos(down)], [0, np.cos(down), -np.sin(down)]])
    origin, best = np.array([0.0, -0.55, 0.7]), -0.7 / direction[..., 2]
    owner = np.zeros(best.shape, dtype=int)
    for index, (low, high) in enumerate([((-0.12, -0.05, 0), (0, 0.05, 0.14)), ((0, -0.05, 0), (0.12, 0.05, 0.08))], 1):
        with np.errstate(divide="ignore", invalid="ignore"):
            near = np.sort(np.stack([(low - origin) / direction, (high - origin) / direction]), axis=0)
        enter, leave = near[0].max(axis=-1), near[1].min(axis=-1)
        hit = (enter < leave) & (enter < best)
        best, owner = np.where(hit, enter, best), np.where(hit, index, owner)
    generator = np.random.default_rng(0)
    depth_m = (best + generator.normal(0, 0.001, best.shape)).astype(np.float32)
    rgb = np.where(owner[..., None] > 0, [150, 90, 60], [170, 165, 155]) + generator.normal(0, 3, (240, 320, 3))
    return rgb.astype(np.uint8), depth_m, owner


TABLETOP = Path(__file__).parents[4] / "shared" / "data" / "tabletop_rgbd"
K_TABLETOP = np.array([[1066.778, 0.0, 312.987], [0.0, 1067.487, 241.311], [0.0, 0.0, 1.0]])
"""Of the camera of these images, as published with them; depth is in steps of 0.1 mm."""
BOXES = {
    1: {"crackers": (300, 120, 485, 348), "mustard": (320, 200, 408, 456), "can": (398, 245, 470, 382)},
    2: {"can": (302, 150, 412, 322), "lying can": (370, 258, 502, 364), "sugar": (196, 288, 338, 452)},
    3: {"tin": (155, 218, 288, 345), "can": (180, 298, 282, 456), "bowl": (334, 256, 540, 412)},
    4: {"pitcher": (246, 88, 460, 395), "tin": (224, 328, 320, 426), "mustard": (336, 242, 440, 450)},
    5: {"crackers": (98, 22, 282, 262), "bleach": (118, 48, 238, 320), "sugar": (160, 318, 386, 446)},
}
"""Drawn by hand; where boxes overlap, the things touch or hide each other."""


@pytest.mark.skipif(not TABLETOP.is_dir(), reason="the real images of shared/data/tabletop_rgbd are absent")
@pytest.mark.parametrize("image", BOXES)
def test_boxes_on_real_images_give_whole_things_that_do_not_share_pixels(image):
    rgb = cv2.cvtColor(cv2.imread(str(TABLETOP / f"{image:06d}-color.png")), cv2.COLOR_BGR2RGB)
    depth_m = cv2.imread(str(TABLETOP / f"{image:06d}-depth.png"), cv2.IMREAD_UNCHANGED).astype(np.float32) * 1e-4
    taken = np.zeros(depth_m.shape, dtype=int)
    for box in BOXES[image].values():
        mask, plane = segment(rgb, depth_m, K_TABLETOP, Prompt(0, box=tuple(map(float, box))))
        x0, y0, x1, y1 = box_round(mask, 0)
        both = (min(x1, box[2]) - max(x0, box[0])) * (min(y1, box[3]) - max(y0, box[1]))
        union = (x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - both
        assert both > 0.6 * union
        assert plane is not None
        taken += mask
    assert (taken > 1).sum() < 0.01 * (taken > 0).sum()
