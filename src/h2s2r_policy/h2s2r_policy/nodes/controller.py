"""Controller node: one guarded joint command for each joint state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_drivers.command_guard import CommandGuard, GuardConfiguration
from h2s2r_perception.artefact import InputError
from h2s2r_policy.controlled_robot import ControlledRobot, robot_of_embodiment, robot_of_policy
from h2s2r_policy.joint_follower import JointFollower
from h2s2r_policy.joint_map import JointMap
from h2s2r_policy.nodes.messages import stamp_ns, to_stamp, to_trajectory
from h2s2r_policy.nodes.run_node import run_node
from h2s2r_retarget.embodiment import like_a_radian, load_embodiment

_SOFT_NM_PER_RAD = 20.0
"""A finger's 3 Nm/rad reach its torque limit after 0.23 rad. However far an object presses such a joint back, it
meets no more force, so its tracking error is no sign of danger and is not judged."""


class ControllerNode(Node):
    """Parameters: one of two that say which robot it is.

    `run_folder` (holds `policy/`, whose contract has the limits and the controller's constants), or `embodiment`
    (name or YAML file) with `table_height_m` where targets come from something else than a policy.
    """

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("controller", **node_arguments)
        run = str(self.declare_parameter("run_folder", "").value)
        embodiment = str(self.declare_parameter("embodiment", "").value)
        table_height_m = float(self.declare_parameter("table_height_m", 0.0).value)
        robot = (
            robot_of_embodiment(load_embodiment(embodiment), table_height_m)
            if embodiment
            else robot_of_policy(Path(run) / "policy")
        )
        guard = CommandGuard(robot.limits, robot.joint_names, guard_configuration(robot))
        self.follower = JointFollower(robot.controller, guard)
        self._joint_names = robot.joint_names
        self._measured_map, self._target_map = JointMap(robot.joint_names), JointMap(robot.joint_names)
        self._reported = 0
        self._warm_up(robot.limits.position_lower)
        self._command = self.create_publisher(JointTrajectory, "/joint_command", 10)
        self._image = self.create_publisher(Header, "/joint_command/image", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(JointTrajectory, "/joint_target", self._on_target, 10)
        self.create_subscription(JointState, "/joint_states", self._on_joint_states, 10)
        self.create_service(Trigger, "/controller/reset", self._on_reset)

    def _on_target(self, message: JointTrajectory) -> None:
        try:
            values = message.points[-1].positions if message.points else []
            target = self._target_map.pick(message.joint_names, values, source="/joint_target", field="positions")
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        self.follower.pursue(stamp_ns(message.header.stamp), target)

    def _on_joint_states(self, message: JointState) -> None:
        try:
            measured = self._measured_map.pick(message.name, message.position, source="/joint_states", field="position")
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        command = self.follower.command(stamp_ns(message.header.stamp), measured)
        if command.result.command is not None:
            # The latency mark goes first: whoever waits for the command finds it already there.
            if command.image_stamp_ns is not None:
                self._image.publish(Header(stamp=to_stamp(command.image_stamp_ns)))
            self._command.publish(to_trajectory(self._joint_names, command.result.command, message.header.stamp))
        self._report_interventions(message)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.follower.reset()
        response.success = True
        return response

    def _report_interventions(self, message: JointState) -> None:
        for intervention in self.follower.guard.interventions[self._reported :]:
            self.get_logger().error(f"command guard: {intervention}; holding until /controller/reset")
            values = [KeyValue(key=key, value=str(value)) for key, value in vars(intervention).items()]
            status = DiagnosticStatus(
                level=DiagnosticStatus.ERROR, name="command_guard", message=str(intervention), values=values
            )
            report = DiagnosticArray(status=[status])
            report.header.stamp = message.header.stamp
            self._diagnostics.publish(report)
        self._reported = len(self.follower.guard.interventions)

    def _warm_up(self, position: np.ndarray) -> None:
        message = to_trajectory(self._joint_names, position, to_stamp(0))
        self._target_map.pick(message.joint_names, message.points[0].positions, source="warm-up", field="positions")


def guard_configuration(robot: ControlledRobot) -> GuardConfiguration:
    """The guard for this robot: stiff joints must follow closely, soft fingers may be pressed back by the object."""
    unit = like_a_radian(robot.joint_units)
    soft = robot.stiffness * unit**2 < _SOFT_NM_PER_RAD
    allowed = np.where(soft, np.inf, GuardConfiguration.tracking_error_rad * unit)
    return GuardConfiguration(period_s=1.0 / robot.rate_hz, tracking_error_rad=tuple(float(value) for value in allowed))


def main() -> None:
    """Entry point."""
    run_node(ControllerNode)


if __name__ == "__main__":
    main()
