"""A Recording comes back as it was written, and every way it can be broken is named."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt, Recording, RecordingWriter

WIDTH, HEIGHT, FRAMES = 64, 48, 4
K = np.array([[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]])
T_WORLD_CAMERA = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 2], [0, -1, 0, 3], [0, 0, 0, 1]])


def images(index):
    generator = np.random.default_rng(index)
    rgb = generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return rgb, generator.integers(0, 5000, (HEIGHT, WIDTH), dtype=np.uint16)


@pytest.fixture
def folder(tmp_path):
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="test"
    ) as writer:
        for index in range(FRAMES):
            writer.append(*images(index), stamp_ns=10**9 + index * 33_333_333)
        writer.set_prompt(Prompt(frame=1, box=(10, 10, 30, 30)))
    return tmp_path / "recording"


def test_round_trip_is_lossless(folder):
    recording = Recording.open(folder)
    assert recording.frame_count == FRAMES
    assert recording.image_size == (WIDTH, HEIGHT)
    assert recording.prompt == Prompt(frame=1, box=(10, 10, 30, 30))
    np.testing.assert_allclose(recording.camera_matrix, K)
    np.testing.assert_allclose(recording.T_world_camera, T_WORLD_CAMERA)
    np.testing.assert_array_equal(np.diff(recording.stamp_ns), 33_333_333)
    for index in range(FRAMES):
        rgb, depth_mm = images(index)
        np.testing.assert_array_equal(recording.rgb(index), rgb)
        np.testing.assert_allclose(recording.depth_m(index), depth_mm / 1000.0, atol=1e-6)
        assert recording.depth_m(index).dtype == np.float32


def shrink(path):
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[::2, ::2])


def edit_meta(folder, **values):
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | values))


BREAKAGES = {
    "missing depth frame": (lambda f: (f / "depth/00002.png").unlink(), "depth/00002.png", "no such file"),
    "8-bit depth": (
        lambda f: cv2.imwrite(str(f / "depth/00001.png"), np.zeros((HEIGHT, WIDTH), np.uint8)),
        "depth/00001.png",
        "8 bit",
    ),
    "colour and depth of another size": (lambda f: shrink(f / "depth/00003.png"), "depth/00003.png", "32x24"),
    "fewer colour frames": (lambda f: (f / "rgb/00003.png").unlink(), "rgb/00003.png", "3 frames here, 4"),
    "truncated header": (lambda f: (f / "rgb/00000.png").write_bytes(b"\x89PNG"), "rgb/00000.png", "not a PNG"),
    "no frames": (lambda f: [p.unlink() for p in (f / "rgb").iterdir()], "rgb", "none"),
    "intrinsics of another stream": (
        lambda f: np.savetxt(f / "cam_K.txt", K * 3 + np.diag([0, 0, -2])),
        "cam_K.txt",
        "96 px",
    ),
    "intrinsics of another shape": (lambda f: np.savetxt(f / "cam_K.txt", K[:2]), "cam_K.txt", "(2, 3)"),
    "stamps out of order": (lambda f: edit_meta(f, stamp_ns=[1, 2, 2, 3]), "stamp_ns[2]", "2 after 2"),
    "stamp missing": (lambda f: edit_meta(f, stamp_ns=[1, 2, 3]), "stamp_ns", "3 stamps"),
    "newer schema": (lambda f: edit_meta(f, schema_version=99), "schema_version", "99"),
    "extrinsics not rigid": (lambda f: edit_meta(f, T_world_camera=np.ones((4, 4)).tolist()), "T_world_camera", "1.0"),
    "prompt outside": (
        lambda f: (f / "prompt.json").write_text('{"frame": 0, "click": [64, 3]}'),
        "click",
        "(64, 3)",
    ),
    "prompt with both": (
        lambda f: (f / "prompt.json").write_text('{"frame": 0, "click": [1, 3], "box": [1, 2, 3, 4]}'),
        "keys",
        "click",
    ),
    "no meta": (lambda f: (f / "meta.json").unlink(), "meta.json", "no such file"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_every_breakage_names_place_and_finding(folder, name):
    damage, place, found = BREAKAGES[name]
    damage(folder)
    with pytest.raises(InputError) as caught:
        Recording.open(folder)
    assert place in f"{caught.value.source} {caught.value.field}"
    assert found in caught.value.found
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_frame_cut_off_after_its_header_is_named_when_read(folder):
    path = folder / "rgb/00002.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputError, match=r"rgb/00002\.png"):
        Recording.open(folder).rgb(2)


def test_a_failed_recording_leaves_the_old_one(folder):
    before = (folder / "meta.json").read_text()
    with (
        pytest.raises(RuntimeError, match="camera unplugged"),
        RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="x") as writer,
    ):
        writer.append(*images(0), stamp_ns=1)
        raise RuntimeError("camera unplugged")
    assert (folder / "meta.json").read_text() == before
    assert [p.name for p in folder.parent.iterdir()] == ["recording"]


def test_a_full_disk_is_one_line_and_nothing_is_overwritten(folder, monkeypatch):
    before = (folder / "meta.json").read_text()

    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with (
        pytest.raises(InputError, match="No space left"),
        RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="x") as writer,
    ):
        writer.append(*images(0), stamp_ns=1)
    assert (folder / "meta.json").read_text() == before
    assert [p.name for p in folder.parent.iterdir()] == ["recording"]


@pytest.mark.parametrize(
    ("rgb", "depth", "stamp"),
    [
        (np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH), np.uint16), 5),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8), 5),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH - 1), np.uint16), 5),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint16), 1),
    ],
)
def test_the_writer_refuses_what_the_reader_would(tmp_path, rgb, depth, stamp):
    with (
        pytest.raises(ValueError, match=r"must be|come after"),
        RecordingWriter.create(
            tmp_path / "r", camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="x"
        ) as writer,
    ):
        writer.append(*images(0), stamp_ns=1)
        writer.append(rgb, depth, stamp)
    assert not (tmp_path / "r").exists()
