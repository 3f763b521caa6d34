"""Recording artefacts: what a camera saw, checked on the way in and on the way out."""

from h2s2r_perception.recording.calibration import check_camera_matrix, check_pose
from h2s2r_perception.recording.prompt import Prompt, check_prompt, read_prompt, read_prompt_mask
from h2s2r_perception.recording.reading import DEPTH_SCALE_M, RECORDING_SCHEMA, Recording, frame_path
from h2s2r_perception.recording.writer import RecordingWriter

__all__ = [
    "DEPTH_SCALE_M",
    "RECORDING_SCHEMA",
    "Prompt",
    "Recording",
    "RecordingWriter",
    "check_camera_matrix",
    "check_pose",
    "check_prompt",
    "frame_path",
    "read_prompt",
    "read_prompt_mask",
]
