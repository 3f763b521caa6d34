"""The images of any `realsense2_camera`, or of anything that publishes its topics, as a camera."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from types import TracebackType

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Header

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraFrame, CameraHealth
from h2s2r_perception.nodes.image_conversion import stamp_ns
from h2s2r_perception.nodes.image_pairs import COLOUR_TOPIC, DEPTH_TOPIC, ImagePairs

_QUEUED_FRAMES = 30
_SILENT_S = 1.0


class TopicCamera:
    """A `CameraSource` that subscribes to colour, aligned depth and `CameraInfo`.

    Args:
        domain_id: ROS domain; that of the environment when None.
        limit_s: How long to wait for the first pair [s].

    Raises:
        InputError: On entering: no pair of images has come in time.
    """

    name = "image topics"

    def __init__(self, *, domain_id: int | None = None, limit_s: float = 10.0) -> None:
        self._domain_id = domain_id
        self._limit_s = limit_s
        self._frames: queue.Queue[CameraFrame] = queue.Queue(_QUEUED_FRAMES)
        self._closing = threading.Event()
        self._left_out = 0
        self._heard = 0.0
        self._first: CameraFrame | None = None

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height [px]."""
        frame = self._opened
        return frame.rgb.shape[1], frame.rgb.shape[0]

    @property
    def camera_matrix(self) -> np.ndarray:
        """Intrinsics `(3, 3)` [px] of the last `CameraInfo`."""
        return self._camera_matrix

    @property
    def health(self) -> CameraHealth:
        """Pairs that were lost on the way or that nobody took; silence counts as a lost connection."""
        lost = self._images.lost + self._left_out
        return CameraHealth(connected=time.monotonic() - self._heard < _SILENT_S, dropped_frames=lost)

    @property
    def _opened(self) -> CameraFrame:
        if self._first is None:
            raise RuntimeError("use the camera in a `with` statement")
        return self._first

    def __enter__(self) -> TopicCamera:
        self._closing.clear()
        self._context = Context()
        rclpy.init(context=self._context, domain_id=self._domain_id)
        self._node = Node("h2s2r_record", context=self._context)
        self._images = ImagePairs(self._node, self._on_pair, depth=_QUEUED_FRAMES)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="topics", daemon=True)
        self._thread.start()
        try:
            self._first = self._frames.get(timeout=self._limit_s)
        except queue.Empty:
            self.__exit__(None, None, None)
            raise InputError(
                "image topics",
                COLOUR_TOPIC,
                found=f"no pair of images in {self._limit_s:g} s",
                expected=f"images there and on {DEPTH_TOPIC}, with one stamp, and camera_info",
                remedy="start the camera driver with align_depth.enable:=true, and check ROS_DOMAIN_ID",
            ) from None
        return self

    def frames(self) -> Iterator[CameraFrame]:
        """Pairs as they come, until the camera is closed."""
        last_ns = -1
        while not self._closing.is_set():
            try:
                frame = self._frames.get(timeout=0.1)
            except queue.Empty:
                continue
            if frame.stamp_ns > last_ns:
                last_ns = frame.stamp_ns
                yield frame

    def _on_pair(self, header: Header, rgb: np.ndarray, depth_m: np.ndarray, camera_matrix: np.ndarray) -> None:
        self._heard = time.monotonic()
        self._camera_matrix = camera_matrix
        try:
            self._frames.put_nowait(CameraFrame(stamp_ns(header), rgb, depth_m))
        except queue.Full:
            self._left_out += self._first is not None

    def _spin(self) -> None:
        try:
            while not self._closing.is_set():
                self._executor.spin_once(timeout_sec=0.1)
        except ExternalShutdownException:
            return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(timeout=5.0)
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)
