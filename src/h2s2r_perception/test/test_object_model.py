"""Meshes that perception can use, and those it must refuse by name."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import load_object_model


def test_a_textured_box_keeps_size_surface_and_colour(textured_box):
    model = load_object_model(textured_box)
    np.testing.assert_allclose(model.extent, [0.20, 0.15, 0.06], atol=1e-9)
    on_a_face = np.isclose(np.abs(model.points), model.extent / 2, atol=1e-9)
    assert np.all(on_a_face.any(axis=1))
    # Outward: each normal points away from the centre along the face the sample lies on.
    assert np.all(np.einsum("nk,nk->n", model.normals, model.points) > 0)
    top = model.normals[:, 2] > 0.5
    left, right = top & (model.points[:, 0] < -0.02), top & (model.points[:, 0] > 0.02)
    assert model.colours is not None
    assert model.colours[left, 0].mean() > 150 > model.colours[right, 0].mean()


def test_samples_are_the_same_every_time(textured_box):
    np.testing.assert_array_equal(load_object_model(textured_box).points, load_object_model(textured_box).points)


def test_a_mesh_without_texture_has_no_colours(tmp_path):
    trimesh.creation.box((0.1, 0.1, 0.1)).export(tmp_path / "plain.obj")
    assert load_object_model(tmp_path / "plain.obj").colours is None


def in_millimetres(path):
    trimesh.creation.box((200, 150, 60)).export(path)


def with_a_hole(path):
    mesh = trimesh.creation.box((0.2, 0.15, 0.06))
    mesh.update_faces(np.arange(len(mesh.faces)) != 3)
    mesh.export(path)


def inside_out(path):
    mesh = trimesh.creation.box((0.2, 0.15, 0.06))
    mesh.invert()
    mesh.export(path)


@pytest.mark.parametrize(
    ("make", "field", "found"),
    [
        (in_millimetres, "extent", "200 m"),
        (with_a_hole, "surface", "3 open edges"),
        (inside_out, "surface", "inwards"),
        (lambda path: path.write_text(""), "mesh", ""),
        (lambda path: None, "mesh", "no such file"),
    ],
)
def test_unusable_meshes_are_refused(tmp_path, make, field, found):
    path = tmp_path / "mesh.obj"
    make(path)
    with pytest.raises(InputError) as caught:
        load_object_model(path)
    assert caught.value.field == field
    assert found in caught.value.found


def test_an_unknown_symmetry_is_refused(textured_box):
    with pytest.raises(InputError, match="symmetry"):
        load_object_model(textured_box, symmetry="pitch")
