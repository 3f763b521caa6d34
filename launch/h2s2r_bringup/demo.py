"""`h2s2r demo`: every stage in order, from a human's video to a robot that has done the task, and a report."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from h2s2r_bringup.pipeline import Outcome, Stage, run_pipeline
from h2s2r_bringup.run_folder import is_imported, only_writer

if TYPE_CHECKING:
    from h2s2r_bringup.commands.options import TaskSelection

TRIALS = 10

HEADLINES = (
    "object_translation_mm_p50",
    "object_rotation_deg_p50",
    "ik_palm_mm",
    "success_policy",
    "success_replay",
    "success_object_aware_replay",
    "deployed_success",
    "latency_ms_p50",
)
"""The figures worth a line on the terminal; `h2s2r report --json` prints all."""


def run_demo(selection: TaskSelection, *, force: bool = False) -> None:
    """Run every stage that is not up to date, then say what came out.

    Args:
        selection: The task and its run folder.
        force: Run every stage, up to date or not; training begins afresh.
    """
    from h2s2r_bringup.report import gather

    started = time.monotonic()
    with only_writer(selection.human):
        outcomes = run_pipeline(human_stages(selection), force=force)
    with only_writer(selection.run):
        outcomes += run_pipeline(robot_stages(selection, afresh=force), force=force)
        figures = gather(selection.run)
    total_s = time.monotonic() - started
    print("\n".join(summary_lines(outcomes, total_s, figures.values, selection.run.report)), flush=True)


def human_stages(selection: TaskSelection) -> Iterator[Stage]:
    """What has to do with the human alone, each made when its turn comes: a later one may need what an earlier wrote.

    Every robot of the task shares what they make.
    """
    from h2s2r_bringup import stages

    task, run = selection.load(), selection.human
    if not is_imported(run):
        yield stages.demonstrate_stage(task, run)
    yield stages.perceive_stage(task, stages.PerceptionInput(run.recording), run.demonstration)


def robot_stages(selection: TaskSelection, *, afresh: bool = False) -> Iterator[Stage]:
    """The stages after that, for the robot.

    Args:
        selection: The task, the robot and their run folder.
        afresh: Throw training's checkpoint away instead of going on from it.
    """
    from h2s2r_bringup import stages
    from h2s2r_bringup.commands.evaluate import EPISODES

    task, run = selection.load(), selection.run
    yield stages.retarget_stage(task, run)
    yield stages.train_stage(task, run, profile="quick", resume=not afresh)
    yield stages.evaluate_stage(task, run, episodes=EPISODES)
    yield stages.deploy_stage(selection.name_or_file, run, trials=TRIALS, embodiment=selection.embodiment)
    yield stages.report_stage(run, task)


def summary_lines(outcomes: Sequence[Outcome], total_s: float, figures: Mapping[str, float], report: Path) -> list[str]:
    """What the demo says at its end.

    Args:
        outcomes: What happened to each stage.
        total_s: Wall time of the whole demo.
        figures: The run's figures.
        report: Where the HTML page lies.
    """
    stages = [
        f"  {outcome.stage.name:<28} {'up to date' if outcome.skipped else f'{outcome.seconds:8.1f} s'}"
        for outcome in outcomes
    ]
    known = [f"  {key:<28} {figures[key]:8.3g}" for key in HEADLINES if key in figures]
    return [
        "",
        "stages",
        *stages,
        f"  {'total':<28} {total_s:8.1f} s",
        "figures",
        *known,
        "",
        f"report: {report.resolve()}",
    ]
