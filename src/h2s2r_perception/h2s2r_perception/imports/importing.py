"""Recognise whose data a folder or file is, and make a Recording of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError, as_plain, read_meta
from h2s2r_perception.artefact.folder import META
from h2s2r_perception.geometry import transform_points
from h2s2r_perception.ground_truth import GROUND_TRUTH_SCHEMA, write_ground_truth
from h2s2r_perception.imports import bop, folder, ho3d, m3t, realsense, rosbag, ycbineoat
from h2s2r_perception.imports.foreign import ForeignFrame, ForeignRecording, ForeignTruth, ImportOptions, Layout
from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_perception.recording.calibration import FloatArray, check_pose

LAYOUTS: tuple[Layout, ...] = (
    rosbag.LAYOUT,
    realsense.LAYOUT,
    bop.LAYOUT,
    ho3d.LAYOUT,
    m3t.LAYOUT,
    ycbineoat.LAYOUT,
    folder.LAYOUT,
)
"""In the order in which they are recognised: the particular before the general."""
AUTO = "auto"


@dataclass(frozen=True, eq=False)
class Imported:
    """What an import made and what it was made from."""

    recording: Recording
    layout: Layout
    evidence: str
    """Why it was taken for this layout, in words."""
    ground_truth: Path | None
    """Where the poses that came with the data lie."""
    notes: tuple[str, ...]


def import_recording(
    source: Path | str,
    output: Path | str,
    *,
    layout: str = AUTO,
    options: ImportOptions | None = None,
    ground_truth_folder: Path | None = None,
) -> Imported:
    """Turn someone else's RGB-D data into a Recording.

    Args:
        source: The folder or file.
        output: Where the Recording goes.
        layout: One of `LAYOUTS` by name, or `auto`.
        options: What the data may not say themselves.
        ground_truth_folder: Where poses that came with the data go; beside the Recording when None.

    Raises:
        InputError: The data are of no known layout, incomplete, or no camera's.
    """
    source, output = Path(source), Path(output)
    chosen = options or ImportOptions()
    kind, evidence = recognise(source, layout)
    foreign = kind.read(source, chosen)
    T_world_camera, notes = _camera_pose(foreign, chosen)
    configuration = {"layout": kind.name, "import": chosen}
    prompt = chosen.prompt or foreign.prompt
    with RecordingWriter.create(
        output,
        camera_matrix=foreign.camera_matrix,
        T_world_camera=T_world_camera,
        camera_name=foreign.camera_name,
        inputs={"source": source},
        configuration=configuration,
    ) as writer:
        for index, frame in enumerate(foreign.frames()):
            _append(writer, frame, source, index)
        if prompt is not None:
            writer.set_prompt(prompt)
    recording = Recording.open(output)
    truth_folder = ground_truth_folder or output.with_name("ground_truth")
    if foreign.truth is None:
        removed = _remove_older_truth(truth_folder)
        return Imported(recording, kind, evidence, None, (*foreign.notes, *notes, *removed))
    _keep_truth(truth_folder, foreign.truth, recording, as_plain(configuration))
    return Imported(recording, kind, evidence, truth_folder, (*foreign.notes, *notes))


def _append(writer: RecordingWriter, frame: ForeignFrame, source: Path, index: int) -> None:
    try:
        writer.append(frame.rgb, frame.depth_mm, frame.stamp_ns)
    except ValueError as error:
        raise InputError(
            source,
            f"frame {index}",
            found=str(error),
            expected="frames of one size, in the order of time",
            remedy="import the parts before and after it by themselves",
        ) from error


def recognise(source: Path, layout: str = AUTO) -> tuple[Layout, str]:
    """The layout of a folder or file, and what it was recognised by.

    Raises:
        InputError: There is nothing at `source`, no such layout, or none that fits.
    """
    if not source.exists():
        raise InputError(source, "source", found="nothing", expected="a folder or a file", remedy="check the path")
    if layout != AUTO:
        named = next((kind for kind in LAYOUTS if kind.name == layout), None)
        if named is None:
            names = ", ".join(kind.name for kind in LAYOUTS)
            raise InputError("--layout", "layout", found=layout, expected=names, remedy="choose one of these")
        return named, "chosen by --layout"
    for kind in LAYOUTS:
        evidence = kind.evidence(source)
        if evidence is not None:
            return kind, evidence
    raise InputError(
        source,
        "layout",
        found=_content(source),
        expected="; ".join(f"{kind.name}: {kind.description}" for kind in LAYOUTS),
        remedy="give the folder that holds these, or choose with --layout",
    )


def _content(source: Path) -> str:
    if source.is_file():
        return f"a {source.suffix or 'nameless'} file"
    names: Sequence[str] = sorted(path.name for path in source.iterdir())
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") or "an empty folder"


def _camera_pose(foreign: ForeignRecording, options: ImportOptions) -> tuple[FloatArray, tuple[str, ...]]:
    if options.T_world_camera is not None:
        return check_pose(options.T_world_camera, "--camera-pose", "T_world_camera"), ()
    if foreign.T_world_camera is not None:
        return foreign.T_world_camera, ()
    return np.eye(4), ("camera pose unknown: the camera's frame stands for the world (--camera-pose)",)


def _remove_older_truth(folder: Path) -> tuple[str, ...]:
    """What lies beside the Recording that was replaced is not true of the new one."""
    if not (folder / META).is_file():
        return ()
    read_meta(folder, GROUND_TRUTH_SCHEMA, remedy="move it away: the poses of the old recording belong there")
    shutil.rmtree(folder)
    return (f"{folder} belonged to an older recording and was removed",)


def _keep_truth(folder: Path, truth: ForeignTruth, recording: Recording, configuration: object) -> None:
    T = recording.T_world_camera
    write_ground_truth(
        folder,
        stamp_ns=recording.stamp_ns,
        T_world_object=T @ truth.T_camera_object,
        hand_joints_world=transform_points(T, truth.hand_joints_camera),
        origin=truth.origin,
        configuration=configuration,
    )
