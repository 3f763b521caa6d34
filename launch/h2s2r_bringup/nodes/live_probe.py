"""Listens to a camera and a tracker and notes when what arrived; benchmarks only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node


@dataclass
class Heard:
    """Everything that came, stamps in ns; wall time where it says so."""

    pose_stamp_ns: list[int] = field(default_factory=list)
    pose_wall_ns: list[int] = field(default_factory=list)
    answered_stamp_ns: list[int] = field(default_factory=list)
    """Of the pairs that the tracker has looked at."""
    answered_lost: list[bool] = field(default_factory=list)
    tracking_ms: list[float] = field(default_factory=list)
    left_out: int = 0
    """Pairs that the tracker skipped because newer ones had come."""
    published: int = 0
    """Frames that the camera has published."""


def listen(*, domain_id: int, until: Callable[[Heard], bool], limit_s: float) -> Heard:
    """Listen in a ROS domain.

    Args:
        domain_id: The domain of the nodes.
        until: Asked after every message whether it is enough.
        limit_s: Longest time [s].
    """
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    node = Node("live_probe", context=context, enable_rosout=False, start_parameter_services=False)
    heard = Heard()

    def on_pose(message: PoseStamped) -> None:
        heard.pose_wall_ns.append(time.time_ns())
        heard.pose_stamp_ns.append(_stamp_ns(message))

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            if status.name == "camera":
                heard.published = int(values["published_frames"])
            if status.name == "object_pose":
                heard.answered_stamp_ns.append(_stamp_ns(message))
                heard.answered_lost.append(values["lost"] == "True")
                heard.tracking_ms.append(float(values["tracking_ms"]))
                heard.left_out = int(values["left_out"])

    node.create_subscription(PoseStamped, "/object_pose", on_pose, 100)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 100)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    deadline = time.monotonic() + limit_s
    try:
        while not until(heard) and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.1)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    return heard


def _stamp_ns(message: PoseStamped | DiagnosticArray) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
