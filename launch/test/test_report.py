"""The report shows what the artefacts say, needs nothing outside itself, and is made again only when they change."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from h2s2r_bringup import cli
from h2s2r_bringup.report import figures, plots, sources, video
from h2s2r_bringup.report.compose import duration, report_is_current, summary, write_report
from h2s2r_bringup.report.figures import gather
from h2s2r_bringup.report.page import Page, render
from h2s2r_bringup.run_folder import RunFolder
from h2s2r_perception.artefact import Schema, writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.recording import RecordingWriter
from h2s2r_sim.rendering.camera import Camera
from h2s2r_sim.retargeting_view import OVERLAY, SIDES
from h2s2r_sim.task import load_task
from h2s2r_sim.twin_building.twin_view import render_twin, twin_parts

FRAMES, SHIFT_MM = 20, 2.0
STAMPS = 10**9 + np.arange(FRAMES, dtype=np.int64) * 33_333_333


def _poses():
    T = np.tile(np.eye(4), (FRAMES, 1, 1))
    T[:, :3, 3] = (0.6, -0.15, 0.185)
    T[:, 1, 3] += 0.25 * np.clip((np.arange(FRAMES) - 5) / 10, 0, 1)
    return T


def _write_recording(run, configuration):
    K = np.array([[60.0, 0, 32], [0, 60, 24], [0, 0, 1]])
    with RecordingWriter.create(
        run.recording, camera_matrix=K, T_world_camera=np.eye(4), camera_name="test", configuration=configuration
    ) as recording:
        for index in range(FRAMES):
            rgb = np.full((48, 64, 3), 40, np.uint8)
            cv2.circle(rgb, (10 + 2 * index, 24), 6, (230, 160, 40), -1)
            recording.append(rgb, np.full((48, 64), 800, np.uint16), int(STAMPS[index]))


def _write_demonstration(run):
    shifted = _poses()
    shifted[:, 0, 3] += SHIFT_MM / 1000
    joints = np.zeros((FRAMES, 21, 3))
    demonstration = Demonstration(STAMPS, shifted, np.ones(FRAMES), joints + 0.003, np.ones(FRAMES), 5, 15, 4)
    with writing(run.demonstration, SCHEMA) as artefact:
        demonstration.save(artefact.folder)
    with writing(run.ground_truth, Schema("ground_truth", 1)) as artefact:
        truth = {"stamp_ns": STAMPS, "T_world_object": _poses(), "hand_joints_world": joints}
        np.savez(artefact.folder / "ground_truth.npz", **truth, premanipulation_index=6)


def _write_results(run):
    with writing(run.retargeting, Schema("retargeting", 1)) as artefact:
        artefact.quality.update(ik_palm_mm=0.02, ik_palm_deg=0.01, ik_fingertip_mm_mean=12.0, ik_penetration_mm=0.0)
    run.training.mkdir()
    rows = [f"{1000 * i},{2.0 * i},{i / 10},{i / 10},{3.0 * i}" for i in range(1, 10)]
    header = "steps,seconds,success,evaluated_success,episode_return"
    (run.training / "curve.csv").write_text("\n".join([header, *rows]) + "\n")
    with writing(run.evaluation, Schema("evaluation", 1)) as artefact:
        for who, rate in (("policy", 0.95), ("replay", 0.3), ("object_aware_replay", 0.5)):
            key = f"success_{who}"
            artefact.quality.update({key: rate, f"{key}_lo": rate - 0.04, f"{key}_hi": rate + 0.03, f"{key}_n": 300})
    with writing(run.deployment, Schema("deployment", 1)) as artefact:
        artefact.quality.update(deployed_success=0.9, deployed_n=10, latency_ms_p50=21.0, latency_ms_p99=55.0)
        (artefact.folder / "deployment.json").write_text(json.dumps({"trials": [{"wall_s": 7.0}] * 10}))
        samples = np.random.default_rng(0).gamma(4.0, 3.0, 200)
        np.savez(artefact.folder / "latency.npz", image_to_object_pose=samples, image_to_joint_command=2 * samples)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with every artefact and its page; not to be changed."""
    folder = RunFolder(tmp_path_factory.mktemp("finished") / "snackbox_push")
    _write_recording(folder, {"demonstrator": {"seed": 0}})
    _write_demonstration(folder)
    _write_results(folder)
    write_report(folder, "snackbox_push")
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy that a test may change."""
    return RunFolder(Path(shutil.copytree(finished.path, tmp_path / "snackbox_push")))


def test_figures_are_measured_against_the_truth_and_flat(run):
    flat = gather(run).flat()
    assert flat["object_translation_mm_p50"] == pytest.approx(SHIFT_MM, abs=1e-6)
    assert flat["hand_joint_mm_p50"] == pytest.approx(3.0 * np.sqrt(3.0), abs=1e-6)
    assert abs(flat["premanipulation_frame_error"]) == 2
    assert flat["success_policy_lo"] < flat["success_policy"] < flat["success_policy_hi"]
    assert "missing" not in flat
    assert all(isinstance(value, int | float) for value in flat.values())


def test_an_imported_recording_has_no_truth_to_compare_with(run):
    _write_recording(run, {"frame_rate_hz": 30.0})
    assert gather(run).missing["object_translation_mm_p50"] == figures.MAKES_PERCEPTION
    assert sources.object_path(run).truth is None


def test_the_page_shows_both_hands_where_the_retargeting_has_pictures(run):
    write_report(run, "snackbox_push")
    assert "h2s2r retarget --force" in run.report.read_text()
    with writing(run.retargeting, Schema("retargeting", 1)) as artefact:
        for name in (OVERLAY, *SIDES):
            _, data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))
            (artefact.folder / name).write_bytes(data.tobytes())
    assert not report_is_current(run)
    write_report(run, "snackbox_push")
    page = run.report.read_text()
    assert page.count("human hand and robot hand at the pre-manipulation frame") == 3
    assert "h2s2r retarget --force" not in page


def test_every_missing_figure_names_the_command_that_makes_it(tmp_path, capsys):
    (tmp_path / "snackbox_push").mkdir()
    assert cli.main(["report", "--json", "--root", str(tmp_path)]) == 0
    missing = json.loads(capsys.readouterr().out)["missing"]
    assert missing["object_rotation_deg_p95"] == figures.MAKES_PERCEPTION
    assert missing["ik_palm_mm"] == "h2s2r retarget"
    assert missing["success_object_aware_replay_n"] == "h2s2r evaluate"
    assert missing["latency_ms_p99"].startswith("h2s2r up simulated")
    assert len(missing) == 6 + 4 + 12 + 4 + 4


def test_a_figure_that_is_not_a_number_counts_as_missing(run):
    with writing(run.retargeting, Schema("retargeting", 1)) as artefact:
        artefact.quality["ik_palm_mm"] = float("nan")
    assert gather(run).missing["ik_palm_mm"] == "h2s2r retarget"


def test_without_a_run_the_report_says_how_to_get_one(tmp_path, capsys):
    assert cli.main(["report", "--root", str(tmp_path)]) == 2
    assert "h2s2r demo" in capsys.readouterr().err


def test_the_page_needs_nothing_outside_itself_and_shows_every_section(finished):
    html = finished.report.read_text()
    assert len(html) < 10e6
    references = re.findall(r'(?:src|href|xlink:href)="([^"]*)"|url\(([^)]*)\)', html)
    outside = [a or b for a, b in references if not (a or b).startswith(("#", "data:"))]
    assert not outside
    assert "@import" not in html
    assert html.count("data:video/mp4;base64,") == 1  # the stand-in run has no overlay and no robot video
    assert html.count("<svg") == 3
    for text in ("95.0 %", "9 of 10 trials", "Object-Aware Replay", "image to joint command", "0.02", "prefers-color"):
        assert text in html


def test_ids_of_the_drawings_do_not_clash(finished):
    ids = re.findall(r'\bid="([^"]+)"', finished.report.read_text())
    assert len(ids) == len(set(ids))


def test_the_page_is_made_again_only_when_an_artefact_changed(run):
    assert report_is_current(run)
    with writing(run.retargeting, Schema("retargeting", 1)) as artefact:
        (artefact.folder / "more.txt").write_text("changed")
    assert not report_is_current(run)


@pytest.fixture
def looking(tmp_path):
    """A run whose camera sees the task's own table, box and object, as the task and the demonstration place them."""
    task, run = load_task("snackbox_push"), RunFolder(tmp_path / "snackbox_push")
    camera = Camera.look_at((1.0, -0.6, 0.8), (0.6, 0.0, 0.17), focal_length_px=150.0, width=160, height=120)
    K, T = np.asarray(camera.camera_matrix), np.asarray(camera.T_world_camera)
    model = load_object_model(task.object.mesh)
    box = trimesh.Trimesh(model.vertices + _poses()[0, :3, 3], model.faces, process=False)
    twin = render_twin(twin_parts(task.scene, box), K, T, (160, 120))
    with RecordingWriter.create(run.recording, camera_matrix=K, T_world_camera=T, camera_name="test") as recording:
        for stamp in STAMPS:
            depth = np.rint(1000 * twin.depth_m).astype(np.uint16)
            recording.append(np.full((120, 160, 3), 90, np.uint8), depth, int(stamp))
    joints = np.zeros((FRAMES, 21, 3))
    demonstration = Demonstration(STAMPS, _poses(), np.ones(FRAMES), joints, np.ones(FRAMES), 5, 15, 4)
    with writing(run.demonstration, SCHEMA) as artefact:
        demonstration.save(artefact.folder)
        (artefact.folder / "masks").mkdir()
        cv2.imwrite(str(artefact.folder / "masks" / "00000.png"), 255 * (twin.part == 2).astype(np.uint8))
    return run, task


def test_the_twin_is_drawn_over_the_image_and_measured(looking):
    run, task = looking
    values = write_report(run, "snackbox_push", task).values
    for part in ("table", "statics", "object"):
        assert values[f"twin_{part}_depth_mm_p50"] < 0.6
    assert values["twin_object_iou"] == pytest.approx(1.0)
    html = run.report.read_text()
    assert "Digital twin over the camera image" in html
    assert html.count("data:image/jpeg;base64,") == 1
    assert report_is_current(run, task)


def test_a_scene_that_lies_elsewhere_shows_in_the_figures_and_outdates_the_page(looking):
    run, task = looking
    write_report(run, "snackbox_push", task)
    x, y, z = task.scene.table.position_m
    lifted = replace(task.scene, table=replace(task.scene.table, position_m=(x, y, z + 0.02)))
    wrong = replace(task, scene=lifted)
    assert not report_is_current(run, wrong)
    assert write_report(run, "snackbox_push", wrong).values["twin_table_depth_mm_p50"] > 15.0


def test_a_report_does_without_a_task_that_has_gone(looking, capsys):
    run, _ = looking
    assert (
        cli.main(["report", "--json", "--task", str(run.path.with_suffix(".yaml")), "--root", str(run.path.parent)])
        == 0
    )
    captured = capsys.readouterr()
    assert "without the digital twin" in captured.err
    assert "twin_table_depth_mm_p50" not in json.loads(captured.out)
    assert cli.main(["report", "--json", "--root", str(run.path.parent)]) == 0
    assert json.loads(capsys.readouterr().out)["twin_table_depth_mm_p50"] < 0.6


def test_an_empty_run_gives_a_page_that_says_what_to_run(tmp_path):
    run = RunFolder(tmp_path)
    write_report(run, "a <b> task")
    html = run.report.read_text()
    assert "h2s2r perceive" in html
    assert "a &lt;b&gt; task" in html


def test_a_page_that_cannot_be_finished_leaves_the_old_one(run, monkeypatch):
    before = run.report.read_bytes()

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr("h2s2r_bringup.report.compose.render", fail)
    with pytest.raises(RuntimeError):
        write_report(run, "snackbox_push")
    assert run.report.read_bytes() == before


def test_the_time_of_every_stage_is_shown_and_training_counts_what_was_spent(finished):
    seconds = sources.stage_seconds(finished)
    assert list(seconds) == ["demonstrate", "perceive", "retarget", "train", "evaluate", "up simulated"]
    assert seconds["train"] == 18.0
    assert seconds["up simulated"] == 70.0


def test_a_broken_video_is_named(tmp_path):
    path = tmp_path / "overlay.mp4"
    path.write_bytes(b"not a video")
    with pytest.raises(Exception, match=r"overlay\.mp4: video: expected"):
        video.from_file(path)


def test_words_for_people():
    assert duration(3.21) == "3.2 s"
    assert duration(42.4) == "42 s"
    assert duration(305.0) == "5 min 05 s"
    assert "5 min 05 s" in summary({"success_policy": 0.9, "success_policy_n": 300}, 305.0, rendered=False)
    assert summary({}, 5.0, rendered=True).startswith("A rendered human hand")
    assert "This page grows" in summary({}, None, rendered=True)


def test_drawings_take_the_text_colour_of_the_page():
    svg = plots.latency({"a hop": np.arange(100.0)})
    assert "currentColor" in svg
    assert plots.INK not in svg


def test_text_from_outside_cannot_become_markup():
    html = render(Page(task="<script>x</script>", summary="", fingerprint=""))
    assert "<script>" not in html
