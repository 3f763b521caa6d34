"""The parameters by which a node learns where the camera stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rclpy.node import Node

from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration import POSE_FILE
from h2s2r_perception.calibration.views import read_pose
from h2s2r_perception.recording import Recording, check_pose


def declared_camera_pose(node: Node, *, required: bool = True) -> np.ndarray:
    """`T_world_camera` `(4, 4)` [m] from one of three parameters of the node, which this declares.

    `T_world_camera` (16 numbers, by rows), `camera_pose` (a file of 4x4 numbers, or the folder that
    `h2s2r calibrate camera` made), or `recording` (a Recording whose camera stands where this one does).
    Without any of them: the identity, which says "not calibrated".

    Raises:
        InputError: None was given although one is required, or it is unusable.
    """
    given = node.declare_parameter("T_world_camera", [0.0]).value
    pose = str(node.declare_parameter("camera_pose", "").value)
    recording = str(node.declare_parameter("recording", "").value)
    if recording:
        return Recording.open(Path(recording)).T_world_camera
    if pose:
        path = Path(pose)
        return read_pose(path / POSE_FILE if path.is_dir() else path, "T_world_camera")
    if len(given) == 16:
        return check_pose(np.reshape(given, (4, 4)), node.get_name(), "parameter T_world_camera")
    if required:
        raise InputError(
            node.get_name(),
            "parameter T_world_camera",
            found=f"{len(given)} numbers",
            expected="16 numbers, or the parameter camera_pose or recording",
            remedy="give the camera's pose",
        )
    return np.eye(4)
