"""The simulated robot as a ROS node: what it publishes, whom it follows, and how it ends."""

import os
import threading
import time

import numpy as np
import pytest

from h2s2r_perception import demonstration as demonstrations
from h2s2r_perception.artefact import writing
from h2s2r_perception.recording import RecordingWriter
from h2s2r_retarget import retargeting as retargetings
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim import lock_step
from h2s2r_sim.rendering import Camera

rclpy = pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseStamped  # noqa: E402
from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint  # noqa: E402

from h2s2r_sim.nodes.simulated_robot import CAMERA_FRAME, SimulatedRobotNode  # noqa: E402

DOMAIN = 1 + (os.getpid() + 31) % 100
SIZE = (160, 120)


@pytest.fixture(scope="module")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, embodiment):
    """A run of a box at rest that moves 25 cm at once, with the robot at home."""
    run = tmp_path_factory.mktemp("run")
    camera = Camera.look_at((1.3, -0.1, 0.8), (0.6, 0.0, 0.2), focal_length_px=150.0, width=SIZE[0], height=SIZE[1])
    with RecordingWriter.create(
        run / "recording", camera_matrix=camera.camera_matrix, T_world_camera=camera.T_world_camera, camera_name="test"
    ) as writer:
        for index in range(2):
            rgb, depth = np.zeros((*SIZE[::-1], 3), np.uint8), np.full(SIZE[::-1], 900, np.uint16)
            writer.append(rgb, depth, index * 33_333_333)
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, :3, 3] = [[0.60, -0.15, 0.185], [0.60, -0.15, 0.185], [0.60, 0.10, 0.185]]
    with writing(run / "demonstration", demonstrations.SCHEMA) as artefact:
        demonstrations.Demonstration(
            stamp_ns=np.arange(3, dtype=np.int64) * 1_000_000_000,
            T_world_object=poses,
            object_confidence=np.ones(3),
            hand_joints_world=np.zeros((3, 21, 3)),
            hand_confidence=np.ones(3),
            motion_start=1,
            motion_end=2,
            premanipulation_index=0,
        ).save(artefact.folder)
    home = np.asarray(embodiment.home, dtype=float)
    T_palm = np.asarray(BatchedKinematics(embodiment).forward(home[None]).T_world_palm[0])
    with writing(run / "retargeting", retargetings.SCHEMA) as artefact:
        names = {"embodiment": embodiment.name, "embodiment_sha256": embodiment.sha256}
        artefact.fields.update(names, joint_names=list(embodiment.joint_names))
        retargetings.Retargeting(
            joint_position=home,
            T_object_palm=np.linalg.inv(poses[0]) @ T_palm,
            path_joint_position=np.stack([home, home]),
            path_T_world_palm=np.stack([T_palm, T_palm]),
            path_stamp_s=np.array([0.0, 1.0]),
            joint_names=tuple(embodiment.joint_names),
            quality={},
            **names,
        ).save(artefact.folder)
    return run


class Others(Node):
    """Tracker, goal, policy and controller in one.

    A goal for each image, a target for each second, a command for each joint state, `joint_names` in any order.
    """

    def __init__(self, context, joint_names):
        super().__init__("others", context=context)
        self.joint_names, self.policy_runs, self.wanted = joint_names, False, {}
        self.images, self.depths, self.infos, self.states, self.truth = [], [], [], [], []
        self.goal = self.create_publisher(PoseStamped, "/goal_pose", 10)
        self.target = self.create_publisher(JointTrajectory, "/joint_target", 10)
        self.command = self.create_publisher(JointTrajectory, "/joint_command", 10)
        self.create_subscription(Image, "/camera/camera/color/image_raw", self.on_image, 5)
        depth_topic = "/camera/camera/aligned_depth_to_color/image_raw"
        self.create_subscription(Image, depth_topic, self.depths.append, 5)
        self.create_subscription(CameraInfo, "/camera/camera/color/camera_info", self.infos.append, 5)
        self.create_subscription(JointState, "/joint_states", self.on_state, 10)
        self.create_subscription(PoseStamped, "/simulation/object_pose", self.truth.append, 10)
        self.reset = self.create_client(Trigger, "/simulation/reset")

    def on_image(self, message):
        self.images.append(message)
        self.goal.publish(PoseStamped(header=message.header))
        if self.policy_runs and len(self.images) % 2:
            self.target.publish(JointTrajectory(header=message.header))

    def on_state(self, message):
        self.states.append(message)
        measured = dict(zip(message.name, message.position, strict=True))
        wanted = [self.wanted.get(name, measured.get(name, 0.0)) for name in self.joint_names]
        answer = JointTrajectory(header=message.header, joint_names=self.joint_names)
        answer.points = [JointTrajectoryPoint(positions=wanted)]
        self.command.publish(answer)


@pytest.fixture
def graph(run_folder, embodiment, tmp_path, monkeypatch):
    """The node at work in its own threads; gives the other side and a way to spin it until something is true."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    values = {"task": "snackbox_push", "run_folder": str(run_folder), "output_folder": str(tmp_path), "seed": 4}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = SimulatedRobotNode(context=context, parameter_overrides=overrides)
    others = Others(context, list(reversed(embodiment.joint_names)))
    receiving, answering = SingleThreadedExecutor(context=context), SingleThreadedExecutor(context=context)
    receiving.add_node(node)
    answering.add_node(others)
    threads = [threading.Thread(target=receiving.spin), threading.Thread(target=node.run)]
    for thread in threads:
        thread.start()

    def until(condition, limit_s=20.0):
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            answering.spin_once(timeout_sec=0.05)

    yield others, until
    node.lock_step.stop()
    threads[1].join(5.0)
    receiving.shutdown()
    answering.shutdown()
    threads[0].join(5.0)
    rclpy.shutdown(context=context)
    assert not any(thread.is_alive() for thread in threads)
    assert (tmp_path / "latency.npz").is_file()
    if others.policy_runs:
        assert (tmp_path / "rollout.mp4").stat().st_size > 0


def stamp(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def test_it_publishes_what_a_camera_and_a_robot_publish(graph, embodiment):
    others, until = graph
    until(lambda: min(len(others.images), len(others.depths)) >= 4 and len(others.states) >= 8)
    colour, depth, info, state = others.images[-1], others.depths[-1], others.infos[-1], others.states[-1]
    assert (colour.encoding, depth.encoding) == ("rgb8", "16UC1")
    assert (colour.width, colour.height) == (depth.width, depth.height) == (info.width, info.height) == SIZE
    assert colour.header.frame_id == info.header.frame_id == CAMERA_FRAME
    assert info.k[0] == pytest.approx(150.0)
    assert [stamp(image) for image in others.images[:4]] == [stamp(image) for image in others.depths[:4]]
    np.testing.assert_allclose(np.diff([stamp(image) for image in others.images]), 1e9 / 30, atol=2)
    np.testing.assert_allclose(np.diff([stamp(state) for state in others.states]), 1e9 / 60, atol=2)
    assert tuple(state.name) == tuple(embodiment.joint_names)


def test_it_follows_commands_by_name_once_the_policy_runs_and_starts_anew_on_reset(graph):
    others, until = graph
    until(lambda: len(others.states) >= 4)
    joint = others.states[-1].name[0]
    start = others.states[-1].position[0]
    others.wanted = {joint: start + 0.05}
    before = len(others.states)
    until(lambda: len(others.states) >= before + 20)
    assert others.states[-1].position[0] == pytest.approx(start, abs=0.005)  # no policy, no motion
    others.policy_runs = True
    until(lambda: abs(others.states[-1].position[0] - start - 0.05) < 0.01)
    object_before = others.truth[-1].pose.position
    others.policy_runs = False
    answer = others.reset.call_async(Trigger.Request())
    until(answer.done)
    assert answer.result().success
    seen = len(others.truth)
    until(lambda: len(others.truth) >= seen + 5)
    others.policy_runs = True  # for the fixture's check of the video
    object_after = others.truth[-1].pose.position
    assert abs(object_after.x - object_before.x) + abs(object_after.y - object_before.y) > 1e-3


def test_a_command_that_lacks_a_joint_is_not_followed(graph, monkeypatch):
    monkeypatch.setattr(lock_step, "RUNNING_LIMIT_S", 0.5)
    others, until = graph
    others.joint_names = others.joint_names[:-1]
    others.policy_runs = True
    until(lambda: len(others.states) >= 4)
    start = np.array(others.states[-1].position)
    others.wanted = dict.fromkeys(others.joint_names, 0.0)
    before = len(others.states)
    until(lambda: len(others.states) >= before + 2)
    np.testing.assert_allclose(others.states[-1].position, start, atol=0.01)
