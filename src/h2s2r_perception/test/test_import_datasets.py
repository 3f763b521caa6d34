"""Tiny data sets in the exact formats of BOP, HO-3D and YCBInEOAT: units, axes, stamps, and what is refused."""

from __future__ import annotations

import json
import os
import pickle

import cv2
import numpy as np
import pytest

from h2s2r_perception.accuracy import GROUND_TRUTH
from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_from_vector
from h2s2r_perception.imports import ImportOptions, import_recording, recognise
from h2s2r_perception.imports.ho3d import DEPTH_STEP_M, JOINTS_FROM_HO3D

WIDTH, HEIGHT = 64, 48
K = np.array([[60.0, 0.0, 32.0], [0.0, 61.0, 24.0], [0.0, 0.0, 1.0]])
T_WORLD_CAMERA = np.asarray(pose(rotation_from_vector(np.array([2.1, 0.3, -0.4])), np.array([1.0, 0.2, 0.7])))


def images(index):
    generator = np.random.default_rng(index)
    rgb = generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return rgb, generator.integers(0, 5000, (HEIGHT, WIDTH), dtype=np.uint16)


def T_camera_object(index):
    return np.asarray(pose(rotation_from_vector(np.array([0.1 * index, 0.4, -0.2])), np.array([0.05, -0.02, 0.6])))


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def square_mask():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:20, 30:45] = 255
    return mask


@pytest.fixture
def bop(tmp_path):
    """Images 3 and 7 of a scene, depth in tenths of a millimetre, object 5 between two others."""
    scene = tmp_path / "test" / "000048"
    cameras, annotations = {}, {}
    T_camera_world = inverse(T_WORLD_CAMERA)
    for index, number in enumerate((3, 7)):
        rgb, depth_mm = images(index)
        write(scene / "rgb" / f"{number:06d}.png", rgb)
        write(scene / "depth" / f"{number:06d}.png", depth_mm * 10)
        write(scene / "mask_visib" / f"{number:06d}_000001.png", square_mask())
        cameras[str(number)] = {
            "cam_K": K.reshape(-1).tolist(),
            "depth_scale": 0.1,
            "cam_R_w2c": T_camera_world[:3, :3].reshape(-1).tolist(),
            "cam_t_w2c": (1000.0 * T_camera_world[:3, 3]).tolist(),
        }
        T = T_camera_object(index)
        wanted = {
            "cam_R_m2c": T[:3, :3].reshape(-1).tolist(),
            "cam_t_m2c": (1000.0 * T[:3, 3]).tolist(),
            "obj_id": 5,
        }
        other = {"cam_R_m2c": np.eye(3).reshape(-1).tolist(), "cam_t_m2c": [0.0, 0.0, 900.0], "obj_id": 2}
        annotations[str(number)] = [other, wanted]
    (scene / "scene_camera.json").write_text(json.dumps(cameras))
    (scene / "scene_gt.json").write_text(json.dumps(annotations))
    return scene


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def truth_of(imported):
    return np.load(imported.ground_truth / GROUND_TRUTH)


def test_a_bop_scene_keeps_millimetres_rows_and_the_pose_of_the_camera(bop, tmp_path):
    assert recognise(bop)[0].name == "bop"
    imported = import_recording(bop, tmp_path / "recording", options=ImportOptions(object_name="5"))
    recording = imported.recording
    assert recording.frame_count == 2
    np.testing.assert_allclose(recording.camera_matrix, K)
    np.testing.assert_allclose(recording.T_world_camera, T_WORLD_CAMERA, atol=1e-9)
    for index in range(2):
        rgb, depth_mm = images(index)
        np.testing.assert_array_equal(recording.rgb(index), rgb)
        np.testing.assert_allclose(recording.depth_m(index), depth_mm * 1e-3, atol=1e-6)
        np.testing.assert_allclose(
            truth_of(imported)["T_world_object"][index], T_WORLD_CAMERA @ T_camera_object(index), atol=1e-9
        )
    assert recording.prompt.box == (30.0, 10.0, 45.0, 20.0)
    np.testing.assert_array_equal(truth_of(imported)["stamp_ns"], recording.stamp_ns)


def test_several_bop_objects_need_a_choice(bop, tmp_path):
    imported = import_recording(bop, tmp_path / "recording")
    assert imported.ground_truth is None
    assert any("objects 2, 5" in note for note in imported.notes)
    with pytest.raises(InputError, match="objects 2, 5"):
        import_recording(bop, tmp_path / "recording", options=ImportOptions(object_name="9"))


def test_a_moving_bop_camera_becomes_the_world(bop, tmp_path):
    def move(cameras):
        cameras["7"]["cam_t_w2c"][0] += 10.0

    edit(bop / "scene_camera.json", move)
    imported = import_recording(bop, tmp_path / "recording", options=ImportOptions(object_name="5"))
    assert any("camera moves" in note for note in imported.notes)
    np.testing.assert_array_equal(imported.recording.T_world_camera, np.eye(4))
    np.testing.assert_allclose(truth_of(imported)["T_world_object"][1], T_camera_object(1), atol=1e-9)


BOP_BREAKAGES = {
    "intrinsics missing": (lambda s: edit(s / "scene_camera.json", lambda c: c["7"].pop("cam_K")), "image 7, cam_K"),
    "depth scale missing": (
        lambda s: edit(s / "scene_camera.json", lambda c: c["7"].pop("depth_scale")),
        "image 7, depth_scale",
    ),
    "cropped images": (
        lambda s: edit(s / "scene_camera.json", lambda c: c["7"]["cam_K"].__setitem__(2, 40.0)),
        "other intrinsics",
    ),
    "no rotation": (
        lambda s: edit(s / "scene_gt.json", lambda c: c["7"][1]["cam_R_m2c"].__setitem__(0, 5.0)),
        "cam_R_m2c",
    ),
    "no JSON": (lambda s: (s / "scene_camera.json").write_text("{"), "scene_camera.json"),
    "no depth image": (lambda s: (s / "depth" / "000003.png").unlink(), "000003.png"),
    "no colour image": (lambda s: (s / "rgb" / "000007.png").unlink(), "000007.png"),
    "depth of 8 bit": (
        lambda s: write(s / "depth" / "000007.png", np.zeros((HEIGHT, WIDTH), np.uint8)),
        "1 channels of 8 bit",
    ),
}


@pytest.mark.parametrize("name", BOP_BREAKAGES)
def test_broken_bop_scenes_are_named(bop, tmp_path, name):
    damage, message = BOP_BREAKAGES[name]
    damage(bop)
    with pytest.raises(InputError) as refusal:
        import_recording(bop, tmp_path / "recording", options=ImportOptions(object_name="5"))
    assert message in str(refusal.value)
    assert not (tmp_path / "recording").exists()


@pytest.fixture
def ho3d(tmp_path):
    """Three frames of version 3: JPEG colour, coded depth, an OpenGL camera; frame 1 has no annotation."""
    sequence = tmp_path / "train" / "MC1"
    flip = np.diag([1.0, -1.0, -1.0])
    for index in range(3):
        rgb, depth_mm = images(index)
        steps = np.rint(depth_mm * 0.001 / DEPTH_STEP_M).astype(np.uint32)
        coded = np.stack([steps % 256, steps // 256, 0 * steps], axis=-1).astype(np.uint8)
        write(sequence / "depth" / f"{index:04d}.png", coded)
        write(sequence / "rgb" / f"{index:04d}.jpg", rgb)
        T = T_camera_object(index)
        joints = np.zeros((21, 3))
        joints[JOINTS_FROM_HO3D] = hand_joints(index) @ flip
        annotation = {
            "camMat": K,
            "objName": "006_mustard_bottle",
            "objRot": cv2.Rodrigues(flip @ T[:3, :3])[0] if index != 1 else None,
            "objTrans": flip @ T[:3, 3] if index != 1 else None,
            "handJoints3D": None if index == 1 else joints if index == 0 else joints[0],
        }
        (sequence / "meta").mkdir(exist_ok=True)
        (sequence / "meta" / f"{index:04d}.pkl").write_bytes(pickle.dumps(annotation, protocol=2))
    return sequence


def hand_joints(index):
    return np.random.default_rng(index + 50).uniform(-0.1, 0.1, (21, 3)) + np.array([0.0, 0.0, 0.6])


def test_ho3d_is_turned_from_opengl_and_decoded(ho3d, tmp_path):
    assert recognise(ho3d)[0].name == "ho3d"
    options = ImportOptions(T_world_camera=T_WORLD_CAMERA)
    imported = import_recording(ho3d, tmp_path / "recording", options=options)
    np.testing.assert_allclose(imported.recording.camera_matrix, K)
    _, depth_mm = images(2)
    np.testing.assert_allclose(imported.recording.depth_m(2), depth_mm * 1e-3, atol=1.01e-3)
    truth = truth_of(imported)
    for index in (0, 2):
        np.testing.assert_allclose(truth["T_world_object"][index], T_WORLD_CAMERA @ T_camera_object(index), atol=1e-6)
    assert np.isnan(truth["T_world_object"][1]).all()
    expected = hand_joints(0) @ T_WORLD_CAMERA[:3, :3].T + T_WORLD_CAMERA[:3, 3]
    np.testing.assert_allclose(truth["hand_joints_world"][0], expected, atol=1e-9)
    assert np.isnan(truth["hand_joints_world"][2, 1:]).all()  # evaluation frames show the wrist only
    assert np.isfinite(truth["hand_joints_world"][2, 0]).all()


def rewrite(path, **values):
    content = pickle.loads(path.read_bytes()) | values
    path.write_bytes(pickle.dumps(content, protocol=2))


class Evil:
    def __reduce__(self):
        return os.system, ("touch owned",)


HO3D_BREAKAGES = {
    "a pickle that calls a function": (lambda s: rewrite(s / "meta/0001.pkl", objName=Evil()), "system"),
    "a cut-off pickle": (
        lambda s: (s / "meta/0001.pkl").write_bytes((s / "meta/0001.pkl").read_bytes()[:40]),
        "0001.pkl",
    ),
    "no translation": (lambda s: rewrite(s / "meta/0002.pkl", objTrans=None), "objTrans"),
    "two cameras": (lambda s: rewrite(s / "meta/0002.pkl", camMat=2.0 * K), "several"),
    "plain depth": (lambda s: write(s / "depth/0001.png", images(1)[1]), "red and green"),
    "no annotation file": (lambda s: (s / "meta/0002.pkl").unlink(), "0002.pkl"),
}


@pytest.mark.parametrize("name", HO3D_BREAKAGES)
def test_broken_ho3d_sequences_are_named(ho3d, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damage, message = HO3D_BREAKAGES[name]
    damage(ho3d)
    with pytest.raises(InputError) as refusal:
        import_recording(ho3d, tmp_path / "recording")
    assert message in str(refusal.value)
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "recording").exists()


STAMPS = (1581120424100262102, 1581120424133595436)


@pytest.fixture
def ycbineoat(tmp_path):
    """Two frames named by their stamps, as in the original data."""
    sequence = tmp_path / "mustard0"
    for index, stamp in enumerate(STAMPS):
        rgb, depth_mm = images(index)
        write(sequence / "rgb" / f"{stamp}.png", rgb)
        write(sequence / "depth" / f"{stamp}.png", depth_mm)
        (sequence / "annotated_poses").mkdir(exist_ok=True)
        np.savetxt(sequence / "annotated_poses" / f"{index:07d}.txt", T_camera_object(index))
    write(sequence / "gt_mask" / f"{STAMPS[0]}.png", square_mask() // 255)
    np.savetxt(sequence / "cam_K.txt", K)
    return sequence


def test_ycbineoat_keeps_its_stamps_and_poses_in_metres(ycbineoat, tmp_path):
    assert recognise(ycbineoat)[0].name == "ycbineoat"
    imported = import_recording(ycbineoat, tmp_path / "recording")
    np.testing.assert_array_equal(imported.recording.stamp_ns, STAMPS)
    np.testing.assert_array_equal(imported.recording.rgb(1), images(1)[0])
    np.testing.assert_allclose(truth_of(imported)["T_world_object"][1], T_camera_object(1), atol=1e-9)
    assert imported.recording.prompt.box == (30.0, 10.0, 45.0, 20.0)


def test_ycbineoat_needs_as_many_poses_as_images(ycbineoat, tmp_path):
    (ycbineoat / "annotated_poses" / "0000001.txt").unlink()
    with pytest.raises(InputError, match=r"annotated_poses: poses: expected 2, one for each image, found 1 files"):
        import_recording(ycbineoat, tmp_path / "recording")
