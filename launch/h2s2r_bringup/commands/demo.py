"""`h2s2r demo`: the whole path."""

from __future__ import annotations

import click

from h2s2r_bringup.commands.options import TaskSelection, force_option, robot_option, task_options


@click.command("demo")
@force_option
@task_options
@robot_option
def command(selection: TaskSelection, force: bool) -> None:
    """Run all stages, from a human's video to robot and report.

    In: the task; a recording in the run folder is used if there is one (h2s2r import), else one is
    rendered. Out: every artefact of the run folder and report.html. Finished stages are skipped;
    interrupted or killed, the same command goes on where it stopped.

    \b
    Examples:
      h2s2r demo
      h2s2r demo --root /tmp/runs
    """  # noqa: D301
    from h2s2r_bringup.demo import run_demo

    run_demo(selection, force=force)
