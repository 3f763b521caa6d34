"""`h2s2r train`: learn the policy in simulation."""

from __future__ import annotations

import click

from h2s2r_bringup.commands.options import TaskSelection, robot_option, task_options


@click.command("train")
@click.option(
    "--profile",
    type=click.Choice(["quick", "cpu", "paper"]),
    default="quick",
    show_default=True,
    help="quick: two cores, minutes; cpu: a workstation, an hour; paper: the published sizes.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Environment steps at most [default: the profile's].")
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on from the last checkpoint, or throw it away and begin afresh.",
)
@task_options
@robot_option
def command(selection: TaskSelection, profile: str, steps: int | None, resume: bool) -> None:
    """Learn a policy by reinforcement in simulation.

    In: demonstration/ (the goal) and retargeting/ (the start). Out: training/ (checkpoint and curve,
    written while it learns) and, when finished, policy/: the network as ONNX, its contract and its
    figures. Ctrl-C saves; the same command goes on from there and ends with the same weights.

    \b
    Examples:
      h2s2r train
      h2s2r train --profile cpu --steps 5000000
    """  # noqa: D301
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import train_stage

    with only_writer(selection.run):
        stage = train_stage(selection.load(), selection.run, profile=profile, steps=steps, resume=resume)
        run_stage(stage, force=not resume)
