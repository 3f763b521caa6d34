"""Policy node: joint states, object and goal poses in; one joint target for every policy step out."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_perception.artefact import InputError
from h2s2r_policy.interface import open_policy
from h2s2r_policy.joint_map import JointMap
from h2s2r_policy.nodes.messages import from_pose, stamp_ns, to_trajectory
from h2s2r_policy.nodes.run_node import run_node
from h2s2r_policy.policy_session import Phase, PolicySession, StartPose
from h2s2r_policy.task_guard import TaskGuard, TaskGuardConfiguration
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.retargeting import Retargeting


class PolicyNode(Node):
    """Parameters: `run_folder` (holds `policy/` and `retargeting/`), `embodiment` (empty: what the contract names)."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("policy", **node_arguments)
        run = Path(str(self.declare_parameter("run_folder", "").value))
        retargeting = Retargeting.load(run / "retargeting")
        robot = str(self.declare_parameter("embodiment", "").value)
        bundle, embodiment, runner = open_policy(run / "policy", load_embodiment(robot) if robot else None)
        retargeting.check_embodiment(embodiment)
        kinematics = BatchedKinematics(embodiment)
        guard = TaskGuard(TaskGuardConfiguration(), kinematics, bundle.contract.table_height_m)
        start_pose = StartPose(retargeting.T_object_palm, retargeting.joint_position)
        self.session = PolicySession(bundle.policy, runner, kinematics, guard, start_pose)
        self.session.warm_up()
        self._joint_names = bundle.contract.joint_names
        self._joint_map = JointMap(self._joint_names)
        self._waiting: dict[str, tuple[int, np.ndarray]] = {}
        self._phase = self.session.phase
        self._goal_asked = False
        # Announced last: a graph is ready when these exist.
        self._target = self.create_publisher(JointTrajectory, "/joint_target", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._goal_start = self.create_client(Trigger, "/goal/start")
        self.create_subscription(JointState, "/joint_states", self._on_joint_states, 10)
        for topic in ("/object_pose", "/goal_pose"):
            self.create_subscription(PoseStamped, topic, lambda m, topic=topic: self._on_pose(topic, m), 10)
        self.create_service(Trigger, "/policy/start", self._on_start)
        self.create_service(Trigger, "/policy/hold", self._on_hold)

    def _on_joint_states(self, message: JointState) -> None:
        try:
            values = (message.position, message.velocity)
            position, velocity = (
                self._joint_map.pick(message.name, value, source="/joint_states", field=field)
                for field, value in zip(("position", "velocity"), values, strict=True)
            )
        except InputError as error:
            self._report(error)
            return
        self.session.joint_state(stamp_ns(message.header.stamp), position, velocity)
        self._follow_phase()

    def _on_pose(self, topic: str, message: PoseStamped) -> None:
        try:
            self._waiting[topic] = (stamp_ns(message.header.stamp), from_pose(message, topic))
        except InputError as error:
            self._report(error)
            return
        poses = list(self._waiting.values())
        if len(poses) < 2 or poses[0][0] != poses[1][0]:
            return
        started = time.perf_counter()
        T_world_object, T_world_goal = self._waiting["/object_pose"][1], self._waiting["/goal_pose"][1]
        try:
            target = self.session.pair(poses[0][0], T_world_object, T_world_goal)
        except InputError as error:
            self.session.hold()
            self._report(error)
            return
        if target is not None:
            self._target.publish(to_trajectory(self._joint_names, target, message.header.stamp))
            self._diagnose(DiagnosticStatus.OK, "step", time.perf_counter() - started)
        self._follow_phase()

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self.session.start()
            response.success = True
        except InputError as error:
            response.message = str(error)
            self._report(error)
        self._goal_asked = False
        self._follow_phase()
        return response

    def _on_hold(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.session.hold()
        self._follow_phase()
        response.success = True
        return response

    def _follow_phase(self) -> None:
        phase = self.session.phase
        if phase is Phase.ARRIVED and not self._goal_asked and self._goal_start.service_is_ready():
            self._goal_asked = True
            self._goal_start.call_async(Trigger.Request()).add_done_callback(self._on_goal_started)
        if phase is not self._phase:
            self._phase = phase
            latched = self.session.guard.latched
            reason = f": {latched}" if phase is Phase.HOLD and latched else ""
            self.get_logger().info(f"{phase.value}{reason}")
            self._diagnose(DiagnosticStatus.WARN if reason else DiagnosticStatus.OK, f"{phase.value}{reason}", 0.0)

    def _on_goal_started(self, _: Future) -> None:
        if self.session.phase is not Phase.ARRIVED:
            return
        try:
            self.session.run()
        except InputError as error:
            self.session.hold()
            self._report(error)
        self._follow_phase()

    def _report(self, error: InputError) -> None:
        self.get_logger().warning(str(error), throttle_duration_sec=1.0)
        self._diagnose(DiagnosticStatus.ERROR, str(error), 0.0)

    def _diagnose(self, level: bytes, text: str, step_s: float) -> None:
        values = [KeyValue(key="phase", value=self.session.phase.value)]
        values.append(KeyValue(key="step_ms", value=f"{1e3 * step_s:.3f}"))
        report = DiagnosticArray(status=[DiagnosticStatus(level=level, name="policy", message=text, values=values)])
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)


def main() -> None:
    """Entry point."""
    run_node(PolicyNode)


if __name__ == "__main__":
    main()
