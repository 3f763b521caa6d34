"""Camera and recorder as nodes, over real DDS: nothing is lost on the way, a gap stays a gap, takes are kept."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraFrame
from h2s2r_perception.nodes import image_conversion
from h2s2r_perception.nodes.camera import CameraNode
from h2s2r_perception.nodes.image_pairs import COLOUR_TOPIC, DEPTH_TOPIC, INFO_TOPIC
from h2s2r_perception.nodes.image_publisher import DEPTH_INFO_TOPIC, IMAGE_QOS, ImagePublisher
from h2s2r_perception.nodes.recorder import RecorderNode
from h2s2r_perception.nodes.topic_camera import TopicCamera
from h2s2r_perception.recording import Recording, RecordingWriter

WIDTH, HEIGHT = 640, 480
K = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
FROM_ABOVE = np.array([[1.0, 0, 0, 0.6], [0, -1, 0, 0], [0, 0, -1, 1.0], [0, 0, 0, 1]])
PERIOD_NS = 33_333_333
SHOWN = 45
TESTS = itertools.count()
PROFILE = Path(__file__).parents[3] / "launch" / "h2s2r_bringup" / "fastdds_profile.xml"
"""What the launch package gives every node that publishes images."""


@pytest.fixture(autouse=True)
def domain(monkeypatch):
    """A ROS domain for each test, so that no image of one reaches another."""
    chosen = 1 + (os.getpid() + 7 * next(TESTS)) % 100
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(chosen))
    return chosen


@pytest.fixture
def context(domain):
    own = Context()
    rclpy.init(context=own, domain_id=domain)
    yield own
    rclpy.shutdown(context=own)


@pytest.fixture
def listener(context):
    node = Node("listener", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node, executor
    executor.shutdown()
    node.destroy_node()


def images(index):
    generator = np.random.default_rng(index)
    small = generator.integers(30, 220, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
    rgb = small.repeat(20, axis=0).repeat(20, axis=1)
    return rgb, np.full((HEIGHT, WIDTH), 700 + index, dtype=np.uint16)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera") / "recording"
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=FROM_ABOVE, camera_name="test") as writer:
        for index in range(SHOWN):
            writer.append(*images(index), stamp_ns=10**18 + index * PERIOD_NS)
    return folder


def until(executor, condition, limit_s=30.0):
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    return condition()


def values(message):
    return {item.key: item.value for status in message.status for item in status.values}


def test_every_image_crosses_to_another_process_whole_in_order_and_at_its_pace(listener, recording):
    listener, executor = listener
    got = {topic: [] for topic in (COLOUR_TOPIC, DEPTH_TOPIC, INFO_TOPIC, DEPTH_INFO_TOPIC)}
    arrived, said = [], []

    def on_colour(message):
        arrived.append(time.time_ns())
        got[COLOUR_TOPIC].append(message)

    # A machine that is busy with other tests may stop this process for longer than five frames last.
    patient = QoSProfile(depth=SHOWN, reliability=ReliabilityPolicy.RELIABLE)
    listener.create_subscription(Image, COLOUR_TOPIC, on_colour, patient)
    listener.create_subscription(Image, DEPTH_TOPIC, got[DEPTH_TOPIC].append, patient)
    for topic in (INFO_TOPIC, DEPTH_INFO_TOPIC):
        listener.create_subscription(CameraInfo, topic, got[topic].append, patient)
    listener.create_subscription(DiagnosticArray, "/diagnostics", said.append, 10)
    arguments = ["--ros-args", "-p", f"source:={recording}", "-p", "wait_for_subscribers:=1"]
    environment = {**os.environ, **({"FASTRTPS_DEFAULT_PROFILES_FILE": str(PROFILE)} if PROFILE.is_file() else {})}
    camera = subprocess.Popen([sys.executable, "-m", "h2s2r_perception.nodes.camera", *arguments], env=environment)
    try:
        assert until(executor, lambda: camera.poll() is not None)
    finally:
        camera.kill()
        camera.wait()
    until(executor, lambda: all(len(messages) == SHOWN for messages in got.values()), limit_s=2.0)
    assert camera.returncode == 0
    seen = {
        topic: {image_conversion.stamp_ns(message.header) for message in messages} for topic, messages in got.items()
    }
    stamps = set().union(*seen.values())
    missing = {
        topic: sorted((stamp - min(stamps)) // PERIOD_NS for stamp in stamps - own) for topic, own in seen.items()
    }
    assert missing == {topic: [] for topic in got}
    assert len(stamps) == SHOWN
    for index, (colour, depth, info) in enumerate(
        zip(got[COLOUR_TOPIC], got[DEPTH_TOPIC], got[INFO_TOPIC], strict=True)
    ):
        rgb, depth_mm = images(index)
        assert (colour.encoding, depth.encoding) == ("rgb8", "16UC1")
        assert colour.header.frame_id == depth.header.frame_id == "camera_color_optical_frame"
        assert colour.header.stamp == depth.header.stamp == info.header.stamp
        np.testing.assert_array_equal(image_conversion.rgb(colour), rgb)
        np.testing.assert_allclose(image_conversion.depth_m(depth), depth_mm * 0.001, atol=1e-6)
        np.testing.assert_allclose(image_conversion.camera_matrix(info), K)
    stamps = np.array([image_conversion.stamp_ns(message.header) for message in got[COLOUR_TOPIC]])
    assert np.median(np.diff(stamps)) == PERIOD_NS
    assert np.all(np.array(arrived) > stamps)  # stamped as measured now
    assert 0 < np.median(np.array(arrived) - stamps) * 1e-6 < 2000
    assert (IMAGE_QOS.reliability, IMAGE_QOS.history) == (ReliabilityPolicy.RELIABLE, HistoryPolicy.KEEP_LAST)
    last = values(said[-1])
    assert (int(last["published_frames"]), int(last["dropped_frames"])) == (SHOWN, 0)
    assert 0 < float(last["latency_ms"]) < 2000


def test_a_source_that_is_none_is_one_line_and_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "h2s2r_perception.nodes.camera", "--ros-args", "-p", f"source:={tmp_path}/none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stdout.count("\n") == 1
    assert "expected `realsense`" in done.stdout


class Studio:
    """A recorder node and a hand-fed camera in one executor."""

    def __init__(self, context, **parameters):
        given = [Parameter(name, value=value) for name, value in parameters.items()]
        self.recorder = RecorderNode(context=context, parameter_overrides=given)
        self.node = Node("camera", context=context)
        self.publisher = ImagePublisher(self.node)
        self.poses = self.node.create_publisher(PoseStamped, "/object_pose", 10)
        self.diagnostics = self.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.said = []
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self.said.append, 10)
        self.clients = {name: self.node.create_client(Trigger, f"/recorder/{name}") for name in ("start", "stop")}
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.recorder)
        self.executor.add_node(self.node)
        assert self.until(lambda: all(client.service_is_ready() for client in self.clients.values()))
        assert self.until(lambda: self.publisher.subscribers == 1 and self.poses.get_subscription_count() == 1)

    def until(self, condition, limit_s=10.0):
        return until(self.executor, condition, limit_s)

    def call(self, name):
        future = self.clients[name].call_async(Trigger.Request())
        assert self.until(future.done)
        return future.result().success, future.result().message

    def show(self, indices):
        for index in indices:
            rgb, depth_mm = images(index % 7)
            frame = CameraFrame(0, rgb, depth_mm.astype(np.float32) * np.float32(0.001))
            before = self.recorded
            self.publisher.publish(frame, 10**18 + index * PERIOD_NS, K)
            assert self.until(lambda before=before: self.recorded == before + 1)

    @property
    def recorded(self):
        return self.recorder._take.frame_count if self.recorder._take else 0

    def close(self):
        self.executor.shutdown()
        self.recorder.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def studio(context, tmp_path):
    T = FROM_ABOVE.reshape(-1).tolist()
    preview = str(tmp_path / "preview.jpg")
    studio = Studio(context, folder=str(tmp_path / "takes"), T_world_camera=T, preview=preview)
    yield studio
    studio.close()


def test_start_and_stop_make_one_recording_each_with_its_gap_and_quality(studio, tmp_path):
    assert studio.call("stop") == (False, "not recording")
    for take in range(2):
        success, text = studio.call("start")
        assert success and f"take_00{take}" in text
        assert studio.call("start") == (False, "recording already")
        studio.show([*range(5), *range(155, 160)])  # the camera was out for five seconds
        success, text = studio.call("stop")
        assert success, text
        assert "10 frames" in text and "gap: 5.0 s without frames after frame 4" in text
    for take in range(2):
        recording = Recording.open(tmp_path / "takes" / f"take_00{take}")
        np.testing.assert_array_equal(
            recording.stamp_ns - recording.stamp_ns[0], [*np.arange(5) * PERIOD_NS, *(np.arange(155, 160) * PERIOD_NS)]
        )
        np.testing.assert_array_equal(recording.rgb(3), images(3)[0])
        np.testing.assert_allclose(recording.T_world_camera, FROM_ABOVE)
        np.testing.assert_allclose(recording.camera_matrix, K)
        (gap,) = json.loads((recording.folder / "meta.json").read_text())["gaps"]
        assert gap["after_frame"] == 4
    assert (tmp_path / "preview.jpg").stat().st_size > 1000


def test_what_the_tracker_says_is_a_warning(studio):
    studio.call("start")
    studio.show(range(2))
    pose = PoseStamped()
    pose.pose.position.x, pose.pose.position.y = 0.6, 0.0
    studio.poses.publish(pose)
    pose_outside = PoseStamped()
    pose_outside.pose.position.x = 0.6 + 0.53
    studio.poses.publish(pose_outside)
    assert studio.until(lambda: "the object is about to leave the view" in studio.recorder._take.warnings.now)
    studio.poses.publish(pose)
    assert studio.until(lambda: not studio.recorder._take.warnings.now)
    lost = DiagnosticStatus(level=DiagnosticStatus.WARN, name="object_pose", message="lost")
    studio.diagnostics.publish(DiagnosticArray(status=[lost]))
    assert studio.until(lambda: "object_pose: lost" in studio.recorder._take.warnings.now)
    assert studio.until(
        lambda: any("lost" in m.status[0].message for m in studio.said if m.status[0].name == "recorder")
    )


def test_a_recorder_told_to_end_keeps_the_take(listener, tmp_path):
    node, executor = listener
    command = [sys.executable, "-m", "h2s2r_perception.nodes.recorder", "--ros-args"]
    command += ["-p", f"folder:={tmp_path}", "-p", "start:=true"]
    publisher, said = ImagePublisher(node), []
    node.create_subscription(DiagnosticArray, "/diagnostics", said.append, 10)
    recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def frames():
        told = [status for message in said for status in message.status if status.name == "recorder"]
        return int({item.key: item.value for item in told[-1].values}["frames"]) if told else 0

    try:
        # Shown until enough have arrived: a publisher knows its subscriber before the subscriber knows it.
        for index in range(500):
            rgb, depth_mm = images(index % 7)
            publisher.publish(CameraFrame(0, rgb, depth_mm * np.float32(0.001)), 10**18 + index * PERIOD_NS, K)
            if until(executor, lambda: frames() >= 5, limit_s=0.04):
                break
        assert frames() >= 5
        recorder.send_signal(signal.SIGINT)
        output, _ = recorder.communicate(timeout=30)
    finally:
        recorder.kill()
        recorder.wait()
    assert recorder.returncode == 0, output
    assert "Traceback" not in output
    assert "T_world_camera" in output  # it says that nobody has calibrated
    recording = Recording.open(tmp_path / "take_000")
    assert recording.frame_count >= 5
    assert np.all(np.diff(recording.stamp_ns) > 0)
    assert np.all(np.diff(recording.stamp_ns) % PERIOD_NS == 0)


def test_image_topics_are_a_camera_like_any_other(domain, recording):
    camera_context = Context()
    rclpy.init(context=camera_context, domain_id=domain)
    given = {"source": str(recording), "wait_for_subscribers": 1, "loop": True}
    parameters = [Parameter(name, value=value) for name, value in given.items()]
    node = CameraNode(context=camera_context, parameter_overrides=parameters)
    try:
        with TopicCamera(domain_id=domain) as camera:
            assert camera.image_size == (WIDTH, HEIGHT)
            np.testing.assert_allclose(camera.camera_matrix, K)
            frames = camera.frames()
            some = [next(frames) for _ in range(8)]
            assert camera.health.connected
        assert np.all(np.diff([frame.stamp_ns for frame in some]) > 0)
        assert all(frame.depth_m.dtype == np.float32 for frame in some)
    finally:
        node.destroy_node()
        rclpy.shutdown(context=camera_context)


def test_without_images_the_topics_are_named(domain):
    with pytest.raises(InputError, match="aligned_depth_to_color"), TopicCamera(domain_id=domain, limit_s=0.3):
        pass
