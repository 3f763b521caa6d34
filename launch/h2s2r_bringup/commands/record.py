"""`h2s2r record`: a camera becomes a Recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from h2s2r_bringup.commands.options import TaskSelection, config_option, force_option, task_options

if TYPE_CHECKING:
    from h2s2r_perception.recording.quality import RecordingQuality


@click.command("record")
@click.option(
    "--camera",
    default="realsense",
    show_default=True,
    metavar="NAME|PATH",
    help="realsense; topics (any realsense2_camera, by ROS); a Recording's folder; or librealsense's .db3 or .bag.",
)
@click.option(
    "--camera-pose",
    type=click.Path(path_type=Path),
    help="T_world_camera: a 4x4 text file, or what `h2s2r calibrate camera` made.",
)
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after this long [default: by key or Ctrl-C].")
@click.option("--countdown", type=click.FloatRange(min=0.0), default=3.0, show_default=True, help="Seconds.")
@click.option("--now", is_flag=True, help="Begin without a key; so it does without a terminal.")
@click.option("--preview", type=click.Path(path_type=Path), help="Picture file [default: ROOT/TASK/preview.jpg].")
@click.option("--output", type=click.Path(path_type=Path), help="Where it goes [default: ROOT/TASK/recording].")
@config_option
@force_option
@task_options
def command(
    selection: TaskSelection,
    camera: str,
    camera_pose: Path | None,
    seconds: float | None,
    countdown: float,
    now: bool,
    preview: Path | None,
    output: Path | None,
    config: Path | None,
    force: bool,
) -> None:
    """Record a demonstration with a camera.

    In: a RealSense, image topics, or a recording to play. SPACE starts and stops, Ctrl-C stops and keeps what was
    recorded; what goes wrong is said at once, and a camera that is pulled out leaves a gap. A picture file shows
    what the camera sees. Out: recording/ with its quality in meta.json. A Recording that is there is kept unless
    --force is given. --config is a YAML file of the RealSense's streams, filters and exposure.

    \b
    Examples:
      h2s2r record --camera-pose camera_calibration
      h2s2r record --camera topics --now --seconds 10
      h2s2r record --camera my/realsense.db3 --output runs/my_task/recording
    """  # noqa: D301
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_perception.artefact import InputError

    target = output or selection.run.recording
    if target.exists() and not force:
        raise InputError(
            target, "recording", found="one already", expected="an empty place", remedy="give --output or --force"
        )
    with only_writer(selection.run):
        quality = _record(
            selection, camera, camera_pose, config, target, preview, seconds=seconds, countdown=countdown, now=now
        )
    if quality is None:
        print("nothing was recorded")
        return
    _summarise(quality, target)


def _record(
    selection: TaskSelection,
    camera: str,
    camera_pose: Path | None,
    config: Path | None,
    target: Path,
    preview: Path | None,
    *,
    seconds: float | None,
    countdown: float,
    now: bool,
) -> RecordingQuality | None:
    import numpy as np

    from h2s2r_bringup.keys import Keys
    from h2s2r_bringup.record import StatusLine, TakeOptions, record
    from h2s2r_bringup.stages import configured
    from h2s2r_perception.cameras import RealSenseConfiguration
    from h2s2r_perception.capture import CameraPump, RecordingSession
    from h2s2r_perception.capture.preview import Preview
    from h2s2r_perception.segmentation import Workspace

    status, configuration = StatusLine(), configured(RealSenseConfiguration, config)
    given = None if camera_pose is None else _pose(camera_pose)
    source = _open(camera, configuration, status.say)
    played = camera not in {"realsense", "topics"}
    picture = Preview(preview or selection.run.path / "preview.jpg")
    status.say(f"what the camera sees: {picture.path}")
    with CameraPump(source, lossless=played) as pump, Keys() as keys:
        T_world_camera = np.asarray(getattr(source, "T_world_camera", np.eye(4)) if given is None else given)
        known = not np.allclose(T_world_camera, np.eye(4))
        table_height_m = selection.load().scene.table_height_m
        workspace = Workspace((0.25, -0.7), (1.05, 0.7), table_height_m) if known else None
        status.say(f"{source.name}, {source.image_size[0]}x{source.image_size[1]}")

        def new_session() -> RecordingSession:
            return RecordingSession(
                target,
                camera_matrix=source.camera_matrix,
                T_world_camera=T_world_camera,
                camera_name=source.name,
                tell=lambda line: status.say(f"! {line}"),
                workspace=workspace,
                configuration={"camera": camera, "realsense": configuration},
            )

        # A recording that is played would go by meanwhile.
        options = TakeOptions(
            countdown_s=0.0 if played else countdown, seconds=seconds, wait_for_key=not (now or played)
        )
        return record(pump, new_session, options, keys, status, picture)


def _open(camera: str, configuration: Any, tell: Any) -> Any:
    from h2s2r_perception.cameras import open_camera

    if camera != "topics":
        return open_camera(camera, configuration, tell=tell)
    from h2s2r_perception.nodes.topic_camera import TopicCamera  # only this one needs rclpy

    return TopicCamera()


def _pose(path: Path) -> Any:
    from h2s2r_perception.calibration import POSE_FILE
    from h2s2r_perception.calibration.views import read_pose

    return read_pose(path / POSE_FILE if path.is_dir() else path, "T_world_camera")


def _summarise(quality: RecordingQuality, target: Path) -> None:
    print(f"{quality.frame_count} frames in {quality.duration_s:.1f} s at {quality.rate_hz:.1f} Hz in {target}")
    print(
        f"dropped {quality.dropped_frames}, gaps {len(quality.gaps)}, depth holes {quality.hole_fraction_p50:.0%}, "
        f"blur {quality.blur_px_p50:.1f} px (worst {quality.blur_px_p95:.1f}), "
        f"burnt out {quality.over_exposed_fraction_p50:.0%}, black {quality.under_exposed_fraction_p50:.0%}"
    )
    for finding in quality.findings:
        print(f"{finding.severity}: {finding}")
    if not quality.findings:
        print("nothing to complain about; next: h2s2r perceive")
