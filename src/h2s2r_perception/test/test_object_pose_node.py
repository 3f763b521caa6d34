"""The node over real DDS: rendered images in, a pose out, or silence."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_quat_wxyz
from h2s2r_perception.nodes import image_conversion
from h2s2r_perception.nodes.object_pose import ObjectPoseNode

COLOUR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"


class Camera:
    """Publishes what the test renders and collects what the node answers."""

    def __init__(self, node, executor):
        self.node, self.executor = node, executor
        self.poses, self.diagnostics = [], []
        self._publishers = {
            COLOUR: node.create_publisher(Image, COLOUR, 5),
            DEPTH: node.create_publisher(Image, DEPTH, 5),
            INFO: node.create_publisher(CameraInfo, INFO, 5),
        }
        node.create_subscription(PoseStamped, "/object_pose", self.poses.append, 10)
        node.create_subscription(DiagnosticArray, "/diagnostics", self.diagnostics.append, 10)
        self.reset = node.create_client(Trigger, "/object_pose/reset")

    def show(self, rgb, depth_mm, K, second, *, with_depth=True):
        header = Header(stamp=Time(sec=second, nanosec=5), frame_id="camera_color_optical_frame")
        height, width = depth_mm.shape
        self._publishers[INFO].publish(image_conversion.camera_info(K, width, height, header))
        if with_depth:
            self._publishers[DEPTH].publish(image_conversion.image(depth_mm, header))
        self._publishers[COLOUR].publish(image_conversion.image(rgb, header))

    def until(self, condition, limit_s=20.0):
        deadline = time.monotonic() + limit_s
        while not condition() and time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.05)
        return condition()


def parameters(scene, mesh):
    T = scene.T_world_camera.reshape(-1).tolist()
    return [
        Parameter("mesh", value=str(mesh)),
        Parameter("T_world_camera", value=T),
        Parameter("table_height_m", value=0.155),
    ]


@pytest.fixture
def context(monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    own = Context()
    rclpy.init(context=own, domain_id=1 + os.getpid() % 100)
    yield own
    rclpy.shutdown(context=own)


@pytest.fixture
def camera(context, scene, textured_box):
    node = ObjectPoseNode(context=context, parameter_overrides=parameters(scene, textured_box))
    other = Node("camera", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    executor.add_node(other)
    camera = Camera(other, executor)
    ready = camera.until(lambda: camera.reset.service_is_ready() and other.count_subscribers(DEPTH) > 0)
    assert ready and camera.until(lambda: other.count_publishers("/object_pose") > 0)
    yield camera
    executor.shutdown()
    node.destroy_node()
    other.destroy_node()


def matrix(message):
    p, q = message.pose.position, message.pose.orientation
    return pose(rotation_from_quat_wxyz(np.array([q.w, q.x, q.y, q.z])), np.array([p.x, p.y, p.z]))


def test_one_pose_for_each_pair_in_the_world_with_the_image_stamp(camera, scene, at, camera_matrix):
    for second, y in enumerate((-0.15, -0.145, -0.14), start=1):
        rgb, depth_mm, _ = scene.render(at(0.6, y, 0.2), seed=second)
        camera.show(rgb, depth_mm, camera_matrix, second)
        assert camera.until(lambda n=second: len(camera.poses) == n and len(camera.diagnostics) == n)
        answer = camera.poses[-1]
        assert answer.header.frame_id == "world"
        assert (answer.header.stamp.sec, answer.header.stamp.nanosec) == (second, 5)
        T = matrix(answer)
        assert np.all(np.isfinite(T))
        assert np.linalg.norm(T[:3, 3] - at(0.6, y, 0.2)[:3, 3]) < 0.005
        assert rotation_angle(T[:3, :3], at(0.6, y, 0.2)[:3, :3]) < np.radians(2)
    values = {v.key: v.value for v in camera.diagnostics[-1].status[0].values}
    assert values["lost"] == "False"
    assert 0 < float(values["tracking_ms"]) < 10000


def test_silent_without_depth_and_without_object(camera, scene, at, camera_matrix):
    rgb, depth_mm, _ = scene.render(at(0.6, -0.1, 0.0))
    camera.show(rgb, depth_mm, camera_matrix, 1, with_depth=False)
    camera.show(rgb, np.zeros_like(depth_mm), camera_matrix, 2)
    assert camera.until(lambda: len(camera.diagnostics) == 1)
    gone, empty_mm, _ = scene.render(at(5.0, 5.0, 0.0))
    camera.show(gone, empty_mm, camera_matrix, 3)
    assert camera.until(lambda: len(camera.diagnostics) == 2)
    assert not camera.poses
    assert [d.status[0].message for d in camera.diagnostics] == ["lost", "lost"]
    camera.show(rgb, depth_mm, camera_matrix, 4)
    assert camera.until(lambda: len(camera.poses) == 1)


def test_images_that_come_while_it_registers_are_left_out_but_for_the_newest(camera, scene, at, camera_matrix):
    images = [scene.render(at(0.6, -0.15 + 0.002 * step, 0.0), seed=step) for step in range(5)]
    for second, (rgb, depth_mm, _) in enumerate(images, start=1):
        camera.show(rgb, depth_mm, camera_matrix, second)
    assert camera.until(lambda: camera.poses and camera.poses[-1].header.stamp.sec == 5)
    assert len(camera.poses) < 5  # the first takes a second to register; the last is the newest by then
    assert camera.until(lambda: len(camera.diagnostics) == len(camera.poses))  # they come after the poses
    values = {v.key: v.value for v in camera.diagnostics[-1].status[0].values}
    assert int(values["left_out"]) == 5 - len(camera.poses)
    assert np.linalg.norm(matrix(camera.poses[-1])[:3, 3] - at(0.6, -0.142, 0.0)[:3, 3]) < 0.005


def test_reset_finds_an_object_that_was_carried_off(camera, scene, at, camera_matrix):
    rgb, depth_mm, _ = scene.render(at(0.6, -0.15, 0.0))
    camera.show(rgb, depth_mm, camera_matrix, 1)
    assert camera.until(lambda: len(camera.poses) == 1)
    future = camera.reset.call_async(Trigger.Request())
    assert camera.until(future.done)
    assert future.result().success
    far = at(0.45, 0.1, 2.5)
    rgb, depth_mm, _ = scene.render(far)
    camera.show(rgb, depth_mm, camera_matrix, 2)
    assert camera.until(lambda: len(camera.poses) == 2)
    assert np.linalg.norm(matrix(camera.poses[-1])[:3, 3] - far[:3, 3]) < 0.005
    assert rotation_angle(matrix(camera.poses[-1])[:3, :3], far[:3, :3]) < np.radians(2)


def test_a_node_without_camera_pose_says_so(context, textured_box):
    with pytest.raises(InputError, match="T_world_camera"):
        ObjectPoseNode(context=context, parameter_overrides=[Parameter("mesh", value=str(textured_box))])


def test_another_estimator_is_chosen_by_its_name(context, scene, textured_box):
    given = [*parameters(scene, textured_box), Parameter("estimator", value="foundation_pose")]
    with pytest.raises(InputError, match="NVlabs/FoundationPose"):
        ObjectPoseNode(context=context, parameter_overrides=given)


def test_images_survive_the_way_through_a_message():
    generator = np.random.default_rng(0)
    rgb = generator.integers(0, 255, (6, 5, 3), dtype=np.uint8)
    depth_mm = generator.integers(0, 5000, (6, 5), dtype=np.uint16)
    np.testing.assert_array_equal(image_conversion.rgb(image_conversion.image(rgb, Header())), rgb)
    np.testing.assert_allclose(
        image_conversion.depth_m(image_conversion.image(depth_mm, Header())), depth_mm * 0.001, atol=1e-6
    )


def test_padded_rows_other_byte_orders_and_metres_are_understood():
    depth_mm = np.arange(12, dtype=np.uint16).reshape(3, 4)
    padded = np.zeros((3, 12), dtype=np.uint8)
    padded[:, :8] = depth_mm.astype(">u2").view(np.uint8)
    message = Image(height=3, width=4, step=12, encoding="16UC1", is_bigendian=1, data=padded.tobytes())
    np.testing.assert_allclose(image_conversion.depth_m(message), depth_mm * 0.001, atol=1e-6)
    metres = np.array([[0.5, np.nan], [np.inf, 1.25]], dtype=np.float32)
    message = Image(height=2, width=2, step=8, encoding="32FC1", data=metres.tobytes())
    np.testing.assert_array_equal(image_conversion.depth_m(message), [[0.5, 0.0], [0.0, 1.25]])
    bgr = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    message = Image(height=2, width=2, step=6, encoding="bgr8", data=bgr.tobytes())
    np.testing.assert_array_equal(image_conversion.rgb(message), bgr[..., ::-1])


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Image(height=2, width=2, step=2, encoding="mono8", data=bytes(4)), "encoding"),
        (Image(height=2, width=2, step=6, encoding="rgb8", data=bytes(11)), "data"),
        (Image(height=2, width=2, step=5, encoding="rgb8", data=bytes(10)), "data"),
    ],
)
def test_images_that_are_not_colour_are_refused(message, field):
    with pytest.raises(InputError) as caught:
        image_conversion.rgb(message)
    assert caught.value.field == field
