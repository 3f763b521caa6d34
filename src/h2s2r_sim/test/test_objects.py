"""The bundled object: what its file says must be what its code makes, and what a task needs."""

import dataclasses
from pathlib import Path

import mujoco
import numpy as np
import pytest
import trimesh
from PIL import Image

from h2s2r_perception.artefact import InputError
from h2s2r_sim.objects import snack_box
from h2s2r_sim.scene import add_object, add_scene, box_inertia, read_obj_vertices
from h2s2r_sim.task import load_task

BUNDLED = Path(snack_box.__file__).with_suffix("")


@pytest.fixture(scope="module")
def mesh():
    loaded = trimesh.load(BUNDLED / "snack_box.obj", process=False)
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    return loaded


def test_the_bundled_files_are_those_the_code_makes(tmp_path):
    snack_box.write_snack_box(tmp_path)
    for name in ("snack_box.obj", "snack_box.mtl"):
        assert (tmp_path / name).read_bytes() == (BUNDLED / name).read_bytes()
    made, kept = (np.asarray(Image.open(folder / "snack_box.png")) for folder in (tmp_path, BUNDLED))
    np.testing.assert_array_equal(made, kept)


def test_it_is_a_closed_box_centred_on_its_origin(mesh):
    assert mesh.is_watertight
    np.testing.assert_allclose(mesh.bounds, np.outer([-0.5, 0.5], snack_box.SIZE_M), atol=1e-9)
    assert mesh.volume == pytest.approx(np.prod(snack_box.SIZE_M))  # positive: the faces point outwards


def test_the_texture_is_small_enough_to_ship():
    assert (BUNDLED / "snack_box.png").stat().st_size < 100_000


def test_half_turns_about_every_axis_change_the_colours():
    image, corners = snack_box.atlas()
    pixels = np.asarray(image, dtype=float)
    faces = {
        f.name: pixels[corners[f.name][1] :, corners[f.name][0] :][: f.size_px[1], : f.size_px[0]]
        for f in snack_box.FACES
    }
    for name, picture in faces.items():
        assert np.abs(picture - picture[::-1, ::-1]).mean() > 15, name
    # A half turn about x or y swaps opposite faces.
    for one, other in (("top", "bottom"), ("front", "back"), ("right", "left")):
        assert np.linalg.norm(faces[one].mean(axis=(0, 1)) - faces[other].mean(axis=(0, 1))) > 60


def test_no_face_is_grey_or_dark():
    image, corners = snack_box.atlas()
    for face in snack_box.FACES:
        x, y = corners[face.name]
        picture = np.asarray(image, dtype=float)[y : y + face.size_px[1], x : x + face.size_px[0]]
        saturation = picture.max(axis=-1) - picture.min(axis=-1)
        assert np.median(saturation) > 100, face.name


@pytest.mark.parametrize("collision", ["box", "hull"])
def test_the_object_weighs_what_the_task_says_and_rests_on_the_table(collision):
    task = load_task("snackbox_push")
    task = dataclasses.replace(task, object=dataclasses.replace(task.object, collision=collision))
    spec = mujoco.MjSpec()
    add_scene(spec, task)
    add_object(spec, task)
    model = spec.compile()
    data = mujoco.MjData(model)
    data.joint("object_free").qpos[:3] = [0.6, -0.15, task.scene.table_height_m + 0.03]
    for _ in range(500):
        mujoco.mj_step(model, data)
    body = model.body("object")
    assert body.mass[0] == pytest.approx(task.object.mass_kg)
    np.testing.assert_allclose(body.inertia, task.object.mass_kg / 12 * np.array([0.0261, 0.0436, 0.0625]))
    np.testing.assert_allclose(data.body("object").xpos, [0.6, -0.15, 0.185], atol=5e-4)
    assert model.geom("object_collision").friction[0] == task.object.friction
    assert model.geom("table").friction[0] == task.scene.table.friction
    assert model.geom("wall_box").friction[0] == task.scene.statics[0].friction


def test_inertia_of_a_cube_is_a_sixth_of_mass_times_edge_squared():
    np.testing.assert_allclose(box_inertia(2.0, np.full(3, 0.5)), np.full(3, 2.0 / 6.0))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("v 200 150 60\nv 0 0 0\nf 1 2 1\n", "millimetres"),
        ("# nothing\n", "vertices"),
        ("v 1 two 3\n", "three numbers"),
    ],
)
def test_an_unusable_mesh_is_refused(tmp_path, content, named):
    path = tmp_path / "bad.obj"
    path.write_text(content)
    with pytest.raises(InputError, match=named):
        read_obj_vertices(path)


def test_a_missing_mesh_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.obj"):
        read_obj_vertices(tmp_path / "gone.obj")
