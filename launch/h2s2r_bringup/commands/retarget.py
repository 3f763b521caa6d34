"""`h2s2r retarget`: from the human's hand to the robot's joints."""

from __future__ import annotations

from pathlib import Path

import click

from h2s2r_bringup.commands.options import TaskSelection, config_option, force_option, robot_option, task_options


@click.command("retarget")
@config_option
@force_option
@task_options
@robot_option
def command(selection: TaskSelection, config: Path | None, force: bool) -> None:
    """Turn the human's hand into the robot's joint positions.

    In: demonstration/, the task's embodiment and scene. The arm brings the palm to the human's middle
    knuckle, then the fingers bring their tips to the human's, within limits and without collision.
    Out: retargeting/ with the start posture, the whole path (for the baselines) and the residuals, and
    pictures of both hands over the camera image and from two sides.

    \b
    Examples:
      h2s2r retarget
      h2s2r retarget --force
    """  # noqa: D301
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import retarget_stage

    with only_writer(selection.run):
        run_stage(retarget_stage(selection.load(), selection.run, config), force=force)
