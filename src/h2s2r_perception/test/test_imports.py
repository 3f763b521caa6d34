"""Other people's data through the same door: real frames, and the published system's folder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.imports import ImportOptions, import_recording, recognise
from h2s2r_perception.imports.folder import HAND_KEYPOINTS
from h2s2r_perception.imports.m3t import align_depth
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose import SignedDistanceTracker
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation import segment

M3T = Path(__file__).resolve().parents[4] / "shared" / "data" / "m3t_rgbd"
needs_m3t = pytest.mark.skipif(not M3T.is_dir(), reason="no real frames: shared/data/m3t_rgbd is absent")
BOTTLE_BOX = Prompt(0, box=(400, 115, 530, 412))


@needs_m3t
def test_a_real_object_is_registered_from_one_box(tmp_path):
    recording = import_recording(M3T, tmp_path / "recording", options=ImportOptions(prompt=BOTTLE_BOX)).recording
    assert recording.frame_count == 2
    assert recording.image_size == (960, 540)
    model = load_object_model(M3T / "schauma.obj")
    tracker = SignedDistanceTracker(model)
    rgb, depth_m = recording.rgb(0), recording.depth_m(0)
    mask, plane = segment(rgb, depth_m, recording.camera_matrix, recording.prompt)
    tracker.set_table_plane(plane)
    estimates = [tracker.register(rgb, depth_m, recording.camera_matrix, mask)]
    estimates.append(tracker.track(recording.rgb(1), recording.depth_m(1)))
    given = np.array(json.loads((M3T / "pose.json").read_text())["T_camera_object_frame_200"])
    # The given pose is that of the body, whose frame lies 97 mm up the bottle's axis (schauma.yaml).
    body = np.array([0.0, 0.0, 0.097, 1.0])
    for estimate in estimates:
        assert not estimate.lost
        assert np.linalg.norm((estimate.T_camera_object @ body)[:3] - given[:3, 3]) < 0.010
        assert rotation_angle(estimate.T_camera_object[:3, :3], given[:3, :3]) < np.radians(5.0)


@needs_m3t
def test_an_incomplete_sequence_is_named(tmp_path):
    for path in M3T.iterdir():
        if path.name != "depth_camera_image_201.png":
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(InputError, match="frames"):
        import_recording(tmp_path, tmp_path / "recording")
    (tmp_path / "color_camera.yaml").unlink()
    with pytest.raises(InputError, match=r"color_camera\.yaml"):
        import_recording(tmp_path, tmp_path / "recording")


def test_aligned_depth_of_a_plane_has_no_holes_and_the_right_values():
    coarse = np.array([[100.0, 0, 50], [0, 100.0, 40], [0, 0, 1]])
    fine = np.array([[230.0, 0, 115], [0, 230.0, 92], [0, 0, 1]])
    T = np.eye(4)
    T[:3, 3] = 0.01, -0.005, 0.02
    aligned = align_depth(np.full((80, 100), 0.8), coarse, T, fine, (230, 184))
    inner = aligned[20:-20, 20:-20]
    assert np.all(inner > 0)
    np.testing.assert_allclose(inner, 0.82)


def test_the_nearer_surface_hides_the_farther_one():
    K = np.array([[100.0, 0, 50], [0, 100.0, 40], [0, 0, 1]])
    depth = np.full((80, 100), 1.0)
    depth[30:50, 40:60] = 0.5
    T = np.eye(4)
    T[0, 3] = 0.05  # the near square moves 10 px, the far plane 5 px
    aligned = align_depth(depth, K, T, K, (100, 80))
    np.testing.assert_array_equal(aligned[32:48, 52:68], 0.5)
    assert np.all(aligned[32:48, 72:98] == 1.0)


@pytest.fixture
def published_folder(tmp_path, scene, at, camera_matrix):
    folder = tmp_path / "published"
    for name in ("rgb", "depth", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(2):
        rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.0), seed=index)
        cv2.imwrite(str(folder / "rgb" / f"{index:05d}.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / "depth" / f"{index:05d}.png"), depth_mm)
        cv2.imwrite(str(folder / "masks" / f"{index:05d}.png"), np.repeat(mask[..., None] * np.uint8(255), 3, axis=2))
    (folder / "rgb" / "00000.jpg").write_bytes(b"a side effect of the published scripts")
    np.savetxt(folder / "cam_K.txt", camera_matrix)
    return folder


def test_the_published_folder_becomes_a_recording(published_folder, tmp_path, scene, at):
    recording = import_recording(
        published_folder, tmp_path / "recording", options=ImportOptions(T_world_camera=scene.T_world_camera)
    ).recording
    assert recording.frame_count == 2
    np.testing.assert_allclose(np.diff(recording.stamp_ns) * 1e-9, 1 / 30, atol=1e-8)
    np.testing.assert_allclose(recording.T_world_camera, scene.T_world_camera)
    rgb, depth_mm, mask = scene.render(at(0.6, -0.1, 0.0), seed=0)
    np.testing.assert_array_equal(recording.rgb(0), rgb)
    np.testing.assert_allclose(recording.depth_m(0), depth_mm * 0.001, atol=1e-6)
    x0, y0, x1, y1 = recording.prompt.box
    row, column = np.nonzero(mask)
    assert (x0, y0, x1 - 1, y1 - 1) == (column.min(), row.min(), column.max(), row.max())


def test_depth_saved_as_a_picture_is_refused_before_anything_is_written(published_folder, tmp_path):
    path = published_folder / "depth" / "00001.png"
    cv2.imwrite(str(path), np.zeros((240, 320, 3), np.uint8))
    with pytest.raises(InputError, match="3 channels of 8 bit"):
        import_recording(published_folder, tmp_path / "recording")
    assert not (tmp_path / "recording").exists()


def test_a_missing_depth_image_is_named(published_folder, tmp_path):
    (published_folder / "depth" / "00001.png").unlink()
    with pytest.raises(InputError, match=r"depth/00001\.png: frame: .*2 colour, 1 depth"):
        import_recording(published_folder, tmp_path / "recording")


def test_a_camera_that_changes_its_resolution_is_named(published_folder, tmp_path):
    for kind in ("rgb", "depth"):
        path = published_folder / kind / "00001.png"
        cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[::2, ::2])
    with pytest.raises(InputError, match=r"frame 1: expected frames of one size.*160x120|frame 1: .*\(160, 120\)"):
        import_recording(published_folder, tmp_path / "recording")
    assert not (tmp_path / "recording").exists()


def test_results_of_the_published_system_are_kept_beside_the_recording(published_folder, tmp_path, scene, at):
    T_camera_object = np.linalg.inv(scene.T_world_camera) @ at(0.6, -0.1, 0.0)
    poses = published_folder / "object_pose_trajectory" / "ob_in_cam"
    poses.mkdir(parents=True)
    np.savetxt(poses / "00001.txt", T_camera_object)
    (published_folder / "hand_pose_trajectory").mkdir()
    names = [name for pair in HAND_KEYPOINTS.values() for name in pair]
    points = {name: [0.01 * index, 0.0, 0.5] for index, name in enumerate(names)}
    (published_folder / "hand_pose_trajectory" / "00000.json").write_text(json.dumps(points | {"global_orient": []}))
    options = ImportOptions(T_world_camera=scene.T_world_camera)
    imported = import_recording(published_folder, tmp_path / "recording", options=options)
    assert imported.ground_truth == tmp_path / "ground_truth"
    truth = np.load(imported.ground_truth / "ground_truth.npz")
    np.testing.assert_allclose(truth["T_world_object"][1], at(0.6, -0.1, 0.0), atol=1e-12)
    assert np.isnan(truth["T_world_object"][0]).all()
    wrist = np.linalg.inv(scene.T_world_camera) @ np.append(truth["hand_joints_world"][0, 0], 1.0)
    np.testing.assert_allclose(wrist[:3], [0.005, 0.0, 0.5], atol=1e-9)  # between wrist_back and wrist_front
    assert np.isnan(truth["hand_joints_world"][0, 20]).all()  # the little finger is not in this layout
    assert "estimates" in json.loads((imported.ground_truth / "meta.json").read_text())["origin"]
    again = import_recording(published_folder, tmp_path / "recording")  # the same data, now without their results
    assert again.ground_truth is not None
    for path in [*poses.iterdir(), *(published_folder / "hand_pose_trajectory").iterdir()]:
        path.unlink()
    bare = import_recording(published_folder, tmp_path / "recording")
    assert bare.ground_truth is None
    assert not (tmp_path / "ground_truth").exists()
    assert any("removed" in note for note in bare.notes)


def test_an_unknown_pose_of_the_camera_is_said(published_folder, tmp_path):
    imported = import_recording(published_folder, tmp_path / "recording")
    assert any("camera pose unknown" in note for note in imported.notes)
    np.testing.assert_array_equal(imported.recording.T_world_camera, np.eye(4))


def test_what_is_no_recording_is_answered_with_all_layouts(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=r"found notes\.txt") as refusal:
        recognise(tmp_path)
    for name in ("rosbag", "realsense", "bop", "ho3d", "m3t", "ycbineoat", "folder"):
        assert name in refusal.value.expected
    with pytest.raises(InputError, match="found nothing"):
        recognise(tmp_path / "absent")
    with pytest.raises(InputError, match="--layout"):
        recognise(tmp_path, "rosbags")
