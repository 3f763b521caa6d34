"""Hands on topics: the message, the node that sees them, and the one that plays them."""

import os
import time

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.hand_pose.estimator import HandEstimate

os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
rclpy = pytest.importorskip("rclpy")

from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, PointCloud2  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from h2s2r_perception.nodes import hand_pose  # noqa: E402
from h2s2r_perception.nodes.hand_keypoints import TOPIC, from_cloud, to_cloud  # noqa: E402
from h2s2r_perception.nodes.hand_playback import HandPlaybackNode  # noqa: E402
from h2s2r_perception.nodes.image_conversion import camera_info, image  # noqa: E402
from h2s2r_perception.nodes.image_pairs import COLOUR_TOPIC, DEPTH_TOPIC, INFO_TOPIC  # noqa: E402

DOMAIN = 1 + (os.getpid() + 57) % 100
HAND = np.random.default_rng(0).uniform(0.1, 0.6, (21, 3))


class Listener:
    """A node under test beside one that listens to the hand and may publish."""

    def __init__(self, kind, **parameters):
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.clouds = []
        self.probe = Node("probe", context=self.context)
        self.probe.create_subscription(PointCloud2, TOPIC, self.clouds.append, 50)
        self.executor = SingleThreadedExecutor(context=self.context)
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = None
        try:
            self.node = kind(context=self.context, parameter_overrides=overrides)
        except BaseException:
            self.close()
            raise
        for node in (self.node, self.probe):
            self.executor.add_node(node)

    def until(self, condition, limit_s=30.0):
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.executor.spin_once(timeout_sec=0.05)

    def close(self):
        for node in (self.node, self.probe):
            if node is not None:
                node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def listen(request):
    def listen(kind, **parameters):
        listener = Listener(kind, **parameters)
        request.addfinalizer(listener.close)
        return listener

    return listen


def test_a_hand_comes_back_from_its_message_to_the_micrometre():
    joints, confidence = from_cloud(to_cloud(HAND, 0.75, Header()))
    np.testing.assert_allclose(joints, HAND, atol=1e-6)
    assert confidence == pytest.approx(0.75)
    assert to_cloud(HAND, 0.75, Header()).header.frame_id == "world"


def test_no_hand_is_a_cloud_without_points():
    message = to_cloud(None, 0.0, Header())
    assert message.width == 0
    assert from_cloud(message) == (None, 0.0)


@pytest.mark.parametrize("field", ["frame_id", "points", "fields"])
def test_a_message_that_is_no_hand_is_refused_by_its_field(field):
    message = to_cloud(HAND, 1.0, Header())
    if field == "frame_id":
        message.header.frame_id = "camera"
    elif field == "points":
        message.width = 20
    else:
        message.fields = message.fields[:3]
    with pytest.raises(InputError, match=field):
        from_cloud(message)


@pytest.fixture
def demonstration(tmp_path):
    """Ten frames at 30 Hz; the hand is in the last six."""
    joints, confidence = np.tile(HAND, (10, 1, 1)), np.full(10, 0.9)
    joints[:4], confidence[:4] = np.nan, 0.0
    joints += np.arange(10)[:, None, None] * 0.001
    with writing(tmp_path / "demonstration", SCHEMA) as artefact:
        Demonstration(
            stamp_ns=np.arange(10, dtype=np.int64) * 33_333_333,
            T_world_object=np.tile(np.eye(4), (10, 1, 1)),
            object_confidence=np.ones(10),
            hand_joints_world=joints,
            hand_confidence=confidence,
            motion_start=6,
            motion_end=9,
            premanipulation_index=5,
        ).save(artefact.folder)
    return tmp_path / "demonstration"


def test_the_recorded_hand_is_played_with_its_times_and_gaps_and_ends(listen, demonstration):
    listener = listen(HandPlaybackNode, demonstration=str(demonstration), loop=False, wait_for_subscribers=1)
    listener.until(lambda: len(listener.clouds) == 10 and listener.node.ended)
    widths = [cloud.width for cloud in listener.clouds]
    assert widths == [0] * 4 + [21] * 6
    np.testing.assert_allclose(from_cloud(listener.clouds[-1])[0], HAND + 0.009, atol=1e-6)
    stamps_s = np.array([cloud.header.stamp.sec + 1e-9 * cloud.header.stamp.nanosec for cloud in listener.clouds])
    assert stamps_s[-1] - stamps_s[0] >= 9 * 0.0333 - 0.02  # never early
    assert (np.diff(stamps_s) > 0).all()


def test_looping_starts_over(listen, demonstration):
    listener = listen(HandPlaybackNode, demonstration=str(demonstration))
    listener.until(lambda: len(listener.clouds) > 12)
    assert not listener.node.ended


def test_playing_nothing_is_refused(listen, tmp_path):
    with pytest.raises(InputError, match="demonstration"):
        listen(HandPlaybackNode, demonstration=str(tmp_path / "absent"))


class Eyes:
    """An estimator that sees a hand where the image is bright."""

    def estimate(self, rgb, depth_m, camera_matrix):
        if rgb.mean() < 128:
            return None
        return HandEstimate(HAND, 0.6, np.zeros((21, 2)))

    def close(self):
        pass


def test_the_hand_seen_is_published_in_the_world_with_the_images_stamp(listen, monkeypatch):
    monkeypatch.setattr(hand_pose, "make_hand_pose_estimator", lambda name: Eyes())
    T_world_camera = np.eye(4)
    T_world_camera[:3, 3] = [1.0, 2.0, 3.0]
    listener = listen(hand_pose.HandPoseNode, T_world_camera=T_world_camera.ravel().tolist())
    publishers = [
        listener.probe.create_publisher(kind, topic, 5)
        for kind, topic in ((CameraInfo, INFO_TOPIC), (Image, DEPTH_TOPIC), (Image, COLOUR_TOPIC))
    ]
    listener.until(lambda: all(publisher.get_subscription_count() for publisher in publishers))
    K = np.array([[100.0, 0.0, 32.0], [0.0, 100.0, 24.0], [0.0, 0.0, 1.0]])

    def show(brightness, second):
        header = Header()
        header.stamp.sec = second
        messages = (
            camera_info(K, 64, 48, header),
            image(np.full((48, 64), 900, np.uint16), header),
            image(np.full((48, 64, 3), brightness, np.uint8), header),
        )
        for publisher, message in zip(publishers, messages, strict=True):
            publisher.publish(message)
            listener.executor.spin_once(timeout_sec=0.05)

    def shown(brightness, second):
        # The intrinsics may come after the first images, which then have none.
        show(brightness, second)
        deadline = time.monotonic() + 30.0
        while not any(cloud.header.stamp.sec == second for cloud in listener.clouds):
            assert time.monotonic() < deadline, "no answer"
            listener.executor.spin_once(timeout_sec=0.1)
            if time.monotonic() > deadline - 28.0:
                show(brightness, second)
        return next(cloud for cloud in listener.clouds if cloud.header.stamp.sec == second)

    joints, confidence = from_cloud(shown(200, 7))
    np.testing.assert_allclose(joints, HAND + T_world_camera[:3, 3], atol=1e-6)
    assert confidence == pytest.approx(0.6)
    assert shown(10, 8).width == 0


def test_an_unknown_estimator_is_refused_with_the_known_ones(listen):
    with pytest.raises(InputError, match="mediapipe"):
        listen(hand_pose.HandPoseNode, T_world_camera=np.eye(4).ravel().tolist(), estimator="telepathy")
