"""`h2s2r demonstrate`: the bundled human, rendered."""

from __future__ import annotations

from pathlib import Path

import click

from h2s2r_bringup.commands.options import TaskSelection, config_option, force_option, task_options


@click.command("demonstrate")
@config_option
@force_option
@task_options
def command(selection: TaskSelection, config: Path | None, force: bool) -> None:
    """Render a recording of a human hand that does the task.

    In: the task. A jointed hand moves the object by physics; a camera with a stated sensor model looks on.
    Out: recording/ as a real camera would leave it, and ground_truth/, which no later stage reads: it is
    there to measure their errors.

    \b
    Examples:
      h2s2r demonstrate
      h2s2r demonstrate --task my_task.yaml --root /tmp/runs
    """  # noqa: D301
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import demonstrate_stage

    with only_writer(selection.run):
        run_stage(demonstrate_stage(selection.load(), selection.run, config), force=force)
