"""`h2s2r import`, `export` and `accuracy` as a user types them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from h2s2r_bringup import cli
from h2s2r_bringup.run_folder import RunFolder, has_ground_truth
from h2s2r_perception.accuracy import GROUND_TRUTH
from h2s2r_perception.artefact import Schema, writing
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.ground_truth import write_ground_truth
from h2s2r_perception.recording import Recording, RecordingWriter

WIDTH, HEIGHT, FRAMES = 64, 48, 3
K = np.array([[60.0, 0.0, 32.0], [0.0, 61.0, 24.0], [0.0, 0.0, 1.0]])
T_WORLD_CAMERA = np.asarray(pose(rotation_from_vector(np.array([2.1, 0.3, -0.4])), np.array([1.0, 0.2, 0.7])))


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "runs" / "snackbox_push")
    generator = np.random.default_rng(0)
    stamp_ns = 10**9 + np.arange(FRAMES, dtype=np.int64) * 33_333_333
    with RecordingWriter.create(
        run.recording, camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="test"
    ) as writer:
        for stamp in stamp_ns:
            rgb = generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            writer.append(rgb, generator.integers(300, 900, (HEIGHT, WIDTH), dtype=np.uint16), int(stamp))
    write_ground_truth(
        run.ground_truth,
        stamp_ns=stamp_ns,
        T_world_object=np.tile(T_WORLD_CAMERA, (FRAMES, 1, 1)),
        hand_joints_world=np.full((FRAMES, 21, 3), np.nan),
        origin="made up",
    )
    return run


def test_there_and_back_with_truth_and_accuracy(run, tmp_path, capsys):
    scene = tmp_path / "scene"
    root = ["--root", str(run.path.parent)]
    assert cli.main(["export", str(scene), "--layout", "bop", "--truth", str(run.ground_truth), *root]) == 0
    assert cli.main(["import", str(scene), "--force", *root]) == 0
    told = capsys.readouterr().out
    assert "bop (scene_camera.json)" in told
    assert "poses that came with the data" in told
    assert has_ground_truth(run)
    np.testing.assert_allclose(Recording.open(run.recording).T_world_camera, T_WORLD_CAMERA, atol=1e-9)

    with writing(run.path / "object", Schema("object_track", 1)) as track:
        (track.folder / "ob_in_cam").mkdir()
        for index in range(FRAMES):
            T = np.eye(4)
            T[0, 3] = 0.001 * (index + 1)  # 1, 2 and 3 mm beside the truth
            np.savetxt(track.folder / "ob_in_cam" / f"{index:05d}.txt", T)
    assert cli.main(["accuracy", "--track", str(run.path / "object"), "--json", *root]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["object_translation_mm_p50"] == pytest.approx(2.0, abs=1e-6)
    assert figures["object_rotation_deg_p95"] == pytest.approx(0.0, abs=1e-4)
    assert figures["frames_with_truth"] == FRAMES


def test_a_recording_without_poses_takes_the_older_truth_away(run, tmp_path):
    root = ["--root", str(run.path.parent)]
    assert cli.main(["export", str(tmp_path / "bag"), "--layout", "rosbag", *root]) == 0
    assert (run.ground_truth / GROUND_TRUTH).is_file()
    assert cli.main(["import", str(tmp_path / "bag"), "--force", *root]) == 0
    assert not run.ground_truth.exists()
    assert not has_ground_truth(run)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "{tmp}/x", "--layout", "avi"], "rosbag, realsense, published, bop"),
        (["export", "{tmp}", "--layout", "bop"], "something already"),
        (["import", "{tmp}/absent", "--force"], "found nothing"),
        (["import", "{tmp}", "--force"], "ycbineoat: "),
        (["accuracy", "--track", "{tmp}/absent"], "0 poses"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(run, tmp_path, capsys, arguments, message):
    given = [argument.format(tmp=tmp_path) for argument in arguments]
    assert cli.main([*given, "--root", str(run.path.parent)]) == 2
    told = capsys.readouterr().err.strip()
    assert message in told
    assert len(told.splitlines()) == 1
