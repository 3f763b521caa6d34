"""Joint states of arm and hand as one message: `/joint_states`, at the arm's stamps, or none while either is stale."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from h2s2r_drivers.nodes.parameters import declare, value
from h2s2r_drivers.nodes.run_node import run_node


class JointStatesNode(Node):
    """Remembers the hand's two newest joint states; the one of the arm's stamp lies between or just after them."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("joint_states", **node_arguments)
        declare(
            self, "stale_s", 0.05, "a hand's joint state further from the arm's than this is stale [s]", (0.005, 1.0)
        )
        self._stale_ns = round(1e9 * float(value(self, "stale_s")))
        self._hand: list[JointState] = []
        self._publisher = self.create_publisher(JointState, "/joint_states", 10)
        self.create_subscription(JointState, "/allegroHand/joint_states", self._on_hand, 10)
        self.create_subscription(JointState, "/lbr/joint_states", self._on_arm, 10)

    def _on_hand(self, message: JointState) -> None:
        if self._hand and list(self._hand[-1].name) != list(message.name):
            self._hand.clear()
        self._hand = [*self._hand[-1:], message]

    def _on_arm(self, arm: JointState) -> None:
        stamp_ns = _ns(arm)
        if not self._hand or abs(stamp_ns - _ns(self._hand[-1])) > self._stale_ns:
            self.get_logger().warning("no fresh joint state of the hand; staying silent", throttle_duration_sec=1.0)
            return
        before, after = self._hand[0], self._hand[-1]
        between_ns = _ns(after) - _ns(before)
        share = float(np.clip((stamp_ns - _ns(before)) / between_ns, 0.0, 1.5)) if between_ns > 0 else 0.0
        message = JointState(header=arm.header, name=[*arm.name, *after.name])
        for field in ("position", "velocity", "effort"):
            old, new = np.array(getattr(before, field)), np.array(getattr(after, field))
            setattr(message, field, [*getattr(arm, field), *(old + share * (new - old)).tolist()])
        self._publisher.publish(message)


def _ns(message: JointState) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def main() -> None:
    """Entry point."""
    run_node(JointStatesNode)


if __name__ == "__main__":
    main()
