"""What the lifecycle nodes of both drivers share: topics, services, transitions, diagnostics.

unconfigured: nothing is open. inactive: the wire is open, joint states are published, the robot holds. active: joint
targets are followed. Leaving active brakes first. What is stale is not published: joint states come from the wire's
own cycles, so a silent wire is a silent topic.
"""

from __future__ import annotations

import gc
import time
from abc import abstractmethod
from collections import deque
from pathlib import Path

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.lifecycle import LifecycleState, Node, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_drivers.audit_log import AuditLog
from h2s2r_drivers.errors import DriverError
from h2s2r_drivers.joint_map import JointMap
from h2s2r_drivers.nodes.machine import Machine
from h2s2r_drivers.nodes.parameters import declare, value
from h2s2r_drivers.realtime import take_priority_beside
from h2s2r_drivers.state_sampler import JointSample, StateSampler

_REST_S = 2.0
"""Longest wait for the robot to stand; at the project's accelerations braking takes 0.4 s."""


class DriverNode(Node):
    """A driver as a lifecycle node; remembers its machine while that is open.

    Args:
        name: Of the node.
        joint_names: In the order of the wire.
        other_joint_names: Joints that targets may hold and this driver does not move.
        state_topic: Where joint states go.
    """

    def __init__(
        self,
        name: str,
        joint_names: tuple[str, ...],
        other_joint_names: tuple[str, ...],
        state_topic: str,
        **node_arguments: object,
    ) -> None:
        super().__init__(name, **node_arguments)
        declare(self, "joint_names", list(joint_names), "names of this driver's joints, in the order of the wire")
        declare(self, "other_joint_names", list(other_joint_names), "joints in the targets that other drivers move")
        declare(self, "joint_state_rate_hz", 60.0, "joint states for each second [Hz]", (1.0, 200.0))
        declare(self, "target_timeout_s", 0.2, "targets older than this stop the robot [s]", (0.02, 5.0))
        declare(self, "priority", 80, "SCHED_FIFO priority of the wire's thread; 0: ordinary scheduling", (0, 98))
        declare(self, "audit_log", "", "file that gets a line for each intervention; empty: none is written")
        self._state_topic = state_topic
        self._machine: Machine | None = None
        self._audit: AuditLog | None = None
        self._samples: deque[JointSample] = deque(maxlen=8)
        self._told = 0
        self._following = False

    @abstractmethod
    def open_machine(self, audit: AuditLog) -> Machine:
        """Open the wire as the parameters say.

        Raises:
            DriverError: It cannot be opened.
        """

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the wire; the robot holds."""
        try:
            names = tuple(value(self, "joint_names"))
            self._map = JointMap(names, tuple(value(self, "other_joint_names")))
            path = str(value(self, "audit_log"))
            self._audit = AuditLog(Path(path) if path else None, self.get_name())
            self._machine = self.open_machine(self._audit)
        except DriverError as error:
            self.get_logger().error(str(error))
            self._close()
            return TransitionCallbackReturn.FAILURE
        self._sampler = StateSampler(float(value(self, "joint_state_rate_hz")))
        self._told = 0
        self._states = self.create_publisher(JointState, self._state_topic, 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._wake = self.create_guard_condition(self._publish)
        self._targets = self.create_subscription(JointTrajectory, "/joint_command", self._on_target, 10)
        self._recover = self.create_service(Trigger, "~/recover", self._on_recover)
        self._timer = self.create_timer(1.0, self._diagnose)
        self._machine.start()
        take_priority_beside(int(value(self, "priority")))
        self.get_logger().info(f"wire open; thread runs under {self._machine.scheduling}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Follow targets from now on."""
        if self._machine is None or self._machine.error is not None:
            return TransitionCallbackReturn.FAILURE
        self._machine.follow()
        self._following = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake, and hold or let go, as the robot does."""
        self._rest()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the wire."""
        self._close()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Brake and leave the wire, from wherever it is."""
        self._close()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave the wire; the node may be configured anew."""
        self._close()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Brake and leave the wire, however the process ends."""
        self._close()
        super().destroy_node()

    def on_cycle(self, sample: JointSample) -> None:
        """One cycle of the wire, in its thread: hand over, do not wait."""
        due = self._sampler.add(sample)
        if due is not None:
            self._samples.append(due)
            self._wake.trigger()

    def _rest(self) -> None:
        if self._machine is None or not self._following:
            return
        self._following = False
        self._machine.rest()
        end_s = time.monotonic() + _REST_S
        while not self._machine.is_at_rest and time.monotonic() < end_s:
            time.sleep(0.005)
        if not self._machine.is_at_rest:
            self.get_logger().error(f"the robot does not come to rest within {_REST_S} s")

    def _close(self) -> None:
        self._rest()
        machine, self._machine = self._machine, None
        if machine is None:
            return
        machine.stop()
        for entity, destroy in (
            (self._timer, self.destroy_timer),
            (self._targets, self.destroy_subscription),
            (self._recover, self.destroy_service),
            (self._wake, self.destroy_guard_condition),
            (self._states, self.destroy_publisher),
            (self._diagnostics, self.destroy_publisher),
        ):
            destroy(entity)
        if self._audit is not None:
            self._audit.close()

    def _on_target(self, message: JointTrajectory) -> None:
        if not self._following or self._machine is None or not message.points:
            return
        try:
            target = self._map.pick(message.joint_names, message.points[-1].positions)
        except DriverError as error:
            self.get_logger().warning(f"/joint_command: {error}", throttle_duration_sec=1.0)
            return
        stamp = message.header.stamp
        self._machine.pursue(stamp.sec * 1_000_000_000 + stamp.nanosec, target)

    def _on_recover(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._machine is not None:
            self._machine.recover()
        response.success = self._machine is not None and self._machine.error is None
        return response

    def _publish(self) -> None:
        while self._samples:
            sample = self._samples.popleft()
            message = JointState(
                name=list(self._map.joint_names),
                position=sample.position.tolist(),
                velocity=sample.velocity.tolist(),
                effort=sample.effort.tolist(),
            )
            message.header.stamp = Time(sec=sample.stamp_ns // 1_000_000_000, nanosec=sample.stamp_ns % 1_000_000_000)
            self._states.publish(message)
        if self._audit is not None and len(self._audit.interventions) > self._told:
            self._diagnose()

    def _diagnose(self) -> None:
        machine, audit = self._machine, self._audit
        if machine is None or audit is None:
            return
        for intervention in audit.interventions[self._told :]:
            self.get_logger().error(f"{intervention}; holding until ~/recover")
        self._told = len(audit.interventions)
        fault = str(machine.error) if machine.error is not None else machine.latched
        level = DiagnosticStatus.OK if fault is None else DiagnosticStatus.ERROR
        figures = {"scheduling": machine.scheduling, **vars(machine.report), **machine.details()}
        values = [
            KeyValue(key=key, value=f"{figure:.4g}" if isinstance(figure, float) else str(figure))
            for key, figure in figures.items()
        ]
        report = DiagnosticArray(
            status=[DiagnosticStatus(level=level, name=self.get_name(), message=fault or "ok", values=values)]
        )
        report.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(report)
        # The collector is off for the wire's sake; what a second of messages left behind goes here, in a moment.
        gc.collect(1)
