"""Publishes frames on the topics of `realsense2_camera`, as it does."""

from __future__ import annotations

import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from h2s2r_perception.cameras import CameraFrame
from h2s2r_perception.nodes import image_conversion
from h2s2r_perception.nodes.image_pairs import COLOUR_TOPIC, DEPTH_TOPIC, INFO_TOPIC

DEPTH_INFO_TOPIC = "/camera/camera/aligned_depth_to_color/camera_info"
FRAME_ID = "camera_color_optical_frame"

IMAGE_QOS = QoSProfile(depth=30, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""REP-2003 for drivers, as realsense2_camera: reliable, keep last. Kept for a second: what a subscriber on a busy
machine has not received by then is lost; with the last five only, some were."""
_ARRIVAL_LIMIT = Duration(seconds=2)


class ImagePublisher:
    """Publishes frames with a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._colour = node.create_publisher(Image, COLOUR_TOPIC, IMAGE_QOS)
        self._depth = node.create_publisher(Image, DEPTH_TOPIC, IMAGE_QOS)
        self._info = [node.create_publisher(CameraInfo, topic, IMAGE_QOS) for topic in (INFO_TOPIC, DEPTH_INFO_TOPIC)]

    @property
    def subscribers(self) -> int:
        """How many nodes get both images and the intrinsics."""
        return min(publisher.get_subscription_count() for publisher in (self._colour, self._depth, self._info[0]))

    def flush(self) -> None:
        """Wait until everything has arrived: a publisher that ends takes with it what is still on the way."""
        for publisher in (self._colour, self._depth, *self._info):
            publisher.wait_for_all_acked(_ARRIVAL_LIMIT)

    def publish(self, frame: CameraFrame, stamp_ns: int, camera_matrix: np.ndarray) -> None:
        """Publish colour, aligned depth and both `CameraInfo`, all with one stamp."""
        header = Header(frame_id=FRAME_ID)
        header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        height, width = frame.depth_m.shape
        info = image_conversion.camera_info(camera_matrix, width, height, header)
        for publisher in self._info:
            publisher.publish(info)
        self._depth.publish(image_conversion.image(frame.depth_mm, header))
        self._colour.publish(image_conversion.image(frame.rgb, header))
