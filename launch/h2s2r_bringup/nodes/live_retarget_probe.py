"""Listens to a teleoperation and notes when what arrived; benchmarks only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

Arrivals = dict[int, int]
"""Stamp [ns] -> wall time of arrival [ns]."""


@dataclass
class Teleoperation:
    """Everything that came."""

    hands: Arrivals = field(default_factory=dict)
    """Clouds with a hand in them."""
    targets: Arrivals = field(default_factory=dict)
    commands: Arrivals = field(default_factory=dict)
    """First command that pursues the hand of this stamp."""
    joint_states: Arrivals = field(default_factory=dict)
    target_position: list[list[float]] = field(default_factory=list)
    measured_position: dict[int, list[float]] = field(default_factory=dict)
    retargeting_ms: list[float] = field(default_factory=list)
    interventions: int = 0
    """Of the command guard."""


def listen(*, domain_id: int, alive: Callable[[], bool], seconds: float) -> Teleoperation:
    """Listen in a ROS domain for so long after the first hand.

    Args:
        domain_id: The domain of the nodes.
        alive: Asked now and then; listening ends when it says no.
        seconds: Time; the wait for the first hand is limited to 30 s more.
    """
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    node = Node("live_retarget_probe", context=context, enable_rosout=False, start_parameter_services=False)
    heard = Teleoperation()

    def on_hand(message: PointCloud2) -> None:
        if message.width:
            heard.hands[_ns(message.header)] = time.time_ns()

    def on_target(message: JointTrajectory) -> None:
        heard.targets[_ns(message.header)] = time.time_ns()
        heard.target_position.append(list(message.points[-1].positions))

    def on_joint_states(message: JointState) -> None:
        heard.joint_states[_ns(message.header)] = time.time_ns()
        heard.measured_position[_ns(message.header)] = list(message.position)

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "live_retarget" and status.message == "following":
                heard.retargeting_ms.append(float({v.key: v.value for v in status.values}["retargeting_ms"]))
            heard.interventions += status.name == "command_guard"

    node.create_subscription(PointCloud2, "/hand_keypoints", on_hand, 50)
    node.create_subscription(JointTrajectory, "/joint_target", on_target, 50)
    node.create_subscription(
        Header, "/joint_command/image", lambda m: heard.commands.setdefault(_ns(m), time.time_ns()), 50
    )
    node.create_subscription(JointState, "/joint_states", on_joint_states, 50)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 50)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    deadline = time.monotonic() + 30.0
    begun = False
    try:
        while time.monotonic() < deadline and alive():
            executor.spin_once(timeout_sec=0.1)
            if heard.targets and not begun:
                begun, deadline = True, time.monotonic() + seconds
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    return heard


def _ns(header: Header) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
