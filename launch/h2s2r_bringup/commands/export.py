"""`h2s2r export`: our recordings in the formats of others."""

from __future__ import annotations

from pathlib import Path

import click

from h2s2r_bringup.commands.options import TaskSelection, force_option, task_options


@click.command("export")
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    required=True,
    metavar="NAME",
    help="rosbag: ROS 2 bag (MCAP) with realsense2_camera's topics; realsense: .db3 of librealsense; published: the "
    "published system's folder, masks and poses included; bop: a BOP scene.",
)
@click.option("--recording", type=click.Path(path_type=Path), help="Recording to write [default: ROOT/TASK/recording].")
@click.option(
    "--demonstration",
    type=click.Path(path_type=Path),
    help="Masks, object and hand poses [default: ROOT/TASK/demonstration where it is of that recording].",
)
@click.option("--truth", type=click.Path(path_type=Path), help="ground_truth/ folder whose poses bop is to hold.")
@click.option("--object-id", type=int, default=1, show_default=True, help="Number of the object (bop).")
@click.option("--world-frame", default="world", show_default=True, help="Name of the robot's base (rosbag).")
@force_option
@task_options
def command(
    selection: TaskSelection,
    output: Path,
    layout: str,
    recording: Path | None,
    demonstration: Path | None,
    truth: Path | None,
    object_id: int,
    world_frame: str,
    force: bool,
) -> None:
    """Write a Recording, and what was perceived in it, in another's format.

    In: a Recording; its Demonstration, where there is one. Out: OUTPUT, a folder (a file for realsense), which
    appears whole or not at all.

    \b
    Examples:
      h2s2r export my_bag --layout rosbag
      h2s2r export human_demo/snackbox_push --layout published
      h2s2r export bop/test/000001 --layout bop --truth runs/snackbox_push/ground_truth
    """  # noqa: D301
    from h2s2r_perception.exports import ExportOptions, ExportSource, export_recording

    run = selection.run
    if demonstration is None and recording is None and (run.demonstration / "meta.json").is_file():
        demonstration = run.demonstration
    source = ExportSource.open(recording or run.recording, demonstration, truth)
    options = ExportOptions(object_id=object_id, world_frame=world_frame)
    for note in export_recording(source, output, layout, options, replace=force):
        print(f"  {note}")
    print(f"{source.recording.frame_count} frames in {output}")
