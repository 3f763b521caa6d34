"""Colour and aligned depth of the same stamp, with the camera's intrinsics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.pairing import COLOUR, DEPTH, Pairing
from h2s2r_perception.nodes.image_conversion import camera_matrix, depth_m, rgb, stamp_ns
from h2s2r_perception.recording import check_camera_matrix

COLOUR_TOPIC = "/camera/camera/color/image_raw"
DEPTH_TOPIC = "/camera/camera/aligned_depth_to_color/image_raw"
INFO_TOPIC = "/camera/camera/color/camera_info"
_DISTORTED = 0.01
"""A distortion coefficient beyond this moves pixels at the border."""

OnPair = Callable[[Header, np.ndarray, np.ndarray, np.ndarray], None]
"""Called with the header, colour `(H, W, 3)`, depth `(H, W)` [m] and intrinsics `(3, 3)`."""


class ImagePairs:
    """Subscribes to a camera and hands over its pairs; unusable ones are logged and dropped.

    Args:
        node: Whose subscriptions they are.
        on_pair: Called with each pair; an `InputError` of its is logged as well.
        depth: How many images of each kind wait for a node that is busy; older ones are dropped.
    """

    def __init__(self, node: Node, on_pair: OnPair, *, depth: int = 5) -> None:
        self._node = node
        self._on_pair = on_pair
        self._camera_matrix: np.ndarray | None = None
        self._pairing: Pairing[Image] = Pairing()
        node.create_subscription(CameraInfo, INFO_TOPIC, self._on_info, depth)
        node.create_subscription(Image, COLOUR_TOPIC, lambda m: self._on_image(COLOUR, m), depth)
        node.create_subscription(Image, DEPTH_TOPIC, lambda m: self._on_image(DEPTH, m), depth)

    @property
    def lost(self) -> int:
        """Images whose partner never came."""
        return self._pairing.lost

    def _on_info(self, message: CameraInfo) -> None:
        try:
            K = camera_matrix(message)
            self._camera_matrix = check_camera_matrix(K, (message.width, message.height), "camera_info")
        except InputError as error:
            self._complain(error)
        if np.any(np.abs(message.d) > _DISTORTED):
            self._node.get_logger().warning(
                "the images are distorted: expect errors of some pixels at their border; rectify them, or use the "
                "camera node of this package, which does",
                throttle_duration_sec=60.0,
            )

    def _on_image(self, kind: str, message: Image) -> None:
        pair = self._pairing.add(kind, stamp_ns(message.header), message)
        if pair is None or self._camera_matrix is None:
            return
        try:
            self._hand_over(*pair, self._camera_matrix)
        except InputError as error:
            self._complain(error)

    def _hand_over(self, colour: Image, depth: Image, K: np.ndarray) -> None:
        pixels, distance = rgb(colour), depth_m(depth)
        if pixels.shape[:2] != distance.shape:
            raise InputError(
                "depth image",
                "size",
                found=f"{distance.shape[1]}x{distance.shape[0]}",
                expected=f"{pixels.shape[1]}x{pixels.shape[0]} like colour",
                remedy="switch on align_depth in the camera driver",
            )
        self._on_pair(colour.header, pixels, distance, K)

    def _complain(self, error: InputError) -> None:
        self._node.get_logger().error(str(error), throttle_duration_sec=5.0)
