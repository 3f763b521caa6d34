"""`h2s2r report`: the page about a run, or its figures."""

from __future__ import annotations

import json
from typing import Any

import click

from h2s2r_bringup.commands.options import TaskSelection, force_option, robot_option, task_options


@click.command("report")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as flat JSON instead of writing the page.")
@force_option
@task_options
@robot_option
def command(selection: TaskSelection, as_json: bool, force: bool) -> None:
    """Write the HTML page about a run, or print its figures.

    In: whatever artefacts the run folder holds. Out: report.html in it, with videos, curves, success,
    errors and latencies; or, with --json, one flat object: keys with their unit, and under "missing"
    each figure that is not known yet with the command that makes it.

    \b
    Examples:
      h2s2r report
      h2s2r report --json | python -m json.tool
    """  # noqa: D301
    from h2s2r_bringup.report import gather, twin_picture
    from h2s2r_bringup.stages import report_stage, require_run

    require_run(selection.run)
    task = _task(selection)
    if as_json:
        print(json.dumps(gather(selection.run, twin_picture(selection.run, task)).flat(), indent=2))
        return
    from h2s2r_bringup.pipeline import run_stage

    run_stage(report_stage(selection.run, task), force=force)
    print(selection.run.report.resolve())


def _task(selection: TaskSelection) -> Any:
    """The task, whose scene is drawn over the recording; None, with a word about it, where its file has gone."""
    from h2s2r_perception.artefact import InputError

    try:
        return selection.load()
    except InputError as error:
        click.echo(f"h2s2r: without the digital twin: {error}", err=True)
        return None
