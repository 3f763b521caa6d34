"""Finding out where a camera stands: boards, their detection, hand-eye calibration, and the artefact with its proof.

Not to be mixed up with `recording.calibration`, which reads and checks intrinsics and poses that are already known.
"""

from h2s2r_perception.calibration.board import Board, load_board
from h2s2r_perception.calibration.camera_calibration import CALIBRATION_SCHEMA, POSE_FILE, write_calibration
from h2s2r_perception.calibration.detection import Detection, detect
from h2s2r_perception.calibration.gripper_board import GripperSettings, calibrate_with_gripper_board
from h2s2r_perception.calibration.recording_pose import apply_to_recording
from h2s2r_perception.calibration.table_board import calibrate_with_table_board

__all__ = [
    "CALIBRATION_SCHEMA",
    "POSE_FILE",
    "Board",
    "Detection",
    "GripperSettings",
    "apply_to_recording",
    "calibrate_with_gripper_board",
    "calibrate_with_table_board",
    "detect",
    "load_board",
    "write_calibration",
]
