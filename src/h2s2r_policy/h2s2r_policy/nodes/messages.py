"""Between ROS messages and arrays; every message is checked here, once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, quat_wxyz_from_rotation, rotation_from_quat_wxyz

Array = NDArray[np.float64]

WORLD = "world"


def stamp_ns(stamp: Time) -> int:
    """A stamp as nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def to_stamp(nanoseconds: int) -> Time:
    """Nanoseconds as a stamp."""
    return Time(sec=nanoseconds // 1_000_000_000, nanosec=nanoseconds % 1_000_000_000)


def from_pose(message: PoseStamped, topic: str) -> Array:
    """`T_world_x (4, 4)` of a pose message.

    Raises:
        InputError: Another frame than `world`, or numbers that are no pose.
    """
    if message.header.frame_id != WORLD:
        raise InputError(
            topic,
            "frame_id",
            found=repr(message.header.frame_id),
            expected=repr(WORLD),
            remedy="publish poses in the robot's base frame; the message was ignored",
        )
    p, q = message.pose.position, message.pose.orientation
    position, quat_wxyz = np.array([p.x, p.y, p.z]), np.array([q.w, q.x, q.y, q.z])
    length = float(np.sqrt(np.sum(quat_wxyz * quat_wxyz)))
    if not np.isfinite(position).all() or not abs(length - 1.0) < 1e-3:
        found = f"position {position.tolist()}, quaternion (wxyz) {quat_wxyz.tolist()}"
        raise InputError(
            topic,
            "pose",
            found=found,
            expected="finite numbers and a unit quaternion",
            remedy="check the tracker; the message was ignored",
        )
    T: Array = pose(rotation_from_quat_wxyz(quat_wxyz), position)
    return T


def to_pose(T_world_x: Array, stamp: Time) -> PoseStamped:
    """A pose message in the world frame."""
    message = PoseStamped()
    message.header.stamp = stamp
    message.header.frame_id = WORLD
    p, q = message.pose.position, message.pose.orientation
    p.x, p.y, p.z = (float(value) for value in T_world_x[:3, 3])
    q.w, q.x, q.y, q.z = (float(value) for value in quat_wxyz_from_rotation(T_world_x[:3, :3]))
    return message


def to_trajectory(joint_names: Sequence[str], position: Array, stamp: Time) -> JointTrajectory:
    """One joint position `(J,)` [rad] as a trajectory of one point."""
    message = JointTrajectory(joint_names=list(joint_names))
    message.header.stamp = stamp
    message.points = [JointTrajectoryPoint(positions=[float(value) for value in position])]
    return message
