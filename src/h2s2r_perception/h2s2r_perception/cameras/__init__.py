"""Where images come from."""

from h2s2r_perception.cameras.open import open_camera
from h2s2r_perception.cameras.playback import RecordingPlayback
from h2s2r_perception.cameras.realsense import RealSenseCamera
from h2s2r_perception.cameras.realsense_configuration import RealSenseConfiguration
from h2s2r_perception.cameras.source import CameraFrame, CameraHealth, CameraSource

__all__ = [
    "CameraFrame",
    "CameraHealth",
    "CameraSource",
    "RealSenseCamera",
    "RealSenseConfiguration",
    "RecordingPlayback",
    "open_camera",
]
