"""What every node that estimates the object's pose publishes, and its workspace."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import Header

from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_perception.segmentation import Workspace

WORLD_FRAME = "world"


class PoseOutput:
    """Publishes `/object_pose` and `/diagnostics`.

    Args:
        node: Whose publishers they are.
    """

    def __init__(self, node: Node) -> None:
        self._pose = node.create_publisher(PoseStamped, "/object_pose", 10)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def pose(self, T_world_object: np.ndarray, header: Header) -> None:
        """Publish a pose `(4, 4)` [m] with the stamp of the image it was seen in."""
        message = PoseStamped(header=Header(stamp=header.stamp, frame_id=WORLD_FRAME))
        p, q = message.pose.position, message.pose.orientation
        p.x, p.y, p.z = T_world_object[:3, 3].tolist()
        q.w, q.x, q.y, q.z = quat_wxyz_from_rotation(T_world_object[:3, :3]).tolist()
        self._pose.publish(message)

    def report(self, message: str, values: Mapping[str, str], header: Header, *, warn: bool) -> None:
        """Publish how it goes."""
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if warn else DiagnosticStatus.OK,
            name="object_pose",
            message=message,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        self._diagnostics.publish(DiagnosticArray(header=header, status=[status]))


def declared_workspace(node: Node) -> Workspace:
    """The parameters `workspace_lower_m`, `workspace_upper_m` (x and y) and `table_height_m`."""
    lower = node.declare_parameter("workspace_lower_m", [0.25, -0.7]).value
    upper = node.declare_parameter("workspace_upper_m", [1.05, 0.7]).value
    return Workspace(
        (float(lower[0]), float(lower[1])),
        (float(upper[0]), float(upper[1])),
        float(node.declare_parameter("table_height_m", 0.0).value),
    )
