"""The live retargeting node with real rclpy, and the controller that follows it without a policy."""

import os
import time

import numpy as np
import pytest

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
rclpy = pytest.importorskip("rclpy")

from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import JointState, PointCloud2  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from h2s2r_perception.artefact import InputError  # noqa: E402
from h2s2r_perception.nodes.hand_keypoints import TOPIC, to_cloud  # noqa: E402
from h2s2r_policy.nodes.controller import ControllerNode  # noqa: E402
from h2s2r_policy.nodes.live_retarget import LiveRetargetNode  # noqa: E402
from h2s2r_policy.nodes.messages import stamp_ns, to_stamp  # noqa: E402
from h2s2r_retarget.embodiment import load_embodiment  # noqa: E402

DOMAIN = 1 + (os.getpid() + 73) % 100
TABLE = [0.8, 1.4, 0.05, 0.65, 0.0, 0.13, 0.0]
START_NS = 1_700_000_000_000_000_000
FRAME_NS = 33_333_333


@pytest.fixture(scope="module")
def embodiment():
    return load_embodiment("iiwa14_allegro")


def hand_at(knuckle):
    """A flat right hand, fingers forward and down, palm to the left, with its middle knuckle there."""
    s = np.sqrt(0.5)
    R = np.array([[0.0, s, s], [1.0, 0.0, 0.0], [0.0, s, -s]])  # columns: palm normal, thumb's side, fingers
    joints = [(0.0, 0.0, -0.09)] + [(0.02, 0.05, -0.08 + 0.025 * k) for k in range(4)]
    for across in (0.024, 0.0, -0.022, -0.04):
        joints += [(0.007 * k, across, 0.03 * k) for k in range(4)]
    return np.array(joints) @ R.T + knuckle


class Graph:
    """The nodes under test, and a probe that is hand and robot."""

    def __init__(self, embodiment, kinds, parameters):
        self.embodiment, self.context, self.nodes = embodiment, Context(), []
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.probe = Node("probe", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        try:
            for kind in kinds:
                self.nodes.append(kind(context=self.context, parameter_overrides=overrides))
        except BaseException:
            self.close()
            raise
        self.targets, self.commands = [], []
        self.probe.create_subscription(JointTrajectory, "/joint_target", self.targets.append, 10)
        self.probe.create_subscription(JointTrajectory, "/joint_command", self.commands.append, 10)
        self.hands = self.probe.create_publisher(PointCloud2, TOPIC, 10)
        self.states = self.probe.create_publisher(JointState, "/joint_states", 10)
        for node in (*self.nodes, self.probe):
            self.executor.add_node(node)
        self.until(lambda: self.states.get_subscription_count() == len(kinds))
        if LiveRetargetNode in kinds:
            self.until(lambda: self.hands.get_subscription_count() and self.probe.count_publishers("/joint_target"))
        self.frame = 0

    def until(self, condition, limit_s=30.0):
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def settle(self, seconds=0.3):
        """Time enough for an answer that must not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)

    def stand(self, position=None):
        message = JointState(header=Header(stamp=to_stamp(START_NS + self.frame * FRAME_NS)))
        message.name = list(self.embodiment.joint_names)
        message.position = (self.embodiment.home if position is None else position).tolist()
        self.states.publish(message)
        self.settle(0.1)

    def show(self, joints, confidence=1.0):
        self.frame += 1
        self.hands.publish(to_cloud(joints, confidence, Header(stamp=to_stamp(START_NS + self.frame * FRAME_NS))))

    def answered(self, joints):
        before = len(self.targets)
        self.show(joints)
        self.until(lambda: len(self.targets) > before)
        return self.targets[-1]

    def call(self, service):
        client = self.probe.create_client(Trigger, service)
        self.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        assert future.result().success

    def close(self):
        for node in (*self.nodes, self.probe):
            node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def make(request, embodiment):
    def make(*kinds, **parameters):
        given = {"embodiment": embodiment.name, "boxes": TABLE, "table_height_m": 0.155, **parameters}
        graph = Graph(embodiment, kinds or (LiveRetargetNode,), given)
        request.addfinalizer(graph.close)
        return graph

    return make


def test_a_hand_is_answered_by_a_target_of_its_stamp_and_its_absence_by_none(make, embodiment):
    graph = make()
    graph.show(hand_at([0.55, -0.2, 0.33]))
    graph.settle()
    assert not graph.targets  # nobody knows yet where the robot is
    graph.stand()
    for _ in range(3):
        target = graph.answered(hand_at([0.55, -0.2, 0.33]))
    assert stamp_ns(target.header.stamp) == START_NS + graph.frame * FRAME_NS
    assert tuple(target.joint_names) == embodiment.joint_names
    moved = np.abs(np.array(target.points[0].positions) - embodiment.home)
    assert moved.max() > 0.0 and (moved <= embodiment.limits.velocity * 4 * FRAME_NS * 1e-9).all()
    graph.show(None)
    graph.show(hand_at([0.55, -0.2, 0.33]), confidence=0.1)
    graph.settle()
    assert len(graph.targets) == 3


def test_the_clutch_is_a_service(make):
    graph = make(engaged=False)
    graph.stand()
    graph.show(hand_at([0.55, -0.2, 0.33]))
    graph.settle()
    assert not graph.targets
    graph.call("/live_retarget/engage")
    graph.answered(hand_at([0.55, -0.2, 0.33]))
    graph.call("/live_retarget/release")
    graph.show(hand_at([0.55, -0.2, 0.33]))
    graph.settle()
    assert len(graph.targets) == 1


def test_messages_that_are_no_hand_or_no_robot_are_ignored(make):
    graph = make()
    graph.states.publish(JointState(name=["elbow"], position=[1.0]))
    wrong = to_cloud(hand_at([0.55, -0.2, 0.33]), 1.0, Header())
    wrong.header.frame_id = "camera"
    graph.stand()
    graph.hands.publish(wrong)
    graph.settle()
    assert not graph.targets
    graph.answered(hand_at([0.55, -0.2, 0.33]))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("mode", "sideways"), ("palm_speed_m_s", -1.0), ("boxes", [1.0, 2.0]), ("minimum_confidence", "high")],
)
def test_a_parameter_out_of_range_is_refused_by_name(make, parameter, value):
    with pytest.raises(InputError, match=parameter):
        make(**{parameter: value})


def test_the_controller_needs_no_policy_to_follow(make, embodiment):
    graph = make(ControllerNode)
    graph.stand()
    graph.until(lambda: graph.commands)
    np.testing.assert_allclose(graph.commands[-1].points[0].positions, embodiment.home, atol=1e-6)
