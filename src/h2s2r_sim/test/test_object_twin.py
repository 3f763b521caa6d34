"""A scan becomes an object: metres, closed, coloured, of the right mass, and it rests on a table in the physics."""

from __future__ import annotations

import json

import mujoco
import numpy as np
import pytest
import trimesh
import yaml
from PIL import Image

from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import load_object_model
from h2s2r_sim.scene import add_object, add_scene
from h2s2r_sim.task import load_task
from h2s2r_sim.twin_building import ObjectTwinConfiguration, build_object_twin
from h2s2r_sim.twin_building.closing import close, wrap
from h2s2r_sim.twin_building.convex_parts import inside_any
from h2s2r_sim.twin_building.mass_properties import check_inertia, mass_properties
from h2s2r_sim.twin_building.scan import read_scan
from h2s2r_sim.twin_building.simplification import deviation, simplify
from h2s2r_sim.twin_building.texture_baking import bake

RADIUS, WALL, HEIGHT, FLOOR = 0.04, 0.005, 0.09, 0.006


def cup():
    """A square cup (quick to split into parts), open at the top, standing on z = 0; RADIUS is to its corners."""
    profile = [(0, 0), (RADIUS, 0), (RADIUS, HEIGHT), (RADIUS - WALL, HEIGHT), (RADIUS - WALL, FLOOR), (0, FLOOR)]
    mesh = trimesh.creation.revolve(np.array(profile, dtype=float), sections=4)
    mesh.merge_vertices()
    if mesh.volume < 0:
        mesh.invert()
    return mesh


CUP_VOLUME = 2 * (RADIUS**2 * HEIGHT - (RADIUS - WALL) ** 2 * (HEIGHT - FLOOR))


@pytest.fixture(scope="module")
def cup_twin(tmp_path_factory):
    """The artefact made from a scan in millimetres with y up and its origin somewhere."""
    folder = tmp_path_factory.mktemp("cup")
    scan = cup()
    scan.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))  # z up becomes y up
    scan.apply_translation([0.3, -0.2, 0.1])
    scan.apply_scale(1000.0)
    scan.export(folder / "scan.stl")
    configuration = ObjectTwinConfiguration("cup", mass_kg=0.2, up="y", symmetry="yaw")
    figures = build_object_twin(folder / "scan.stl", folder / "cup", configuration)
    return folder, figures


def test_unit_axis_and_centre_are_settled(cup_twin):
    folder, figures = cup_twin
    assert figures["assumptions"] == ["the file is in mm: its largest edge is 9.0 cm"]
    model = load_object_model(folder / "cup" / "cup.obj", "yaw")  # metres, watertight, outward
    np.testing.assert_allclose(model.extent, [2 * RADIUS, 2 * RADIUS, HEIGHT], atol=1e-4)
    # The floor makes the lower half heavier: the origin is the centre of mass, not the middle of the box.
    low = model.vertices[:, 2].min()
    walls, floor = 2 * (RADIUS**2 - (RADIUS - WALL) ** 2) * HEIGHT, 2 * (RADIUS - WALL) ** 2 * FLOOR
    assert -low == pytest.approx((walls * HEIGHT / 2 + floor * FLOOR / 2) / (walls + floor), rel=0.01)
    assert figures["volume_litre"] == pytest.approx(1000 * CUP_VOLUME, rel=0.02)
    assert figures["closing"] == "none"


def test_convex_parts_leave_the_cup_hollow(cup_twin):
    folder, figures = cup_twin
    parts = [trimesh.load(path, force="mesh") for path in sorted((folder / "cup" / "parts").glob("*.obj"))]
    assert 5 <= len(parts) == figures["parts"] <= 16
    assert all(part.is_convex for part in parts)
    axis = np.stack([np.zeros(20), np.zeros(20), np.linspace(0.0, 0.04, 20)], axis=1)
    assert (inside_any(parts, axis) < -0.012).all()  # a finger fits in
    assert figures["parts_overhang_mm_p95"] < 4.0
    assert figures["parts_uncovered_mm_p95"] < 2.0


def test_it_rests_on_the_table_and_a_ball_falls_into_it(cup_twin, tmp_path):
    folder, _ = cup_twin
    snippet = yaml.safe_load((folder / "cup" / "object.yaml").read_text())
    task_file = folder / "cup_task.yaml"
    table = {"name": "table", "size_m": [1, 1, 0.05], "position_m": [0.5, 0, 0.1]}
    task_file.write_text(
        yaml.safe_dump({"name": "cup_task", "embodiment": "iiwa14_allegro", "scene": {"table": table}} | snippet)
    )
    task = load_task(task_file)
    spec = mujoco.MjSpec()
    add_scene(spec, task)
    body = add_object(spec, task)
    model = load_object_model(task.object.mesh, "yaw")
    body.pos = [0.5, 0.0, task.scene.table_height_m - model.vertices[:, 2].min() + 0.002]
    ball = spec.worldbody.add_body(name="ball", pos=[0.505, 0.0, task.scene.table_height_m + 0.2])
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.012, 0, 0], mass=0.01)
    physics = spec.compile()
    assert physics.body("object").mass[0] == pytest.approx(0.2)
    data = mujoco.MjData(physics)
    mujoco.mj_resetData(physics, data)
    for _ in range(int(2.0 / physics.opt.timestep)):
        mujoco.mj_step(physics, data)
    T, position = data.body("object").xmat.reshape(3, 3), data.body("object").xpos
    lowest = (model.vertices @ T.T + position)[:, 2].min()
    assert abs(lowest - task.scene.table_height_m) < 0.001  # no penetration, no hovering
    assert T[2, 2] > 0.9995
    assert np.linalg.norm(data.qvel[:6]) < 0.01
    inside = T.T @ (data.body("ball").xpos - position)
    assert np.hypot(inside[0], inside[1]) < RADIUS and inside[2] < 0.0


def test_mass_and_inertia_are_those_of_the_formulas():
    box = trimesh.creation.box((0.2, 0.1, 0.05))
    weighed = mass_properties(box, mass_kg=0.8, density_kg_m3=None, source="box")
    assert weighed.density_kg_m3 == pytest.approx(800.0)
    expected = 0.8 / 12 * np.array([0.1**2 + 0.05**2, 0.2**2 + 0.05**2, 0.2**2 + 0.1**2])
    np.testing.assert_allclose(weighed.six(), [*expected, 0, 0, 0], atol=1e-12)
    dense = mass_properties(box, mass_kg=None, density_kg_m3=800.0, source="box")
    assert dense.mass_kg == pytest.approx(0.8)


def test_masses_that_cannot_be_are_refused():
    box = trimesh.creation.box((0.2, 0.1, 0.05))
    for mass, density, text in (
        (None, None, "either"),
        (0.1, 700.0, "either"),
        (13.0, None, "density"),
        (None, 1.0, "mass: expected"),
    ):
        with pytest.raises(InputError, match=text):
            mass_properties(box, mass_kg=mass, density_kg_m3=density, source="box")
    with pytest.raises(InputError, match="sum of the other two"):
        check_inertia(np.diag([1.0, 1.0, 3.0]), "box")


def test_a_doubtful_unit_is_asked_for(tmp_path):
    trimesh.creation.box((45.0, 40.0, 30.0)).export(tmp_path / "box.stl")
    with pytest.raises(InputError, match=r"45 cm as cm, 4\.5 cm as mm"):
        read_scan(tmp_path / "box.stl")
    assert np.ptp(read_scan(tmp_path / "box.stl", "mm").vertices, axis=0).max() == pytest.approx(0.045)
    with pytest.raises(InputError, match="45 m as m"):
        read_scan(tmp_path / "box.stl", "m")
    with pytest.raises(InputError, match="no such file"):
        read_scan(tmp_path / "cup.stl")


def test_a_hole_is_capped_and_crumbs_are_dropped():
    box = trimesh.creation.box((0.1, 0.08, 0.06)).subdivide().subdivide()
    crumb = trimesh.creation.icosphere(radius=0.002)
    crumb.apply_translation([0.3, 0, 0])
    open_box = box.copy()
    open_box.update_faces(open_box.triangles_center[:, 2] > -0.0299)  # as scanned on a table: no underside
    scan = trimesh.util.concatenate([open_box, crumb])
    closed = close(scan.vertices, scan.faces, "scan")
    assert (closed.method, closed.dropped_parts) == ("capped", 1)
    assert closed.mesh.is_watertight
    assert closed.mesh.volume == pytest.approx(0.1 * 0.08 * 0.06, rel=1e-6)
    assert 0.1 < closed.capped_share < 0.3


def test_a_surface_no_cap_mends_is_wrapped():
    a, b = trimesh.creation.box((0.1, 0.08, 0.06)), trimesh.creation.box((0.05, 0.04, 0.12))
    b.apply_translation([0.01, 0.0, 0.03])
    both = trimesh.util.concatenate([a, b])
    torn = both.subdivide().subdivide()
    torn.update_faces(np.arange(len(torn.faces)) % 37 != 0)  # holes that touch, and faces inside
    wrapped = wrap(torn, cells=40)
    assert wrapped.is_watertight
    union = 0.1 * 0.08 * 0.06 + 0.05 * 0.04 * (0.09 - 0.03)
    whole = wrap(both, cells=40)
    assert whole.volume == pytest.approx(union, rel=0.05)
    assert deviation(whole, wrapped).p95_m < 0.012


def test_an_open_sheet_is_refused():
    sheet = trimesh.creation.box((0.1, 0.1, 0.0001))
    sheet.update_faces(sheet.triangles_center[:, 2] > 0.0)
    with pytest.raises(InputError, match="scan the object from all sides"):
        close(sheet.vertices, sheet.faces, "scan")


def test_simplifying_states_what_it_costs():
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.05)
    few = simplify(ball, 2000)
    assert len(few.faces) <= 2000 and few.is_watertight
    cost = deviation(ball, few)
    assert 0.0 < cost.p95_m < 0.0005
    assert few.volume == pytest.approx(ball.volume, rel=0.01)


def test_colours_survive_a_new_mesh(tmp_path):
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.05)
    red = ball.vertices[:, 0] > 0
    ball.visual.vertex_colors = np.where(red[:, None], [220, 30, 30, 255], [30, 30, 220, 255]).astype(np.uint8)
    ball.export(tmp_path / "ball.ply")
    figures = build_object_twin(
        tmp_path / "ball.ply",
        tmp_path / "ball",
        ObjectTwinConfiguration("ball", density_kg_m3=500.0, unit="m", face_budget=1500, collision="hull"),
    )
    assert figures["faces"] <= 1500 < figures["scan_faces"]
    model = load_object_model(tmp_path / "ball" / "ball.obj")
    clear = np.abs(model.points[:, 0]) > 0.003
    is_red = model.colours[:, 0] > model.colours[:, 2]
    assert (is_red == (model.points[:, 0] > 0))[clear].mean() > 0.99


def test_a_texture_is_kept_as_it_is(textured_scan, tmp_path):
    configuration = ObjectTwinConfiguration("box", mass_kg=0.3, unit="m", collision="box")
    build_object_twin(textured_scan, tmp_path / "box", configuration)
    before, after = load_object_model(textured_scan), load_object_model(tmp_path / "box" / "box.obj")
    np.testing.assert_array_equal(before.texture, after.texture)
    np.testing.assert_array_equal(before.colours, after.colours)
    fields = json.loads((tmp_path / "box" / "meta.json").read_text())
    assert fields["coloured"] and fields["quality"]["surface_deviation_mm_max"] < 1e-3


def test_a_baked_texture_shows_the_same_colours(textured_scan):
    scan = read_scan(textured_scan, "m")
    mesh = close(scan.vertices, scan.faces, "scan").mesh.subdivide()
    baked = bake(mesh, scan)
    samples, face = trimesh.sample.sample_surface(mesh, 500, seed=1)
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[face], samples)
    uv = np.einsum("nk,nkc->nc", weights, baked.face_uv[face])
    size = len(baked.texture)
    shown = baked.texture[((1 - uv[:, 1]) * size).astype(int), (uv[:, 0] * size).astype(int)]
    expected = np.where(samples[:, :1] > 0, [200, 40, 40], [40, 160, 60])
    clear = np.abs(samples[:, 0]) > 0.003
    assert (np.abs(shown.astype(int) - expected)[clear].max(axis=1) < 20).mean() > 0.98


@pytest.fixture(scope="module")
def textured_scan(tmp_path_factory):
    """A box whose right half is red and left half green, as an OBJ with a texture."""
    folder = tmp_path_factory.mktemp("textured")
    box = trimesh.creation.box((0.12, 0.08, 0.06))
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (40, 160, 60), (200, 40, 40)
    uv = np.stack([box.vertices[:, 0] / 0.12 * 0.98 + 0.5, np.full(8, 0.5)], axis=1)
    box.visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(picture))
    box.export(folder / "box.obj")
    return folder / "box.obj"


def test_a_task_says_parts_and_their_folder_together(tmp_path):
    base = {
        "name": "t",
        "embodiment": "iiwa14_allegro",
        "scene": {"table": {"name": "table", "size_m": [1, 1, 0.05], "position_m": [0.5, 0, 0.1]}},
    }
    entry = {"mesh": "m.obj", "mass_kg": 0.1, "friction": 0.5}
    for extra in ({"collision": "parts"}, {"collision": "hull", "parts": "parts"}):
        (tmp_path / "t.yaml").write_text(yaml.safe_dump({**base, "object": entry | extra}))
        with pytest.raises(InputError, match=r"object\.parts"):
            load_task(tmp_path / "t.yaml")
