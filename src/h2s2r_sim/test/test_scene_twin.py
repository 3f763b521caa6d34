"""A rendered table with boxes and a robot: the twin of the scene has their sizes, and finds where the camera is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
import yaml

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_perception.recording import RecordingWriter
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.rendering.camera import Camera
from h2s2r_sim.rendering.sensor import RgbdSensor
from h2s2r_sim.task import SceneSpec, load_task
from h2s2r_sim.twin_building.depth_view import DepthView, box_mask
from h2s2r_sim.twin_building.level_table import find_table
from h2s2r_sim.twin_building.open3d_library import open3d
from h2s2r_sim.twin_building.registration import RegistrationSettings, register_robot
from h2s2r_sim.twin_building.robot_surface import robot_mesh, sample_outside
from h2s2r_sim.twin_building.scene_boxes import find_boxes, table_rectangle
from h2s2r_sim.twin_building.scene_twin import SceneTwinConfiguration, build_scene_twin, find_scene
from h2s2r_sim.twin_building.twin_view import render_twin, twin_parts, view_twin

CAMERA = Camera.look_at((1.25, -0.75, 0.85), (0.58, 0.0, 0.17), focal_length_px=610.0, width=640, height=480)
TABLE = ((0.7, 0.8, 0.04), (0.62, 0.02, 0.135), 0.1)  # upper face at 0.155
BOXES = [
    ((0.20, 0.12, 0.10), (0.60, 0.15, 0.205), 0.35),
    ((0.08, 0.10, 0.18), (0.45, -0.14, 0.245), -0.5),
    ((0.14, 0.06, 0.04), (0.75, -0.15, 0.175), 0.1),
]


def box_mesh(size, position, yaw):
    mesh = trimesh.creation.box(size)
    mesh.apply_transform(pose(rotation_from_vector(np.array([0.0, 0.0, yaw])), np.array(position)))
    return mesh


def depth_of(meshes, camera=CAMERA):
    """True z-depth `(H, W)` [m] of meshes in the world."""
    o3d = open3d()
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    for mesh in meshes:
        scene.add_triangles(
            o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
        )
    column, row = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    ray = np.stack([column, row, np.ones_like(row)], axis=-1) @ np.linalg.inv(camera.camera_matrix).T
    T = np.asarray(camera.T_world_camera)
    rays = np.concatenate([np.broadcast_to(T[:3, 3], ray.shape), ray @ T[:3, :3].T], axis=-1).astype(np.float32)
    hit = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()
    return np.where(np.isfinite(hit), hit, 0.0).astype(np.float32)


def measured(meshes, seed, frames=5, camera=CAMERA):
    """Median of noisy frames, as `median_depth` makes it."""
    true, sensor = depth_of(meshes, camera), RgbdSensor(camera, seed=seed)
    stack = np.stack([sensor.depth(true) for _ in range(frames)]).astype(float) / 1000
    stack[stack == 0] = np.nan
    depth = np.zeros(true.shape)
    seen = np.isfinite(stack).any(axis=0)
    depth[seen] = np.nanmedian(stack[:, seen], axis=0)
    return DepthView(depth, np.asarray(camera.camera_matrix), np.asarray(camera.T_world_camera))


FLOOR = box_mesh((4, 4, 0.02), (0.5, 0, -0.76), 0.0)


@pytest.fixture(scope="module")
def view():
    return measured([FLOOR, box_mesh(*TABLE), *(box_mesh(*box) for box in BOXES)], seed=0)


def match(found, truth):
    """The found box nearest to a true one."""
    return min(found, key=lambda box: np.linalg.norm(np.subtract(box.position_m, truth[1])))


def yaw_apart(a, b):
    return np.degrees(abs((a - b + np.pi / 4) % (np.pi / 2) - np.pi / 4))


def test_the_table_is_found_to_two_millimetres(view):
    table = find_table(view)
    assert table.height_m == pytest.approx(0.155, abs=0.002)
    assert np.degrees(table.tilt_rad) < 0.2
    rectangle, cut = table_rectangle(table)
    assert not cut
    assert yaw_apart(rectangle.yaw_rad, TABLE[2]) < 1.0
    np.testing.assert_allclose(rectangle.size_m[:2], TABLE[0][:2], atol=0.012)


@pytest.mark.parametrize("truth", BOXES, ids=["flat", "tall", "low"])
def test_boxes_have_their_size_place_and_yaw(view, truth):
    table = find_table(view)
    found = [box for box in find_boxes(table, view.camera_matrix) if box.is_box]
    assert len(found) == len(BOXES)
    box = match(found, truth)
    yaw = yaw_apart(box.yaw_rad, truth[2])
    assert yaw < 1.0
    np.testing.assert_allclose(box.size_m, truth[0], atol=0.005)
    np.testing.assert_allclose(box.position_m, truth[1], atol=0.004)


def test_a_bottle_is_no_box():
    bottle = trimesh.creation.cylinder(radius=0.035, height=0.2)
    bottle.apply_translation([0.6, -0.1, 0.255])
    table = find_table(seen := measured([FLOOR, box_mesh(*TABLE), bottle], seed=1))
    (found,) = find_boxes(table, seen.camera_matrix)
    assert not found.is_box


def test_a_scene_that_the_image_cuts_is_said_to_be_cut():
    near = Camera.look_at((0.9, -0.3, 0.5), (0.6, 0.1, 0.17), focal_length_px=610.0, width=640, height=480)
    table = find_table(seen := measured([box_mesh(*TABLE), *(box_mesh(*box) for box in BOXES)], seed=1, camera=near))
    assert table_rectangle(table)[1]
    assert any(box.cut_by_image for box in find_boxes(table, seen.camera_matrix))


def test_a_leaning_table_means_a_wrong_camera_pose(view):
    wrong = pose(rotation_from_vector(np.array([0.12, 0.0, 0.0])), np.zeros(3)) @ view.T_world_camera
    with pytest.raises(InputError, match=r"leans [67]\.\d deg"):
        find_table(DepthView(view.depth_m, view.camera_matrix, wrong))
    with pytest.raises(InputError, match="no large level plane"):
        find_table(DepthView(view.depth_m * 0.0, view.camera_matrix, view.T_world_camera))


@pytest.fixture(scope="module")
def robot(embodiment):
    return robot_mesh(embodiment, embodiment.home)


BESIDE_ROBOT = [BOXES[0], BOXES[2]]
FAR = Camera.look_at((1.5, -0.9, 1.1), (0.35, 0.0, 0.4), focal_length_px=260.0, width=320, height=240)


@pytest.fixture(scope="module")
def with_robot(robot):
    return measured([FLOOR, box_mesh(*TABLE), *(box_mesh(*box) for box in BESIDE_ROBOT), robot], seed=3, camera=FAR)


def scanned(view):
    """The points of a view `(N, 3)`, camera frame."""
    return view.camera_points()[view.depth_m > 0]


def off(T, degrees, shift):
    return pose(rotation_from_vector(np.array([0.0, 0.0, np.radians(degrees)])), np.array(shift)) @ T


def test_the_robot_in_view_corrects_a_camera_that_is_30_degrees_and_20_centimetres_off(with_robot, robot):
    guess = replace(with_robot, T_world_camera=off(with_robot.T_world_camera, 30.0, (0.15, -0.12, 0.05)))
    found = find_scene(guess, SceneTwinConfiguration(), robot)
    T = found.T_world_camera
    assert 1000 * np.linalg.norm(T[:3, 3] - with_robot.T_world_camera[:3, 3]) < 5.0
    assert np.degrees(rotation_angle(T[:3, :3], with_robot.T_world_camera[:3, :3])) < 0.5
    assert found.registration.fitness > 0.7 and found.registration.rival < 0.8
    assert found.figures["camera_turned_deg"] == pytest.approx(30.0, abs=1.0)
    # The scene is then that of the world, and the robot is none of its boxes.
    assert found.scene.table_height_m == pytest.approx(0.155, abs=0.004)
    assert len(found.scene.statics) == len(BESIDE_ROBOT)
    for truth in BESIDE_ROBOT:
        box = match(found.scene.statics, truth)
        np.testing.assert_allclose(box.position_m, truth[1], atol=0.008)


def test_a_robot_that_is_not_there_is_not_found(view, robot):
    table, (points, normals) = find_table(view), sample_outside(robot, 3000)
    with pytest.raises(InputError, match=r"robot: (fitness|shape|place)"):
        register_robot(
            points,
            normals,
            scanned(view)[::10],
            table.T_level_camera,
            table.height_m,
            RegistrationSettings(yaw_rad=0.3),
        )


def test_a_round_base_alone_leaves_its_turn_open():
    base = trimesh.creation.cylinder(radius=0.1, height=0.4)
    base.apply_translation([0.3, 0.0, 0.355])
    seen = measured([FLOOR, box_mesh(*TABLE), base], seed=2, camera=FAR)
    points, normals = sample_outside(base, 5000)
    table = find_table(seen)
    with pytest.raises(InputError, match="slides unnoticed"):
        register_robot(
            points, normals, scanned(seen), table.T_level_camera, table.height_m, RegistrationSettings(yaw_rad=0.2)
        )


def test_the_artefact_is_a_task_scene_and_a_picture(view, tmp_path):
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=view.camera_matrix, T_world_camera=view.T_world_camera, camera_name="c"
    ) as writer:
        writer.append(np.full((480, 640, 3), 120, np.uint8), np.rint(view.depth_m * 1000).astype(np.uint16), 1)
    left_out = [box_mask((0, 0, 10, 10), (480, 640))]
    found = build_scene_twin(tmp_path / "recording", tmp_path / "scene", SceneTwinConfiguration(), left_out)
    section = yaml.safe_load((tmp_path / "scene" / "scene.yaml").read_text())
    (tmp_path / "task.yaml").write_text(
        yaml.safe_dump(
            {"name": "t", "embodiment": "iiwa14_allegro", "object": {"mesh": "m.obj", "mass_kg": 0.1, "friction": 0.5}}
            | section
        )
    )
    assert load_task(tmp_path / "task.yaml").scene == found.scene
    assert found.figures["twin_table_depth_mm_p50"] < 2.0
    assert found.figures["twin_statics_depth_mm_p50"] < 4.0
    np.testing.assert_allclose(np.loadtxt(tmp_path / "scene" / "T_world_camera.txt"), view.T_world_camera, atol=2e-3)
    assert (tmp_path / "scene" / "picture.png").is_file()


def test_what_the_prompt_points_at_is_the_object_and_left_out(view):
    camera = np.linalg.inv(view.T_world_camera) @ np.append(np.add(BOXES[1][1], [0, 0, 0.09]), 1.0)
    column, row, depth = view.camera_matrix @ camera[:3]
    found = find_scene(view, SceneTwinConfiguration(), pointed_at=(round(column / depth), round(row / depth) + 3))
    assert len(found.scene.statics) == len(BOXES) - 1
    assert all(np.linalg.norm(np.subtract(box.position_m, BOXES[1][1])) > 0.1 for box in found.scene.statics)


def test_a_twin_beside_the_truth_is_measured_as_such(view):
    rgb = np.full((480, 640, 3), 120, np.uint8)
    for lift, low, high in ((0.0, 0.0, 1.5), (0.02, 15.0, 60.0)):
        table = BoxSpec("table", TABLE[0], (*TABLE[1][:2], TABLE[1][2] + lift), TABLE[2])
        thing = box_mesh((BOXES[1][0]), np.add(BOXES[1][1], [0, 0, lift]), BOXES[1][2])
        parts = twin_parts(SceneSpec(table), object_mesh=thing)
        twin = render_twin(parts, view.camera_matrix, view.T_world_camera, (640, 480))
        mask = render_twin(
            twin_parts(SceneSpec(table), object_mesh=box_mesh(*BOXES[1])), view.camera_matrix, view.T_world_camera,
            (640, 480),
        ).part == 1  # fmt: skip
        shown = view_twin(rgb, view.depth_m, twin, mask)
        assert low <= shown.figures["twin_table_depth_mm_p50"] < high
        assert (shown.figures["twin_object_iou"] > 0.99) == (lift == 0.0)
        assert (shown.image != 120).any(axis=-1)[twin.part >= 0].mean() > 0.99
        assert (shown.image == 120).all(axis=-1)[twin.part < 0].mean() > 0.9
