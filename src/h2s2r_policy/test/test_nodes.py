"""The three nodes with real rclpy: every test has its own context and domain, and speaks to the node by messages."""

import itertools
import os
import time

import numpy as np
import pytest

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: `pip install -r` the ROS wheels, or source ROS")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from h2s2r_perception.artefact import InputError  # noqa: E402
from h2s2r_policy.interface import open_policy  # noqa: E402
from h2s2r_policy.nodes.controller import ControllerNode  # noqa: E402
from h2s2r_policy.nodes.goal import GoalNode  # noqa: E402
from h2s2r_policy.nodes.messages import from_pose, stamp_ns, to_pose, to_stamp, to_trajectory  # noqa: E402
from h2s2r_policy.nodes.policy import PolicyNode  # noqa: E402
from h2s2r_policy.policy_runner import Measurement  # noqa: E402
from h2s2r_policy.policy_session import Phase  # noqa: E402

LIMIT_S = 10.0
FRAME_NS = 33_333_333
_domain = itertools.count(1 + 40 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2) + os.getpid() % 20)


class Graph:
    """One node under test and a probe that plays everything around it."""

    def __init__(self, kinds, run_folder):
        self.context = Context()
        rclpy.init(context=self.context, domain_id=next(_domain))
        run = [Parameter("run_folder", value=str(run_folder))]
        self.nodes = [kind(context=self.context, parameter_overrides=run) for kind in kinds]
        self.probe = Node("probe", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        for node in (*self.nodes, self.probe):
            self.executor.add_node(node)
        self.heard = {}
        self.publishers = {}

    def listen(self, kind, topic):
        self.heard[topic] = []
        self.probe.create_subscription(kind, topic, self.heard[topic].append, 10)
        self.until(lambda: self.probe.count_publishers(topic) > 0)

    def publish(self, topic, message):
        if topic not in self.publishers:
            self.publishers[topic] = self.probe.create_publisher(type(message), topic, 10)
            self.until(lambda: self.publishers[topic].get_subscription_count() > 0)
        self.publishers[topic].publish(message)

    def until(self, condition, limit_s=LIMIT_S):
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def settle(self, seconds=0.15):
        """Time enough for an answer that must not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)

    def call(self, service):
        client = self.probe.create_client(Trigger, service)
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def close(self):
        self.executor.shutdown()
        for node in (*self.nodes, self.probe):
            node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph(run_folder):
    graphs = []

    def start(*kinds):
        graphs.append(Graph(kinds, run_folder))
        return graphs[-1]

    yield start
    for one in graphs:
        one.close()


def _joint_state(names, position, at_ns, velocity=None):
    message = JointState(name=list(names), position=[float(v) for v in position])
    message.velocity = [0.0] * len(names) if velocity is None else [float(v) for v in velocity]
    message.header.stamp = to_stamp(at_ns)
    return message


def test_goal_node_answers_each_object_pose_with_its_stamp(graph, T_world_object):
    g = graph(GoalNode)
    g.listen(PoseStamped, "/goal_pose")
    heard = g.heard["/goal_pose"]
    for frame in range(3):
        g.publish("/object_pose", to_pose(T_world_object, to_stamp(frame * FRAME_NS)))
        g.until(lambda count=frame + 1: len(heard) == count)
    np.testing.assert_allclose(from_pose(heard[-1], "/goal_pose"), T_world_object, atol=1e-9)
    assert g.call("/goal/start").success
    for frame in range(3, 34):
        g.publish("/object_pose", to_pose(T_world_object, to_stamp(frame * FRAME_NS)))
        g.until(lambda count=frame + 1: len(heard) == count)
    assert [stamp_ns(m.header.stamp) for m in heard] == [frame * FRAME_NS for frame in range(34)]
    moved = heard[-1].pose.position.y - T_world_object[1, 3]
    np.testing.assert_allclose(moved, 0.75 * 30 * FRAME_NS * 1e-9 * 0.125, atol=1e-6)


def test_goal_node_ignores_a_pose_that_is_none(graph, T_world_object):
    g = graph(GoalNode)
    g.listen(PoseStamped, "/goal_pose")
    broken = to_pose(T_world_object, to_stamp(1))
    broken.pose.position.x = float("nan")
    g.publish("/object_pose", broken)
    g.settle()
    assert not g.heard["/goal_pose"]
    g.publish("/object_pose", to_pose(T_world_object, to_stamp(2)))
    g.until(lambda: g.heard["/goal_pose"])


def test_controller_holds_then_pursues_and_maps_joints_by_name(graph, embodiment):
    g = graph(ControllerNode)
    g.listen(JointTrajectory, "/joint_command")
    g.listen(Header, "/joint_command/image")
    commands, order = g.heard["/joint_command"], np.random.default_rng(0).permutation(embodiment.dof)
    names = [embodiment.joint_names[i] for i in order] + ["gripper"]
    position = [*embodiment.home[order], 99.0]

    def tick(number):
        g.publish("/joint_states", _joint_state(names, position, round(number * 1e9 / 60)))
        g.until(lambda: len(commands) == number)

    for number in range(1, 4):
        tick(number)
        assert commands[-1].joint_names == list(embodiment.joint_names)
        np.testing.assert_array_equal(commands[-1].points[0].positions, embodiment.home)
        assert stamp_ns(commands[-1].header.stamp) == round(number * 1e9 / 60)
    assert not g.heard["/joint_command/image"]
    target = embodiment.home + 0.05
    g.publish("/joint_target", to_trajectory(names[:-1], target[order], to_stamp(40_000_000)))
    g.until(lambda: g.nodes[0].follower._target is not None)
    for number in range(4, 7):
        tick(number)
    assert np.all(np.array(commands[-1].points[0].positions) > embodiment.home)
    g.until(lambda: g.heard["/joint_command/image"])
    assert [stamp_ns(h.stamp) for h in g.heard["/joint_command/image"]] == [40_000_000]


def test_controller_reports_a_missing_joint_and_sends_nothing(graph, embodiment):
    g = graph(ControllerNode)
    g.listen(JointTrajectory, "/joint_command")
    names = embodiment.joint_names
    g.publish("/joint_states", _joint_state(names[:-1], embodiment.home[:-1], 10**8))
    nan = embodiment.home.copy()
    nan[3] = np.nan
    g.publish("/joint_states", _joint_state(names, nan, 2 * 10**8))
    g.settle()
    assert not g.heard["/joint_command"]
    g.publish("/joint_states", _joint_state(names, embodiment.home, 3 * 10**8))
    g.until(lambda: len(g.heard["/joint_command"]) == 1)


def test_controller_s_guard_latches_reports_and_recovers_by_service(graph, embodiment):
    g = graph(ControllerNode)
    g.listen(JointTrajectory, "/joint_command")
    g.listen(DiagnosticArray, "/diagnostics")
    commands = g.heard["/joint_command"]
    pushed = embodiment.home + 0.5

    def tick(number, position):
        g.publish("/joint_states", _joint_state(embodiment.joint_names, position, round(number * 1e9 / 60)))
        g.until(lambda: len(commands) == number)

    tick(1, embodiment.home)
    tick(2, pushed)
    tick(3, pushed)
    np.testing.assert_array_equal(commands[-1].points[0].positions, embodiment.home)
    g.until(lambda: g.heard["/diagnostics"])
    assert "tracking error" in g.heard["/diagnostics"][0].status[0].message
    assert g.call("/controller/reset").success
    tick(4, pushed)
    np.testing.assert_allclose(
        commands[-1].points[0].positions, np.clip(pushed, embodiment.limits.lower, embodiment.limits.upper)
    )


class Deployment:
    """A policy node and what it needs: joint states, object poses and the goal node's answers."""

    def __init__(self, graph, embodiment, T_world_object):
        self.graph, self.names = graph(PolicyNode, GoalNode), list(embodiment.joint_names)
        self.session = self.graph.nodes[0].session
        self.joints, self.T = embodiment.home.copy(), T_world_object
        self.velocity = np.linspace(-0.1, 0.1, len(self.names))
        self.now_ns = 10**9
        self.graph.listen(JointTrajectory, "/joint_target")
        self.graph.listen(PoseStamped, "/goal_pose")
        self.targets, self.goals = self.graph.heard["/joint_target"], self.graph.heard["/goal_pose"]

    def joint_state(self):
        state = _joint_state(self.names, self.joints, self.now_ns, self.velocity)
        self.graph.publish("/joint_states", state)
        self.graph.until(lambda: self.session._joints is not None and self.session._joints.stamp_ns == self.now_ns)

    def frame(self):
        self.now_ns += FRAME_NS
        self.joint_state()
        goals = len(self.goals)
        self.graph.publish("/object_pose", to_pose(self.T, to_stamp(self.now_ns)))
        self.graph.until(lambda: len(self.goals) > goals)
        self.graph.until(lambda: self.session._object is not None and self.session._object[0] == self.now_ns)

    def start(self):
        self.frame()
        answer = self.graph.call("/policy/start")
        assert answer.success, answer.message
        self.graph.until(lambda: self.session.phase is Phase.RUN)


@pytest.fixture
def deployment(graph, embodiment, T_world_object):
    return Deployment(graph, embodiment, T_world_object)


def test_policy_node_sends_what_the_library_computes_to_the_bit(deployment, run_folder):
    deployment.start()
    bundle, _, runner = open_policy(run_folder / "policy")
    runner.reset(deployment.joints[None], from_pose(to_pose(deployment.T, to_stamp(0)), "t")[None])
    for step in range(3):
        deployment.T = deployment.T.copy()
        deployment.T[1, 3] += 0.002
        deployment.frame()
        deployment.graph.until(lambda count=step + 1: len(deployment.targets) == count)
        # What went over the wire is what the simulator would have been given.
        T_object = from_pose(to_pose(deployment.T, to_stamp(0)), "t")
        T_goal = from_pose(deployment.goals[-1], "t")
        measurement = Measurement(deployment.joints[None], deployment.velocity[None], T_object[None], T_goal[None])
        expected = runner.act(bundle.policy.step(runner.observe(measurement)))[0]
        target = deployment.targets[-1]
        np.testing.assert_array_equal(target.points[0].positions, expected)
        assert target.joint_names == deployment.names
        assert stamp_ns(target.header.stamp) == deployment.now_ns
        deployment.frame()
    deployment.graph.settle()
    assert len(deployment.targets) == 3, "one target for every second image"


def test_policy_node_is_silent_when_the_object_pose_is_stale(deployment):
    deployment.start()
    deployment.frame()
    deployment.graph.until(lambda: len(deployment.targets) == 1)
    deployment.now_ns += 210_000_000
    deployment.joint_state()
    assert deployment.session.phase is Phase.HOLD
    deployment.frame()
    deployment.frame()
    deployment.graph.settle()
    assert len(deployment.targets) == 1
    deployment.start()
    deployment.frame()
    deployment.graph.until(lambda: len(deployment.targets) == 2)


def test_policy_node_ignores_and_reports_a_nan_pose(deployment):
    deployment.start()
    deployment.graph.listen(DiagnosticArray, "/diagnostics")
    broken = to_pose(deployment.T, to_stamp(deployment.now_ns + FRAME_NS))
    broken.pose.orientation.w = float("nan")
    deployment.graph.publish("/object_pose", broken)

    def reported():
        return any("/object_pose: pose" in m.status[0].message for m in deployment.graph.heard["/diagnostics"])

    deployment.graph.until(reported)
    assert not deployment.targets
    assert deployment.session.phase is Phase.RUN
    deployment.frame()
    deployment.graph.until(lambda: len(deployment.targets) == 1)


def test_policy_node_reports_a_missing_joint(deployment):
    g = deployment.graph
    g.listen(DiagnosticArray, "/diagnostics")
    g.publish("/joint_states", _joint_state(deployment.names[1:], deployment.joints[1:], deployment.now_ns))

    def reported():
        return any("joint `lbr_A1`: expected" in m.status[0].message for m in g.heard["/diagnostics"])

    g.until(reported)
    answer = g.call("/policy/start")
    assert not answer.success
    assert "/joint_states: expected a joint state, found none yet" in answer.message


def test_policy_node_holds_when_told(deployment):
    deployment.start()
    assert deployment.graph.call("/policy/hold").success
    for _ in range(3):
        deployment.frame()
    deployment.graph.settle()
    assert not deployment.targets
    assert deployment.session.phase is Phase.HOLD


def test_policy_node_refuses_a_retargeting_of_another_robot(graph, run_folder):
    meta = run_folder / "retargeting" / "meta.json"
    text = meta.read_text()
    start = text.index('"embodiment_sha256": "') + len('"embodiment_sha256": "')
    meta.write_text(text[:start] + "0" * 64 + text[start + 64 :])
    with pytest.raises(InputError, match="retargeting: embodiment_sha256"):
        graph(PolicyNode)
