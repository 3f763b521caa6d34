"""Other people's data through the same door: real frames, and the published system's folder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.imports import import_folder, import_m3t
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
    recording = import_m3t(M3T, tmp_path / "recording", prompt=BOTTLE_BOX)
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
        import_m3t(tmp_path, tmp_path / "recording")
    (tmp_path / "color_camera.yaml").unlink()
    with pytest.raises(InputError, match=r"color_camera\.yaml"):
        import_m3t(tmp_path, tmp_path / "recording")


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
    recording = import_folder(published_folder, tmp_path / "recording", T_world_camera=scene.T_world_camera)
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
        import_folder(published_folder, tmp_path / "recording")
    assert not (tmp_path / "recording").exists()
