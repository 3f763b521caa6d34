"""A camera by name: what `--camera` and the camera node's `source` mean."""

from __future__ import annotations

from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.playback import RecordingPlayback
from h2s2r_perception.cameras.realsense import RealSenseCamera
from h2s2r_perception.cameras.realsense_configuration import RealSenseConfiguration
from h2s2r_perception.cameras.source import CameraSource, Tell

REALSENSE = "realsense"


def open_camera(
    source: str,
    configuration: RealSenseConfiguration | None = None,
    *,
    real_time: bool = True,
    loop: bool = False,
    tell: Tell = lambda line: None,
) -> CameraSource:
    """Find the camera that a name means; it is opened by its `with` statement.

    Args:
        source: `realsense`, the folder of a Recording, or a file that librealsense recorded (`.db3`, `.bag`).
        configuration: For a RealSense and its files.
        real_time: Play recordings at the pace they were recorded.
        loop: Play a Recording over and over.
        tell: Told what happens to the camera.

    Raises:
        InputError: The name means nothing, or the Recording is unusable.
    """
    if source == REALSENSE:
        return RealSenseCamera(configuration, tell=tell)
    path = Path(source)
    if path.suffix in {".db3", ".bag"}:
        return RealSenseCamera(configuration, file=path, real_time=real_time, tell=tell)
    if not path.is_dir():
        raise InputError(
            "camera",
            "source",
            found=repr(source),
            expected="`realsense`, the folder of a Recording, or a .db3 or .bag file of librealsense",
            remedy="check the path",
        )
    return RecordingPlayback(path, real_time=real_time, loop=loop)
