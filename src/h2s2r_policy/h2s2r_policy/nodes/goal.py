"""Goal node: one goal pose for each object pose, on the clock that training used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import Demonstration
from h2s2r_policy import contract as contract_file
from h2s2r_policy.goal_follower import GoalFollower
from h2s2r_policy.goal_path import GoalPath
from h2s2r_policy.nodes.messages import from_pose, stamp_ns, to_pose
from h2s2r_policy.nodes.run_node import run_node

DEFAULT_SPEED = 0.75
"""Middle of the range that training draws from."""


class GoalNode(Node):
    """Parameters: `run_folder` (holds `demonstration/` and `policy/`), `speed` (of the demonstration)."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("goal", **node_arguments)
        run = Path(str(self.declare_parameter("run_folder", "").value))
        speed = float(self.declare_parameter("speed", DEFAULT_SPEED).value)
        contract = contract_file.read(run / "policy")
        path = GoalPath.from_poses(*Demonstration.load(run / "demonstration").goal_trajectory())
        anchors = np.array(contract.object_anchors_m)
        self.follower = GoalFollower(path, contract.goal_clock, anchors, speed)
        self._publisher = self.create_publisher(PoseStamped, "/goal_pose", 10)
        self.create_subscription(PoseStamped, "/object_pose", self._on_object_pose, 10)
        self.create_service(Trigger, "/goal/start", self._on_start)

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.follower.start()
        response.success = True
        return response

    def _on_object_pose(self, message: PoseStamped) -> None:
        try:
            T_world_object = from_pose(message, "/object_pose")
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        goal = self.follower.goal(stamp_ns(message.header.stamp), T_world_object)
        self._publisher.publish(to_pose(goal, message.header.stamp))


def main() -> None:
    """Entry point."""
    run_node(GoalNode)


if __name__ == "__main__":
    main()
