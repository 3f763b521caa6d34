"""Recording as it happens: camera in, Recording out, warnings meanwhile."""

from h2s2r_perception.capture.pump import CameraPump
from h2s2r_perception.capture.session import RecordingSession

__all__ = ["CameraPump", "RecordingSession"]
