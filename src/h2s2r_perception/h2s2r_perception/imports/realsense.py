"""Files that librealsense recorded (`.db3`, and `.bag` of older versions), played back by librealsense itself.

They hold raw streams: alignment and the depth unit are librealsense's to apply, so the camera's own code
reads them. No pose of the camera is in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.realsense import RealSenseCamera
from h2s2r_perception.imports.foreign import ForeignFrame, ForeignRecording, ImportOptions, Layout
from h2s2r_perception.imports.rosbag import is_librealsense


def evidence(source: Path) -> str | None:
    """Whether this is a database with librealsense's topics."""
    if source.suffix == ".db3" and is_librealsense(source):
        return "a .db3 file with librealsense's topics"
    return None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a recording of librealsense.

    Raises:
        InputError: `pyrealsense2` is missing, the file is broken, or it holds no colour and depth.
    """
    notes: list[str] = []
    with RealSenseCamera(file=source, tell=notes.append) as camera:
        camera_matrix, name = camera.camera_matrix, camera.name
    return ForeignRecording(
        camera_matrix=camera_matrix,
        camera_name=name,
        frames=lambda: _frames(source),
        notes=tuple(notes),
    )


LAYOUT = Layout("realsense", "a .db3 that librealsense recorded", evidence, read)


def _frames(source: Path) -> Iterator[ForeignFrame]:
    count = 0
    with RealSenseCamera(file=source) as camera:
        for frame in camera.frames():
            count += 1
            yield ForeignFrame(frame.stamp_ns, frame.rgb, frame.depth_mm)
    if count == 0:
        raise InputError(
            source,
            "frames",
            found="no colour and depth that belong together",
            expected="at least one frame",
            remedy="record both streams for longer",
        )
