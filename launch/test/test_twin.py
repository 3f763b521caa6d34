"""`h2s2r twin`: from a scan, and from a recording, to sections of a task file that the simulator loads."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import trimesh
import yaml

from h2s2r_bringup import cli
from h2s2r_perception.recording import Prompt, RecordingWriter
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.rendering.camera import Camera
from h2s2r_sim.task import SceneSpec, load_task
from h2s2r_sim.twin_building.twin_view import render_twin, twin_parts

SCENE = SceneSpec(
    BoxSpec("table", (0.7, 0.8, 0.05), (0.62, 0.0, 0.13)),
    (
        BoxSpec("wall", (0.3, 0.1, 0.12), (0.6, 0.2, 0.215), 0.2),
        BoxSpec("thing", (0.12, 0.08, 0.06), (0.6, -0.1, 0.185)),
    ),
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two frames of the scene, a prompt on the thing."""
    folder = tmp_path_factory.mktemp("twin") / "recording"
    camera = Camera.look_at((1.2, -0.7, 0.9), (0.6, 0.0, 0.17), focal_length_px=380.0, width=400, height=300)
    K, T = np.asarray(camera.camera_matrix), np.asarray(camera.T_world_camera)
    depth = np.rint(1000 * render_twin(twin_parts(SCENE), K, T, (400, 300)).depth_m).astype(np.uint16)
    x, y, z = K @ (np.linalg.inv(T) @ [0.6, -0.1, 0.215, 1.0])[:3]
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=T, camera_name="c") as writer:
        for stamp in (1, 2):
            writer.append(np.full((300, 400, 3), 100, np.uint8), depth, stamp)
        writer.set_prompt(Prompt(0, click=(round(x / z), round(y / z))))
    return folder


def test_a_scan_and_a_recording_become_a_task(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trimesh.creation.box((120.0, 80.0, 60.0)).export("scan.stl")
    assert cli.main(["twin", "object", "scan.stl", "--name", "thing", "--mass", "0.3", "--collision", "box"]) == 0
    assert "assumed: the file is in mm" in capsys.readouterr().out
    assert cli.main(["twin", "scene", str(recording)]) == 0
    assert "300 x 100 x 120 mm" in capsys.readouterr().out
    sections = [yaml.safe_load(open(name)) for name in ("thing/object.yaml", "scene/scene.yaml")]  # noqa: PTH123, SIM115
    task_file = tmp_path / "my_task.yaml"
    task_file.write_text(
        yaml.safe_dump({"name": "my_task", "embodiment": "iiwa14_allegro"} | sections[0] | sections[1])
    )
    task = load_task(task_file)
    assert task.object.mesh.is_file()
    assert task.object.inertia_kg_m2[0] == pytest.approx(0.3 / 12 * (0.08**2 + 0.06**2), rel=1e-4)
    (wall,) = task.scene.statics  # the thing is what the prompt points at
    np.testing.assert_allclose(wall.size_m, SCENE.statics[0].size_m, atol=0.004)
    assert wall.yaw_rad == pytest.approx(0.2, abs=0.02)
    assert task.scene.table_height_m == pytest.approx(0.155, abs=0.002)
    picture = cv2.imread("scene/picture.png")
    assert picture.shape == (300, 400, 3)
    assert len(json.loads((tmp_path / "scene" / "meta.json").read_text())["boxes"]) == 1


def test_nothing_is_replaced_or_guessed_silently(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["twin", "scene", str(recording), "--with-object", "--output", "s"]) == 0
    assert "120 x 80 x 60 mm" in capsys.readouterr().out
    for arguments, text in (
        (["twin", "scene", str(recording), "--output", "s"], "--force"),
        (["twin", "scene", str(recording), "--frames", "7,9"], "frames"),
        (["twin", "scene", str(recording), "--masks", "none.png"], "mask"),
        (["twin", "scene", str(recording), "--joints", "q.csv", "--robot-mesh", "r.stl"], "only one"),
        (["twin", "object", "scan.stl", "--name", "thing", "--mass", "1"], "no such file"),
    ):
        assert cli.main(arguments) == 2
        error = capsys.readouterr().err
        assert text in error and error.count("\n") == 1
