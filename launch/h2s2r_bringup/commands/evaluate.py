"""`h2s2r evaluate`: the policy against the baselines."""

from __future__ import annotations

import click

from h2s2r_bringup.commands.options import TaskSelection, force_option, robot_option, task_options

EPISODES = 300
"""Enough that a Wilson interval at 90 % is about 7 points wide."""


@click.command("evaluate")
@click.option("--episodes", type=click.IntRange(min=1), default=EPISODES, show_default=True, help="For each contender.")
@click.option("--seed", type=int, default=0, show_default=True, help="Start poses and randomisation follow from it.")
@click.option(
    "--contender",
    "contenders",
    multiple=True,
    metavar="NAME",
    help="policy, replay, object_aware_replay or behaviour_cloning, which trains first; several times for several.  "
    "[default: the first three]",
)
@force_option
@task_options
@robot_option
def command(selection: TaskSelection, episodes: int, seed: int, contenders: tuple[str, ...], force: bool) -> None:
    """Measure the success of the policy and the baselines.

    In: policy/, demonstration/, retargeting/. Out: evaluation/ with strict success, counts and Wilson
    95 % intervals for the policy, Replay and Object-Aware Replay, all on the same episodes.

    \b
    Examples:
      h2s2r evaluate
      h2s2r evaluate --episodes 1000 --seed 7
    """  # noqa: D301
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import evaluate_stage

    with only_writer(selection.run):
        run_stage(
            evaluate_stage(selection.load(), selection.run, episodes=episodes, seed=seed, contenders=contenders),
            force=force,
        )
