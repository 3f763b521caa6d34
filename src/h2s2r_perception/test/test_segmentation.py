"""Masks from a box, a click, or from nothing but the workspace."""

from __future__ import annotations

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
