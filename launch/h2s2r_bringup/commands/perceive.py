"""`h2s2r perceive`: what the human did, from the recording."""

from __future__ import annotations

from pathlib import Path

import click

from h2s2r_bringup.commands.options import Numbers, TaskSelection, config_option, force_option, task_options


@click.command("perceive")
@click.option("--box", type=Numbers("x0", "y0", "x1", "y1"), help="Box round the object, pixels.")
@click.option("--click", "point", type=Numbers("x", "y"), help="A pixel on the object, instead of a box.")
@click.option("--frame", type=int, default=0, show_default=True, help="Frame of the box or the click.")
@click.option("--recording", type=click.Path(path_type=Path), help="Recording to read [default: ROOT/TASK/recording].")
@click.option("--mesh", type=click.Path(path_type=Path), help="Object mesh in metres [default: the task's].")
@click.option("--output", type=click.Path(path_type=Path), help="Where it goes [default: ROOT/TASK/demonstration].")
@click.option(
    "--object-only",
    is_flag=True,
    help="Register and track the object, and stop: no motion, no hand needed; goes to object/ instead.",
)
@config_option
@force_option
@task_options
def command(
    selection: TaskSelection,
    box: tuple[int, ...] | None,
    point: tuple[int, ...] | None,
    frame: int,
    recording: Path | None,
    mesh: Path | None,
    output: Path | None,
    object_only: bool,
    config: Path | None,
    force: bool,
) -> None:
    """Find object, hand and start of motion in a recording.

    In: a Recording and the object's mesh. The object is the one that a hand moves; a box, a click or the
    recording's prompt.json overrides that. Out: demonstration/ with masks of object and hand, object poses,
    hand joints, the pre-manipulation frame and an overlay video to judge them by.

    \b
    Examples:
      h2s2r perceive
      h2s2r perceive --recording my/video --mesh my/mug.obj --click 320,240
      h2s2r perceive --recording m3t/recording --mesh m3t/bottle.obj --box 400,118,526,410 --object-only
    """  # noqa: D301
    from h2s2r_bringup.commands.import_recording import prompt_of
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import PerceptionInput, perceive_object_stage, perceive_stage

    given = PerceptionInput(recording or selection.run.recording, mesh, prompt_of(box, point, frame))
    task, run = selection.load(), selection.run
    with only_writer(run):
        if object_only:
            stage = perceive_object_stage(task, given, output or run.path / "object")
        else:
            stage = perceive_stage(task, given, output or run.demonstration, config)
        run_stage(stage, force=force)
