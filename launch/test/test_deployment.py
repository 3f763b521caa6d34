"""Trials through the graph: the strict verdict, the runner's order of calls, the artefact."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from h2s2r_bringup import deployment, trial
from h2s2r_bringup.node_table import GraphSettings, NodeSpec, nodes_of
from h2s2r_bringup.up import EXIT_TOO_SLOW, run_nodes
from h2s2r_perception import demonstration as demonstrations
from h2s2r_perception.artefact import InputError, Schema, read_meta, writing
from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_policy.anchors import object_anchors
from h2s2r_sim.arrivals import HOPS, TOTAL
from h2s2r_sim.task import SuccessSpec

STAND_INS = Path(__file__).parent / "stand_in_nodes"
SECOND_NS = 1_000_000_000


def at(y, x=0.6, yaw=0.0):
    T = np.eye(4)
    T[:3, 3] = [x, y, 0.185]
    T[:3, :3] = rotation_from_vector(np.array([0.0, 0.0, yaw]))
    return T


def watched(object_poses, goal_poses, period_s=0.1):
    watch = trial.TrialWatch(object_anchors("none"), at(0.10), SuccessSpec())
    for index, (T_object, T_goal) in enumerate(zip(object_poses, goal_poses, strict=True)):
        watch.goal_is_at(int(index * period_s * SECOND_NS), T_goal)
        watch.object_is_at(int(index * period_s * SECOND_NS), T_object)
    return watch


def path(end_y, count=30):
    return [at(y) for y in np.minimum(np.linspace(-0.15, 0.40, count), end_y)]


def test_an_object_that_follows_its_goal_to_the_end_is_a_success():
    watch = watched(path(0.10), path(0.10))
    assert watch.has_settled and not watch.is_lost
    verdict = watch.verdict("settled", wall_s=1.0)
    assert verdict.success and verdict.final_distance_m < 1e-9
    assert verdict.simulated_s == pytest.approx(2.9)


@pytest.mark.parametrize(("short_m", "success"), [(0.029, True), (0.031, False)])
def test_the_final_distance_decides_at_three_centimetres(short_m, success):
    assert watched(path(0.10 - short_m), path(0.10)).verdict("settled", 1.0).success is success


def test_a_turned_object_is_not_at_its_goal():
    turned = [*path(0.10)[:-1], at(0.10, yaw=0.3)]
    verdict = watched(turned, path(0.10)).verdict("settled", 1.0)
    # Two of three anchors, 0.2 m from the axis, move by 2 * 0.2 * sin(0.15).
    assert verdict.final_distance_m == pytest.approx(2 / 3 * 2 * 0.2 * np.sin(0.15), rel=1e-6)
    assert not verdict.success


def test_an_object_that_was_lost_on_the_way_fails_though_it_arrives():
    astray = path(0.10)
    astray[5] = at(-0.15, x=1.0)
    watch = watched(astray, path(0.10))
    assert watch.is_lost and not watch.verdict("settled", 1.0).success


def test_a_trial_that_ended_by_a_limit_fails_wherever_the_object_is():
    assert not watched(path(0.10), path(0.10)).verdict("wall limit of 60 s", 1.0).success


def test_nothing_seen_is_a_failure_not_a_crash():
    verdict = trial.TrialWatch(object_anchors("none"), at(0.1), SuccessSpec()).verdict("no pose", 1.0)
    assert not verdict.success and verdict.final_distance_m is None and verdict.largest_distance_m is None
    json.dumps(verdict.as_mapping(), allow_nan=False)


def test_a_goal_without_its_object_yet_is_not_a_lost_object():
    watch = trial.TrialWatch(object_anchors("none"), at(0.10), SuccessSpec())
    watch.goal_is_at(0, at(-0.15))
    assert not watch.is_lost


def test_the_tracker_is_stable_when_its_poses_agree():
    assert not trial.is_stable([at(0.0)] * 3)
    assert trial.is_stable([at(0.5), *[at(0.0)] * 4])
    assert not trial.is_stable([at(0.0)] * 3 + [at(0.01)])
    assert not trial.is_stable([at(0.0)] * 3 + [at(0.0, yaw=0.1)])


@pytest.fixture
def run_folder(tmp_path):
    """A run whose demonstration goes from y = -0.15 to 0.10 m; its other artefacts are only there."""
    run = tmp_path / "run"
    frames = 30
    poses = np.stack([at(y) for y in np.linspace(-0.15, 0.10, frames)])
    with writing(run / "demonstration", demonstrations.SCHEMA) as artefact:
        demonstrations.Demonstration(
            stamp_ns=np.arange(frames, dtype=np.int64) * 33_333_333,
            T_world_object=poses,
            object_confidence=np.ones(frames),
            hand_joints_world=np.zeros((frames, 21, 3)),
            hand_confidence=np.ones(frames),
            motion_start=1,
            motion_end=frames - 1,
            premanipulation_index=0,
        ).save(artefact.folder)
    for name in ("recording", "retargeting", "policy"):
        with writing(run / name, Schema(name, 1)):
            pass
    return run


def run_stand_ins(run, output, monkeypatch, **parameters):
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    settings = GraphSettings(run, "snackbox_push", output, trials=2)
    (runner,) = [spec for spec in nodes_of("simulated", settings) if spec.name == "trial_runner"]
    others = NodeSpec("whole_graph", "tests", "whole_graph", "whole_graph", parameters, publishes=("/goal_pose",))
    lines = []
    code = run_nodes([others, runner], output, report=lines.append, wall_limit_s=60.0)
    return code, lines


def test_the_runner_runs_trials_in_order_and_judges_each(run_folder, tmp_path, monkeypatch):
    code, lines = run_stand_ins(run_folder, tmp_path / "out", monkeypatch)
    assert code == 0
    results = json.loads((tmp_path / "out" / "trials.json").read_text())
    assert [result["success"] for result in results] == [True, False]
    assert [result["reason"] for result in results] == ["settled", "settled"]
    assert results[1]["final_distance_m"] == pytest.approx(0.25)
    assert sum(line.startswith("trial ") for line in lines) == 2
    log = (tmp_path / "out" / "whole_graph.log").read_text()
    called = [line.rsplit(" ", 1)[1] for line in log.splitlines() if "called " in line]
    prepare = ["/policy/hold", "/simulation/reset", "/controller/reset", "/object_pose/reset"]
    assert called == 2 * [*prepare, "/goal/start", "/policy/start", "/policy/hold"]


def test_a_refused_service_is_a_failed_trial_with_its_reason(run_folder, tmp_path, monkeypatch):
    code, _ = run_stand_ins(run_folder, tmp_path / "out", monkeypatch, refuse="/policy/start")
    assert code == 0
    results = json.loads((tmp_path / "out" / "trials.json").read_text())
    assert [result["success"] for result in results] == [False, False]
    assert results[0]["reason"] == "/policy/start refused: as told"


def test_an_interrupted_runner_ends_at_once(run_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    settings = GraphSettings(run_folder, "snackbox_push", tmp_path)
    (runner,) = [spec for spec in nodes_of("simulated", settings) if spec.name == "trial_runner"]
    ready = dataclasses.replace(runner, publishes=("/rosout",))
    # Nobody offers the services it waits for.
    assert run_nodes([ready], tmp_path, report=lambda line: None, wall_limit_s=0.5) == EXIT_TOO_SLOW
    assert "interrupted" in (tmp_path / "trial_runner.log").read_text()


VERDICTS = [
    trial.Verdict(index < 9, 0.01, 0.1, 4.0, 9.0, 2.0, "settled" if index < 9 else "object lost") for index in range(10)
]
LATENCIES = {name: np.linspace(10.0, 20.0, 101) for name in (*HOPS, TOTAL)}


def graph_that_writes(code=0):
    def fake_up(graph, settings, *, report, wall_limit_s):
        assert graph == "simulated" and wall_limit_s > 60.0
        (settings.output_folder / "trials.json").write_text(json.dumps([v.as_mapping() for v in VERDICTS]))
        np.savez(settings.output_folder / "latency.npz", **LATENCIES)
        (settings.output_folder / "rollout.mp4").write_bytes(b"video")
        for index in range(10):
            report(f"trial {index + 1}/10: success (settled), ...")
        return code

    return fake_up


def test_a_deployment_is_written_with_its_figures_and_is_then_up_to_date(run_folder, monkeypatch):
    monkeypatch.setattr(deployment, "up", graph_that_writes())
    fractions = []
    code = deployment.run(
        run_folder, "snackbox_push", 10, progress=lambda f, note: fractions.append(f), report=lambda line: None
    )
    assert code == 0 and fractions[-1] == 1.0 and fractions == sorted(fractions)
    folder = run_folder / "deployment"
    written = json.loads((folder / "deployment.json").read_text())
    assert (written["deployed_success"], written["deployed_n"]) == (0.9, 10)
    assert len(written["trials"]) == 10 and written["latency_ms_p50"] == pytest.approx(15.0)
    assert written["latency_image_to_object_pose_ms_p99"] == pytest.approx(19.9)
    assert (folder / "rollout.mp4").read_bytes() == b"video"
    with np.load(folder / "latency.npz") as stored:
        assert set(stored.files) == {*HOPS, TOTAL}
    assert read_meta(folder, deployment.SCHEMA)["quality"]["deployed_success"] == 0.9
    configuration = deployment.DeploymentConfiguration("snackbox_push", 10)
    assert deployment.up_to_date(run_folder, configuration)
    assert not deployment.up_to_date(run_folder, dataclasses.replace(configuration, trials=11))


def test_a_graph_that_failed_writes_no_deployment_and_keeps_the_old_one(run_folder, monkeypatch):
    monkeypatch.setattr(deployment, "up", graph_that_writes())
    deployment.run(run_folder, "snackbox_push", 10, report=lambda line: None)
    before = (run_folder / "deployment" / "meta.json").read_text()
    monkeypatch.setattr(deployment, "up", graph_that_writes(code=2))
    assert deployment.run(run_folder, "snackbox_push", 10, seed=1, report=lambda line: None) == 2
    assert (run_folder / "deployment" / "meta.json").read_text() == before


def test_missing_artefacts_are_named_before_anything_starts(tmp_path):
    with pytest.raises(InputError, match="recording"):
        deployment.run(tmp_path, "snackbox_push", 1)
    with pytest.raises(InputError, match="trials"):
        deployment.run(tmp_path, "snackbox_push", 0)
