"""Where images come from."""

from h2s2r_perception.cameras.playback import RecordingPlayback
from h2s2r_perception.cameras.source import CameraFrame, CameraSource

__all__ = ["CameraFrame", "CameraSource", "RecordingPlayback"]
