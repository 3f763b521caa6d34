"""`h2s2r import`: recordings of others become ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from h2s2r_bringup.commands.options import Numbers, TaskSelection, force_option, task_options


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=False))
@click.option(
    "--layout",
    type=click.Choice(["folder", "m3t"]),
    default="folder",
    show_default=True,
    help="folder: rgb/ depth/ cam_K.txt of SAM 2, FoundationPose and the published system; m3t: 3DObjectTracking.",
)
@click.option("--box", type=Numbers("x0", "y0", "x1", "y1"), help="Box round the object, pixels.")
@click.option("--click", "point", type=Numbers("x", "y"), help="A pixel on the object, instead of a box.")
@click.option("--frame", type=int, default=0, show_default=True, help="Frame of the box or the click.")
@click.option("--rate", type=float, default=30.0, show_default=True, help="Images a second (folder layout).")
@click.option(
    "--camera-pose",
    type=click.Path(path_type=Path),
    help="Text file, 4x4: T_world_camera of the optical frame in the robot's base [m] (folder layout).",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where the Recording goes [default: ROOT/TASK/recording]."
)
@force_option
@task_options
def command(
    selection: TaskSelection,
    source: Path,
    layout: str,
    box: tuple[int, ...] | None,
    point: tuple[int, ...] | None,
    frame: int,
    rate: float,
    camera_pose: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Turn someone else's RGB-D data into a Recording.

    In: SOURCE, a folder of colour and depth images with intrinsics. Out: a Recording, checked frame by
    frame, in the run folder (or --output). A Recording that is already there is kept unless --force is given.

    \b
    Examples:
      h2s2r import my/video --camera-pose T_world_camera.txt --box 300,200,420,310
      h2s2r import m3t_rgbd --layout m3t --output runs/sti/recording
    """  # noqa: D301
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_perception.artefact import InputError
    from h2s2r_perception.imports import import_folder, import_m3t

    target = output or selection.run.recording
    if target.exists() and not force:
        raise InputError(
            target, "recording", found="one already", expected="an empty place", remedy="give --output or --force"
        )
    prompt = prompt_of(box, point, frame)
    pose = None if camera_pose is None else _matrix(camera_pose)
    with only_writer(selection.run):
        if layout == "m3t":
            recording = import_m3t(source, target, prompt=prompt)
        else:
            recording = import_folder(source, target, T_world_camera=pose, frame_rate_hz=rate, prompt=prompt)
    print(f"{recording.frame_count} frames in {target}")


def prompt_of(box: tuple[int, ...] | None, click: tuple[int, ...] | None, frame: int) -> Any:
    """The prompt that the options describe, or None.

    Raises:
        InputError: Both a box and a click were given.
    """
    from h2s2r_perception.artefact import InputError
    from h2s2r_perception.recording import Prompt

    if box is not None and click is not None:
        raise InputError("--box, --click", "prompt", found="both", expected="one", remedy="give only one of them")
    if box is not None:
        return Prompt(frame, box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    return None if click is None else Prompt(frame, click=(float(click[0]), float(click[1])))


def _matrix(path: Path) -> Any:
    import numpy as np

    from h2s2r_perception.artefact import InputError

    try:
        return np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(
            path, "content", found=str(error), expected="four rows of four numbers", remedy="write T_world_camera"
        ) from error
