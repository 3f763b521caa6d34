"""`h2s2r import`: recordings of others become ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from h2s2r_bringup.commands.options import Numbers, TaskSelection, force_option, task_options

if TYPE_CHECKING:
    from h2s2r_perception.recording import Recording


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=False))
@click.option(
    "--layout",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto: found out from the data. rosbag: ROS 2 bag (folder, .mcap, .db3) or ROS 1 .bag; realsense: .db3 of "
    "librealsense; bop: a BOP scene; ho3d: an HO-3D sequence; ycbineoat: rgb/ depth/ annotated_poses/; m3t: "
    "3DObjectTracking; folder: rgb/ depth/ cam_K.txt of SAM 2, FoundationPose and the published system.",
)
@click.option("--box", type=Numbers("x0", "y0", "x1", "y1"), help="Box round the object, pixels.")
@click.option("--click", "point", type=Numbers("x", "y"), help="A pixel on the object, instead of a box.")
@click.option("--frame", type=int, default=0, show_default=True, help="Frame of the box or the click.")
@click.option(
    "--rate", type=float, default=30.0, show_default=True, help="Images a second, for layouts without stamps."
)
@click.option(
    "--depth-scale",
    type=click.FloatRange(1e-5, 1.0),
    default=0.001,
    show_default=True,
    help="Metres for each step of the depth images (folder, ycbineoat).",
)
@click.option(
    "--camera-pose",
    type=click.Path(path_type=Path),
    help="Text file, 4x4: T_world_camera of the optical frame in the robot's base [m]; wins over the data's own.",
)
@click.option("--object", "object_name", metavar="ID", help="Which annotated object's poses to keep (bop).")
@click.option("--colour-topic", metavar="TOPIC", help="In a bag [default: realsense2_camera's].")
@click.option("--depth-topic", metavar="TOPIC", help="Depth aligned to colour, in a bag.")
@click.option("--camera-info-topic", metavar="TOPIC", help="Intrinsics of colour, in a bag.")
@click.option("--world-frame", default="world", show_default=True, help="The robot's base in a bag's /tf_static.")
@click.option(
    "--pairing-tolerance", type=float, default=0.015, show_default=True, help="Colour to depth, in a bag [s]."
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
    depth_scale: float,
    camera_pose: Path | None,
    object_name: str | None,
    colour_topic: str | None,
    depth_topic: str | None,
    camera_info_topic: str | None,
    world_frame: str,
    pairing_tolerance: float,
    output: Path | None,
    force: bool,
) -> None:
    """Turn someone else's RGB-D data into a Recording.

    In: SOURCE, a bag, a file of librealsense, or a folder of a known data set. Out: a Recording, checked frame by
    frame, in the run folder (or --output), and ground_truth/ beside it where the data come with poses. A
    Recording that is already there is kept unless --force is given.

    \b
    Examples:
      h2s2r import my/video --camera-pose T_world_camera.txt --box 300,200,420,310
      h2s2r import rosbag2_2026_11_24 --world-frame iiwa_link_0
      h2s2r import ycbv/test/000048 --object 5 --output runs/mustard/recording
    """  # noqa: D301
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_perception.artefact import InputError
    from h2s2r_perception.imports import ImportOptions, import_recording

    target = output or selection.run.recording
    if target.exists() and not force:
        raise InputError(
            target, "recording", found="one already", expected="an empty place", remedy="give --output or --force"
        )
    options = ImportOptions(
        T_world_camera=None if camera_pose is None else _matrix(camera_pose),
        frame_rate_hz=rate,
        depth_scale_m=depth_scale,
        prompt=prompt_of(box, point, frame),
        object_name=object_name,
        colour_topic=colour_topic,
        depth_topic=depth_topic,
        camera_info_topic=camera_info_topic,
        world_frame=world_frame,
        pairing_tolerance_s=pairing_tolerance,
    )
    with only_writer(selection.run):
        imported = import_recording(source, target, layout=layout, options=options)
    print(f"{source}: {imported.layout.name} ({imported.evidence})")
    for note in imported.notes:
        print(f"  {note}")
    if imported.ground_truth is not None:
        print(f"  poses that came with the data: {imported.ground_truth}")
    for line in _findings(imported.recording):
        print(f"  {line}")
    print(f"{imported.recording.frame_count} frames in {target}")


def _findings(recording: Recording) -> list[str]:
    """What is not as it should be, for the user to judge; perception refuses what it cannot use."""
    import numpy as np

    from h2s2r_perception.plausibility import check_plausibility
    from h2s2r_perception.recording.quality import quality_of

    unknown_pose = np.allclose(recording.T_world_camera, np.eye(4))  # said already
    findings = [*quality_of(recording).findings, *check_plausibility(recording)]
    return [f"{item.severity}: {item}" for item in findings if not (unknown_pose and item.field == "T_world_camera")]


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
