"""Tableware made by code: closed, of the stated size, and as symmetric as it says."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from h2s2r_perception.object_model import load_object_model
from h2s2r_sim.objects.revolution import SEGMENTS
from h2s2r_sim.objects.tableware import SHELF, VESSELS, build

SIZES_M = {
    "plate": (0.240, 0.240, 0.026),
    "pitcher": (0.162, 0.116, 0.205),
    "mug": (0.115, 0.084, 0.098),
    "can": (0.068, 0.068, 0.118),
    "bottle": (0.074, 0.074, 0.215),
}
HANDLES = {"mug", "pitcher"}


@pytest.fixture(scope="module", params=sorted(VESSELS))
def shape(request):
    return request.param


def test_a_written_vessel_is_closed_and_of_its_size(shape, tmp_path):
    name = f"{shape}_printed"
    model = load_object_model(SHELF[name].write(tmp_path), SHELF[name].symmetry)  # refuses open surfaces
    np.testing.assert_allclose(model.extent, SIZES_M[shape], atol=0.001)
    assert model.vertices[:, 2].min() == pytest.approx(-SHELF[name].height_m / 2, abs=1e-6)
    assert model.colours is not None
    assert (tmp_path / f"{name}.png").stat().st_size < 60_000


def test_the_surface_is_one_piece_with_a_handle_where_there_is_one(shape):
    surface = build(shape, plain=True)
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume > 0
    assert mesh.body_count == 1
    assert mesh.euler_number == (0 if shape in HANDLES else 2)  # a torus, or a ball


@pytest.mark.parametrize("name", sorted(SHELF))
def test_declared_symmetry_is_that_of_the_mesh_and_its_print(name):
    if name == "snack_box":
        assert SHELF[name].symmetry == "none"
        return
    shape, dress = name.split("_")
    surface = build(shape, plain=dress == "plain")
    angle = 7 * 2 * np.pi / SEGMENTS
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    same_shape = cKDTree(surface.vertices).query(surface.vertices @ turn.T)[0].max() < 1e-6
    shifted = np.roll(surface.texture, surface.texture.shape[1] // 2, axis=1)
    same_print = np.array_equal(shifted, surface.texture)
    assert (SHELF[name].symmetry == "yaw") == (same_shape and same_print)
