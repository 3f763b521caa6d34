"""`h2s2r accuracy`: what was perceived, against poses that are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from h2s2r_bringup.commands.options import TaskSelection, task_options


@click.command("accuracy")
@click.option("--recording", type=click.Path(path_type=Path), help="Its Recording [default: ROOT/TASK/recording].")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="Poses that are known [default: ROOT/TASK/ground_truth]."
)
@click.option("--demonstration", type=click.Path(path_type=Path), help="[default: ROOT/TASK/demonstration]")
@click.option("--track", type=click.Path(path_type=Path), help="What `perceive --object-only` made, instead.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@task_options
def command(
    selection: TaskSelection,
    recording: Path | None,
    truth: Path | None,
    demonstration: Path | None,
    track: Path | None,
    as_json: bool,
) -> None:
    """Compare what was perceived with the poses that came with a recording.

    In: a Demonstration (or an object's track), and ground_truth/ as `h2s2r import` keeps it of BOP, HO-3D and
    YCBInEOAT data, or as `h2s2r demonstrate` writes it. Out: median and 95th percentile of each error.

    \b
    Examples:
      h2s2r accuracy
      h2s2r accuracy --track runs/mustard/object --recording runs/mustard/recording --truth runs/mustard/ground_truth
    """  # noqa: D301
    from h2s2r_perception.accuracy import compare_object_track, compare_with_ground_truth

    run = selection.run
    known = truth or run.ground_truth
    if track is not None:
        figures = compare_object_track(track, recording or run.recording, known)
    else:
        figures = compare_with_ground_truth(demonstration or run.demonstration, known)
    if as_json:
        print(json.dumps({name: value if math.isfinite(value) else None for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:<44}{value:10.3f}" if math.isfinite(value) else f"{name:<44}{'unknown':>10}")
