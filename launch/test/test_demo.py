"""A pipeline killed at any moment goes on where it stopped: nothing finished is redone, nothing is corrupt."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from h2s2r_bringup import cli, stages
from h2s2r_bringup.commands.options import TaskSelection
from h2s2r_bringup.demo import human_stages, robot_stages, summary_lines
from h2s2r_bringup.pipeline import Stage, run_pipeline, run_stage
from h2s2r_bringup.run_folder import only_writer
from h2s2r_perception.artefact import Schema, content_sha256, is_current, read_meta, writing

NAMES = ("one", "two", "three", "four", "five", "six")

# Slow stand-in stages in a process of their own, so that it can be killed: each writes one file in many small
# steps and says when it begins.
SCRIPT = """
import sys, time
from pathlib import Path
from h2s2r_bringup.pipeline import Stage, run_pipeline
from h2s2r_perception.artefact import Schema, is_current, writing

root = Path(sys.argv[1])

def stage(name, previous):
    folder, schema = root / name, Schema(name, 1)
    inputs = {} if previous is None else {"previous": root / previous}
    def make(progress):
        print("BEGIN", name, flush=True)
        with writing(folder, schema, inputs=inputs) as writer:
            with (writer.folder / "data.txt").open("w") as file:
                for step in range(20):
                    file.write(f"{name} {step}\\n"); file.flush()
                    time.sleep(0.015)
    return Stage(name, name, folder, lambda: is_current(folder, schema, inputs=inputs), make)

names = sys.argv[2].split(",")
run_pipeline([stage(name, names[i - 1] if i else None) for i, name in enumerate(names)])
"""


def _start(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(root), ",".join(NAMES)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def _finished(root: Path) -> dict[str, int]:
    """Finished artefacts with the time of their making [ns]."""
    metas = ((name, root / name / "meta.json") for name in NAMES)
    return {name: path.stat().st_mtime_ns for name, path in metas if path.exists()}


@pytest.mark.slow
def test_kill_at_five_random_moments_redoes_no_finished_stage_and_corrupts_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    finished: dict[str, int] = {}
    for _ in range(5):
        process = _start(tmp_path)
        assert process.stdout is not None
        while not process.stdout.readline().startswith("BEGIN"):
            assert process.poll() is None, "the stand-in stages are too quick to be interrupted"
        time.sleep(chance.uniform(0.0, 0.45))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        now = _finished(tmp_path)
        assert finished.items() <= now.items(), "a finished stage was redone or lost"
        finished = now
    assert _start(tmp_path).wait() == 0
    assert finished.items() <= _finished(tmp_path).items()
    for name in NAMES:
        meta = read_meta(tmp_path / name, Schema(name, 1))
        assert (tmp_path / name / "data.txt").read_text().count("\n") == 20
        assert meta["content_sha256"] == content_sha256(tmp_path / name)
    assert not list(tmp_path.glob(".*.partial"))
    assert not list(tmp_path.glob(".*.previous"))


def _counting_stage(folder: Path, made: list[str], inputs: dict[str, Path] | None = None) -> Stage:
    schema = Schema("x", 1)

    def make(progress: object) -> None:
        made.append(folder.name)
        with writing(folder, schema, inputs=inputs) as writer:
            (writer.folder / "n.txt").write_text(str(len(made)))

    return Stage(folder.name, folder.name, folder, lambda: is_current(folder, schema, inputs=inputs), make)


def test_a_stage_runs_again_only_when_its_input_changed_or_force_is_given(tmp_path: Path) -> None:
    source, made = tmp_path / "source.txt", list[str]()
    source.write_text("a")
    stage = _counting_stage(tmp_path / "out", made, {"source": source})
    assert not run_stage(stage).skipped
    assert run_stage(stage).skipped
    source.write_text("b")
    assert not run_stage(stage).skipped
    assert not run_stage(stage, force=True).skipped
    assert made == ["out"] * 3


def test_an_error_keeps_the_finished_stages_and_ends_the_pipeline(tmp_path: Path) -> None:
    made: list[str] = []
    first, last = (_counting_stage(tmp_path / name, made) for name in ("first", "last"))

    def fail(progress: object) -> None:
        raise RuntimeError("broken")

    broken = Stage("broken", "broken", tmp_path / "broken", lambda: False, fail)
    with pytest.raises(RuntimeError):
        run_pipeline([first, broken, last])
    assert made == ["first"]
    assert (tmp_path / "first").is_dir()
    assert not (tmp_path / "last").exists()
    assert json.loads((tmp_path / "first/meta.json").read_text())["schema"] == "x"


def test_the_summary_says_what_was_skipped_and_where_the_report_is(tmp_path: Path) -> None:
    made: list[str] = []
    stage = _counting_stage(tmp_path / "out", made)
    text = "\n".join(
        summary_lines([run_stage(stage), run_stage(stage)], 12.3, {"success_policy": 0.953}, tmp_path / "r.html")
    )
    assert "up to date" in text
    assert "success_policy" in text
    assert str(tmp_path / "r.html") in text


ORDER = ["demonstrate", "perceive", "retarget", "train", "evaluate", "up simulated", "report"]


def test_the_demo_goes_through_every_stage_in_order(tmp_path: Path) -> None:
    assert _stages(TaskSelection("snackbox_push", tmp_path)) == ORDER


def test_the_demo_never_films_over_an_imported_recording(tmp_path: Path) -> None:
    with writing(tmp_path / "snackbox_push" / "recording", Schema("recording", 1), configuration={"prompt": None}):
        pass
    assert _stages(TaskSelection("snackbox_push", tmp_path)) == ORDER[1:]


def _stages(selection: TaskSelection) -> list[str]:
    return [stage.name for stage in (*human_stages(selection), *robot_stages(selection))]


def test_another_robot_has_a_run_of_its_own_that_follows_the_same_human(tmp_path: Path) -> None:
    selection = TaskSelection("snackbox_push", tmp_path, "iiwa14_umi")
    human, run = selection.human, selection.run
    assert (human.path.name, run.path.name) == ("snackbox_push", "snackbox_push-iiwa14_umi")
    assert selection.load().embodiment == "iiwa14_umi"
    outputs = {stage.name: stage.output for stage in (*human_stages(selection), *robot_stages(selection))}
    assert outputs["perceive"] == human.demonstration and outputs["train"] == run.policy
    with only_writer(run):
        human.demonstration.mkdir(parents=True)
        (human.demonstration / "meta.json").write_text("{}")
    assert (run.demonstration / "meta.json").read_text() == "{}"
    assert not run.recording.exists()  # a link that waits for the human to be filmed
    with only_writer(run):  # a second time leaves the links alone
        pass
    own = TaskSelection("snackbox_push", tmp_path, selection.load().embodiment)
    assert own.run.path == run.path


def test_the_tasks_own_robot_by_name_is_the_plain_run(tmp_path: Path) -> None:
    plain = TaskSelection("snackbox_push", tmp_path)
    assert TaskSelection("snackbox_push", tmp_path, plain.load().embodiment).run == plain.run


def test_a_second_demo_makes_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stages are stand-ins but for the report, the command and the pipeline are the real ones."""
    made: list[str] = []
    run = tmp_path / "snackbox_push"
    for name in ("demonstrate", "perceive", "retarget", "train", "evaluate", "deploy"):
        stage = _counting_stage(run / name, made)
        monkeypatch.setattr(stages, f"{name}_stage", lambda *_, stage=stage, **__: stage)
    assert cli.main(["demo", "--root", str(tmp_path)]) == 0
    first, page = list(made), (run / "report.html").stat().st_mtime_ns
    assert cli.main(["demo", "--root", str(tmp_path)]) == 0
    assert made == first == ["demonstrate", "perceive", "retarget", "train", "evaluate", "deploy"]
    assert (run / "report.html").stat().st_mtime_ns == page
    assert capsys.readouterr().out.count("up to date (") == 7
    assert cli.main(["demo", "--root", str(tmp_path), "--force"]) == 0
    assert made == 2 * first
