"""Bad input, through the real command, gets one helpful line and exit code 2, and nothing is overwritten.

The line names file, field, found, expected and remedy.

The Recording is a small one: a camera looks straight down at a table on which a box slides.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_bringup import cli
from h2s2r_perception.artefact import InputError, Schema, content_sha256, writing
from h2s2r_perception.recording import Prompt, RecordingWriter
from h2s2r_policy.contract import write as write_contract
from h2s2r_policy.controller import ControllerConfiguration
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.interface import make_contract, make_runner
from h2s2r_policy.joint_map import JointMap
from h2s2r_retarget.embodiment import load_embodiment

WIDTH, HEIGHT, FRAMES = 160, 120, 16
K = np.array([[150.0, 0.0, 80.0], [0.0, 150.0, 60.0], [0.0, 0.0, 1.0]])
CAMERA_HEIGHT_M = 0.8
"""Above the table, whose upper face is at z = 0.155 m; the box on it is 0.06 m high."""
T_WORLD_CAMERA = np.array(
    [[0.0, -1.0, 0.0, 0.6], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.155 + CAMERA_HEIGHT_M], [0.0, 0.0, 0.0, 1.0]]
)
BOX_M = (0.20, 0.15)
"""Along the world's x and y, as the bundled snack box lies."""


def _write_recording(folder: Path, path_y: list[float]) -> Path:
    """A recording of a box that is at (0.6, y) in each frame; the prompt is its box in the first one."""
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="above") as writer:
        for index, y in enumerate(path_y):
            rgb = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
            depth_mm = np.full((HEIGHT, WIDTH), round(1000 * CAMERA_HEIGHT_M), np.uint16)
            x0, y0, x1, y1 = _pixels(y)
            rgb[y0:y1, x0:x1] = (200, 60, 40)
            depth_mm[y0:y1, x0:x1] = round(1000 * (CAMERA_HEIGHT_M - 0.06))
            writer.append(rgb, depth_mm, 10**9 + index * 33_333_333)
        writer.set_prompt(Prompt(0, box=tuple(float(v) for v in _pixels(path_y[0]))))
    return folder


def _pixels(y: float) -> tuple[int, int, int, int]:
    """The upper face in the image: x0, y0, x1, y1."""
    scale = K[0, 0] / (CAMERA_HEIGHT_M - 0.06)
    centre = (K[0, 2] - y * scale, K[1, 2])  # the image's x axis is the world's -y
    half = (BOX_M[1] / 2 * scale, BOX_M[0] / 2 * scale)
    corners = (centre[0] - half[0], centre[1] - half[1], centre[0] + half[0], centre[1] + half[1])
    return tuple(round(v) for v in corners)


@pytest.fixture(scope="session")
def good_recording(tmp_path_factory):
    path_y = np.interp(np.arange(FRAMES), [4, 11], [-0.1, 0.08])
    return _write_recording(tmp_path_factory.mktemp("good") / "recording", [float(y) for y in path_y])


@pytest.fixture
def recording(good_recording, tmp_path):
    return Path(shutil.copytree(good_recording, tmp_path / "root" / "snackbox_push" / "recording"))


def refuses(capsys, *arguments, names: tuple[str, ...], keeps: Path | None = None) -> str:
    """Run the command; it must refuse in one line that names all of `names`, and leave `keeps` as it was."""
    before = content_sha256(keeps) if keeps is not None else ""
    capsys.readouterr()
    code = cli.main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("h2s2r: ")]
    assert code == 2, error
    assert len(lines) == 1, error
    assert "Traceback" not in error
    for word in (*names, "expected", "found"):
        assert word in lines[0], lines[0]
    if keeps is not None:
        assert content_sha256(keeps) == before
    return lines[0]


def _perceive(root: Path, *more: object) -> tuple[object, ...]:
    return ("perceive", "--root", root, *more)


def _root(recording: Path) -> Path:
    return recording.parents[1]


def test_missing_depth_frame(recording, capsys):
    (recording / "depth" / "00003.png").unlink()
    refuses(capsys, *_perceive(_root(recording)), names=("depth/00003.png", "no such file", "record again"))


def test_depth_of_eight_bits(recording, capsys):
    path = recording / "depth" / "00002.png"
    cv2.imwrite(str(path), (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) // 8).astype(np.uint8))
    refuses(capsys, *_perceive(_root(recording)), names=("depth/00002.png", "8 bit", "16 bit", "uint16"))


def test_colour_and_depth_of_different_size(recording, capsys):
    path = recording / "depth" / "00001.png"
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[::2, ::2])
    refuses(capsys, *_perceive(_root(recording)), names=("depth/00001.png", "80x60", "160x120", "align"))


def test_colour_and_depth_of_different_count(recording, capsys):
    shutil.copy(recording / "depth" / "00000.png", recording / "depth" / f"{FRAMES:05d}.png")
    names = (f"rgb/{FRAMES:05d}.png", f"{FRAMES} frames", f"{FRAMES + 1} in the other")
    refuses(capsys, *_perceive(_root(recording)), names=names)


def test_intrinsics_of_another_resolution(recording, capsys):
    np.savetxt(recording / "cam_K.txt", np.diag([4.0, 4.0, 1.0]) @ K)
    refuses(capsys, *_perceive(_root(recording)), names=("cam_K.txt", "cx", "320 px", "160x120"))


def test_an_import_checks_as_much_and_keeps_the_recording_that_is_there(recording, good_recording, tmp_path, capsys):
    source = Path(shutil.copytree(good_recording, tmp_path / "theirs"))
    (source / "depth" / "00005.png").unlink()
    arguments = ("import", source, "--root", _root(recording))
    refuses(capsys, *arguments, "--force", names=("depth/00005.png",), keeps=recording)
    refuses(capsys, *arguments, names=("recording", "--force"), keeps=recording)


def test_prompt_on_the_empty_table_gives_no_mask(recording, capsys):
    refuses(capsys, *_perceive(_root(recording), "--box", "2,2,30,20"), names=("recording", "object"))


def test_object_that_never_moves(tmp_path, capsys):
    folder = _write_recording(tmp_path / "snackbox_push" / "recording", [-0.1] * FRAMES)
    refuses(capsys, *_perceive(tmp_path), names=(str(folder), "mov"))
    assert not (tmp_path / "snackbox_push" / "demonstration").exists()


def test_hand_that_is_never_seen(recording, capsys):
    refuses(capsys, *_perceive(_root(recording)), names=(str(recording), "hand"))
    assert not (_root(recording) / "snackbox_push" / "demonstration").exists()


def _task_with_mesh(folder: Path, mesh) -> Path:
    from h2s2r_sim.task import load_task

    task = load_task("snackbox_push")
    text = (Path(__file__).parents[2] / "src/h2s2r_sim/h2s2r_sim/tasks/snackbox_push.yaml").read_text()
    path = folder / "snackbox_push.yaml"
    mesh.export(folder / "box.obj")
    path.write_text(text.replace("../objects/snack_box/snack_box.obj", "box.obj"))
    assert load_task(path).object.mass_kg == task.object.mass_kg
    return path


def test_mesh_in_millimetres(recording, tmp_path, capsys):
    import trimesh

    task = _task_with_mesh(tmp_path, trimesh.creation.box((200.0, 150.0, 60.0)))
    refuses(capsys, *_perceive(_root(recording), "--task", task), names=("box.obj", "200 m", "0.001"))


def test_mesh_with_a_hole(recording, tmp_path, capsys):
    import trimesh

    box = trimesh.creation.box((0.20, 0.15, 0.06))
    box.update_faces(np.arange(len(box.faces)) > 0)
    task = _task_with_mesh(tmp_path, box)
    refuses(capsys, *_perceive(_root(recording), "--task", task), names=("box.obj", "watertight", "close the holes"))


def test_unknown_key_in_a_task(recording, tmp_path, capsys):
    path = tmp_path / "wrong.yaml"
    text = (Path(__file__).parents[2] / "src/h2s2r_sim/h2s2r_sim/tasks/snackbox_push.yaml").read_text()
    path.write_text(text.replace("mass_kg", "mas_kg"))
    refuses(capsys, *_perceive(_root(recording), "--task", path), names=("wrong.yaml", "mas_kg", "`mass_kg`"))


def test_unknown_key_in_a_stage_configuration(recording, tmp_path, capsys):
    path = tmp_path / "perceive.yaml"
    path.write_text("onset:\n  speed_treshold_m_s: 0.1\n")
    arguments = _perceive(_root(recording), "--config", path)
    refuses(capsys, *arguments, names=("perceive.yaml", "speed_treshold_m_s", "`speed_threshold_m_s`"))


def test_artefact_of_a_newer_schema(recording, capsys):
    meta = json.loads((recording / "meta.json").read_text())
    (recording / "meta.json").write_text(json.dumps(meta | {"schema_version": 99}))
    refuses(capsys, *_perceive(_root(recording)), names=("meta.json", "schema_version", "99", "update h2s2r"))


def test_no_space_left_on_the_device_keeps_the_old_recording(recording, good_recording, capsys, monkeypatch):
    """The sixth colour frame goes to /dev/full, where the kernel answers every write as a full disk does."""
    write_bytes = Path.write_bytes

    def full_at_five(path: Path, data: bytes) -> int:
        return write_bytes(Path("/dev/full") if path.name == "00005.png" else path, data)

    monkeypatch.setattr(Path, "write_bytes", full_at_five)
    arguments = ("import", good_recording, "--force", "--root", _root(recording))
    refuses(capsys, *arguments, names=("recording", "disk", "No space left", "free some space"), keeps=recording)
    assert not list(recording.parent.glob(".*partial"))


def _write_demonstration(folder: Path, T_world_object: np.ndarray) -> Path:
    """As `perceive` leaves it, but for what is wrong with the poses."""
    frames = len(T_world_object)
    stamp_ns = 10**9 + np.arange(frames, dtype=np.int64) * 33_333_333
    arrays = {"stamp_ns": stamp_ns, "T_world_object": T_world_object, "object_confidence": np.ones(frames)}
    hand = {"hand_joints_world": np.zeros((frames, 21, 3)), "hand_confidence": np.ones(frames)}
    indices = {"motion_start": 2, "motion_end": 5, "premanipulation_index": 1}
    with writing(folder, Schema("demonstration", 1)) as artefact:
        np.savez(artefact.folder / "demonstration.npz", **arrays, **hand, **indices)
    return folder


def test_pose_that_is_not_a_number(tmp_path, capsys):
    T_world_object = np.tile(np.eye(4), (8, 1, 1))
    T_world_object[3, 0, 3] = np.nan
    folder = _write_demonstration(tmp_path / "snackbox_push" / "demonstration", T_world_object)
    names = ("demonstration.npz", "T_world_object", "frame 3", "perceive")
    refuses(capsys, "retarget", "--root", tmp_path, names=names, keeps=folder)
    assert not (tmp_path / "snackbox_push" / "retargeting").exists()


def test_stage_without_the_artefact_before_it(tmp_path, capsys):
    refuses(capsys, "retarget", "--root", tmp_path, names=("demonstration", "no such file", "h2s2r perceive"))


def test_contract_of_another_embodiment_is_refused_before_a_node_is_started(tmp_path, capsys):
    embodiment = load_embodiment("iiwa14_allegro")
    contract = make_contract(
        embodiment,
        make_runner(embodiment, "none"),
        symmetry="none",
        recurrent_shape=(1, 8),
        physics_rate_hz=120.0,
        table_height_m=0.155,
        expected_latency_s=(0.0, 0.1),
        goal_clock=GoalClockConfiguration(),
        controller=ControllerConfiguration(),
    )
    folder = tmp_path / "snackbox_push" / "policy"
    folder.mkdir(parents=True)
    write_contract(dataclasses.replace(contract, embodiment_hash="0" * 64), folder)
    arguments = ("up", "simulated", "--root", tmp_path)
    for trials in ("1", "0"):
        names = (str(folder), "embodiment_hash", "000000")
        refuses(capsys, *arguments, "--trials", trials, names=names, keeps=folder)
    assert not (tmp_path / "snackbox_push" / "log").exists()


def test_joint_missing_from_a_joint_state_reads_as_the_command_would_print_it():
    """Nodes report this error on /diagnostics; its words are the same one line."""
    names = load_embodiment("iiwa14_allegro").joint_names
    with pytest.raises(InputError) as caught:
        JointMap(names).pick(names[1:], [0.0] * (len(names) - 1), source="/joint_states", field="position")
    line = cli._input_message(caught.value)
    assert line is not None
    assert "\n" not in line
    for word in ("/joint_states", names[0], "no such joint", "expected", "start its driver"):
        assert word in line


def test_a_graph_that_does_not_exist(recording, capsys):
    refuses(capsys, "up", "simulatd", "--root", _root(recording), names=("graph", "'simulatd'", "simulated"))
