"""The lifecycle nodes of both drivers against the emulators: what they publish, follow, refuse, and leave behind."""

import os
import threading
import time

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from h2s2r_drivers.allegro.bus import open_bus
from h2s2r_drivers.allegro.emulator.hand import EmulatedHand
from h2s2r_drivers.allegro.emulator.server import HandServer
from h2s2r_drivers.fri.emulator.controller import ControllerConfiguration, EmulatedController
from h2s2r_drivers.fri.emulator.server import EmulatorServer
from h2s2r_drivers.fri.messages import SessionState
from h2s2r_drivers.nodes.allegro_driver import AllegroDriverNode
from h2s2r_drivers.nodes.iiwa_driver import IiwaDriverNode
from h2s2r_drivers.nodes.joint_states import JointStatesNode

# What is tested here are nodes; a loaded machine misses cycles, and that is no news.
PATIENT = ControllerConfiguration(
    quality_bounds=(0.0, 0.01, 0.99), missed_in_a_row=1000, velocity_factor=100.0, acceleration_factor=1000.0
)
PORT = 30_000 + os.getpid() % 2000
SUCCESS = TransitionCallbackReturn.SUCCESS


def parameters(**values):
    return [Parameter(name, value=value) for name, value in values.items()]


class Graph:
    """Both emulators, both drivers, the merged joint states, and a stand-in for the controller."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context, domain_id=1 + os.getpid() % 100)
        channel = f"nodes-{os.getpid()}"
        self.arm = EmulatedController(PATIENT)
        self.arm.request_commanding()
        self.hand = EmulatedHand()
        self.servers = (
            EmulatorServer(self.arm, ("127.0.0.1", PORT)),
            HandServer(self.hand, open_bus("virtual", channel)),
        )
        self.threads = [threading.Thread(target=server.run) for server in self.servers]
        loopback = parameters(controller_address="127.0.0.1", bind_address="127.0.0.1", port=PORT, priority=0)
        bus = parameters(interface="virtual", channel=channel, priority=0, silent_after_s=10.0)
        patient = parameters(target_timeout_s=1.0)
        self.arm_node = IiwaDriverNode(context=self.context, parameter_overrides=[*loopback, *patient])
        self.hand_node = AllegroDriverNode(context=self.context, parameter_overrides=[*bus, *patient])
        merge = JointStatesNode(context=self.context, parameter_overrides=parameters(stale_s=0.5))
        self.test_node = rclpy.create_node("controller_stand_in", context=self.context)
        self.nodes = (self.arm_node, self.hand_node, merge, self.test_node)
        self.executor = SingleThreadedExecutor(context=self.context)
        for node in self.nodes:
            self.executor.add_node(node)
        self.states, self.diagnostics = [], {}
        self.target = None
        self.publisher = self.test_node.create_publisher(JointTrajectory, "/joint_command", 10)
        self.test_node.create_subscription(JointState, "/joint_states", self.on_states, 10)
        self.test_node.create_subscription(DiagnosticArray, "/diagnostics", self.on_diagnostics, 10)
        for thread in self.threads:
            thread.start()

    def on_states(self, message):
        self.states.append(message)
        if self.target is not None:
            names, position = self.target(message)
            point = JointTrajectoryPoint(positions=[float(value) for value in position])
            self.publisher.publish(JointTrajectory(header=message.header, joint_names=names, points=[point]))

    def on_diagnostics(self, message):
        for status in message.status:
            self.diagnostics[status.name] = status

    def spin_until(self, condition, limit_s=60.0, begin_again=None):
        """`begin_again`: what to do after a machine that slept for a tenth of a second has latched a guard."""
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, "did not come true"
            self.executor.spin_once(timeout_sec=0.05)
            machines = [node._machine for node in (self.arm_node, self.hand_node)]
            if begin_again is not None and any(machine.latched for machine in machines):
                for machine in machines:
                    machine.recover()
                begin_again()

    def close(self):
        try:
            for node in self.nodes:
                node.destroy_node()
        finally:
            for server in self.servers:
                server.stop()
            for thread in self.threads:
                thread.join()
            for server in self.servers:
                server.close()
            self.executor.shutdown()
            self.context.try_shutdown()


@pytest.fixture
def graph():
    graph = Graph()
    try:
        yield graph
    finally:
        graph.close()


def test_the_nodes_follow_targets_by_name_only_while_active_and_leave_the_robot_at_rest(graph):
    drivers = (graph.arm_node, graph.hand_node)
    for node in drivers:
        assert node.trigger_configure() is SUCCESS
    graph.spin_until(lambda: len(graph.states) > 10)
    assert not graph.hand.servo_on, "limp until activated"
    stamps = [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in graph.states[-8:]]
    assert np.median(np.diff(stamps)) == pytest.approx(1e9 / 60, abs=20_000)
    assert len(graph.states[-1].name) == 23

    # Inactive: a target changes nothing.
    start = {}

    def sway(message):
        start.setdefault("ns", message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
        position = dict(zip(message.name, message.position, strict=True))
        start.setdefault("position", position)
        t = (message.header.stamp.sec * 10**9 + message.header.stamp.nanosec - start["ns"]) * 1e-9
        order = sorted(start["position"], reverse=True)  # not the order of any wire
        moving = {"lbr_A1", "joint_6_0"}
        return order, [start["position"][n] + (n in moving) * 0.1 * (1 - np.cos(3 * t)) for n in order]

    graph.target = sway
    seen = len(graph.states)
    graph.spin_until(lambda: len(graph.states) > seen + 15)
    graph.target = None
    home, seen = graph.arm.commanded, len(graph.states)
    graph.spin_until(lambda: len(graph.states) > seen + 15)  # what was sent has come
    graph.spin_until(lambda: graph.arm.state is SessionState.COMMANDING_ACTIVE)

    for node in drivers:
        assert node.trigger_activate() is SUCCESS
    graph.spin_until(lambda: graph.hand.servo_on)
    start.clear()
    graph.target = sway
    finger = graph.hand.joints.state()[0][6]
    graph.spin_until(lambda: graph.arm.commanded[0] - home[0] > 0.05, begin_again=start.clear)
    graph.spin_until(lambda: graph.hand.joints.state()[0][6] - finger > 0.03, begin_again=start.clear)
    np.testing.assert_allclose(graph.arm.commanded[1:], home[1:], atol=0.02)
    graph.spin_until(lambda: {"iiwa_driver", "allegro_driver"} <= set(graph.diagnostics))
    figures = {v.key: v.value for v in graph.diagnostics["iiwa_driver"].values}
    assert {"in_cycle_fraction", "latency_ms_p99", "session", "quality", "scheduling"} <= set(figures)

    for node in drivers:
        assert node.trigger_deactivate() is SUCCESS
    graph.spin_until(lambda: not graph.hand.servo_on)
    held = []

    def stands():
        held.append(graph.arm.commanded)
        return len(held) > 30 and np.ptp(held[-30:], axis=0).max() == 0.0

    graph.spin_until(stands)
    assert graph.target is sway, "targets still come, and nothing moves"
    for node in drivers:
        assert node.trigger_cleanup() is SUCCESS


def test_what_is_wrong_is_refused_or_latched_and_told(graph):
    assert graph.arm_node.trigger_configure() is SUCCESS
    assert graph.hand_node.trigger_configure() is SUCCESS
    graph.spin_until(lambda: graph.arm.state is SessionState.COMMANDING_ACTIVE and len(graph.states) > 5)
    assert graph.arm_node.trigger_activate() is SUCCESS
    home = graph.arm.commanded

    graph.target = lambda m: (["somebody_elses_joint", *m.name], [0.0, *m.position])
    seen = len(graph.states)
    graph.spin_until(lambda: len(graph.states) > seen + 10)
    np.testing.assert_array_equal(graph.arm.commanded, home)
    assert graph.arm_node._audit.interventions == []

    graph.target = lambda m: (m.name, [float("nan")] * len(m.name))
    graph.spin_until(lambda: graph.diagnostics.get("iiwa_driver") and graph.diagnostics["iiwa_driver"].level != b"\x00")
    graph.target = None
    assert "distance of the first target" in graph.diagnostics["iiwa_driver"].message
    client = graph.test_node.create_client(Trigger, "/iiwa_driver/recover")
    graph.spin_until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    graph.spin_until(future.done)
    graph.spin_until(lambda: graph.diagnostics["iiwa_driver"].level == b"\x00")


def test_parameters_explain_themselves_and_a_bad_set_up_stays_unconfigured(graph):
    for node in (graph.arm_node, graph.hand_node):
        for name in node.get_parameters_by_prefix(""):
            if name not in ("use_sim_time", "start_type_description_service"):
                assert node.describe_parameter(name).description, name
    period = graph.arm_node.describe_parameter("period_ms").integer_range[0]
    assert (period.from_value, period.to_value) == (1, 20)
    graph.hand_node.set_parameters(parameters(model="v9"))
    assert graph.hand_node.trigger_configure() is TransitionCallbackReturn.FAILURE
    graph.hand_node.set_parameters(parameters(model="v5", interface="no such bus"))
    assert graph.hand_node.trigger_configure() is TransitionCallbackReturn.FAILURE
