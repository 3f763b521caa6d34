"""Object pose on ROS topics: one `/object_pose` for every pair of colour and aligned depth, none when lost."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_perception.nodes.image_conversion import camera_matrix, depth_m, rgb
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose import SignedDistanceTracker
from h2s2r_perception.object_pose.live import LiveObjectPose, LivePose
from h2s2r_perception.recording import Recording, check_camera_matrix, check_pose
from h2s2r_perception.segmentation import Workspace

WORLD_FRAME = "world"
_KEPT_STAMPS = 6
"""Images that wait for their partner; a partner that is later than this was dropped."""


class ObjectPoseNode(Node):
    """Parameters.

    `mesh` (OBJ file), `symmetry` (`none` or `yaw`); `T_world_camera` (16 numbers, by rows) or `recording` (a
    Recording whose camera stands where this one does); `table_height_m`, `workspace_lower_m` and
    `workspace_upper_m` (x and y): where in the world the object may be.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("object_pose", **kwargs)
        mesh = str(self.declare_parameter("mesh", "").value)
        model = load_object_model(mesh, str(self.declare_parameter("symmetry", "none").value))
        lower = self.declare_parameter("workspace_lower_m", [0.25, -0.7]).value
        upper = self.declare_parameter("workspace_upper_m", [1.05, 0.7]).value
        workspace = Workspace(
            (float(lower[0]), float(lower[1])),
            (float(upper[0]), float(upper[1])),
            float(self.declare_parameter("table_height_m", 0.0).value),
        )
        self._live = LiveObjectPose(model, SignedDistanceTracker(model), self._camera_pose(), workspace)
        self._camera_matrix: np.ndarray | None = None
        self._waiting: OrderedDict[tuple[int, int], dict[str, Image]] = OrderedDict()
        self._pose = self.create_publisher(PoseStamped, "/object_pose", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(CameraInfo, "/camera/camera/color/camera_info", self._on_info, 5)
        self.create_subscription(Image, "/camera/camera/color/image_raw", lambda m: self._on_image("colour", m), 5)
        depth_topic = "/camera/camera/aligned_depth_to_color/image_raw"
        self.create_subscription(Image, depth_topic, lambda m: self._on_image("depth", m), 5)
        self.create_service(Trigger, "/object_pose/reset", self._on_reset)

    def _camera_pose(self) -> np.ndarray:
        given = self.declare_parameter("T_world_camera", [0.0]).value
        recording = str(self.declare_parameter("recording", "").value)
        if recording:
            return Recording.open(Path(recording)).T_world_camera
        if len(given) != 16:
            raise InputError(
                "object_pose",
                "parameter T_world_camera",
                found=f"{len(given)} numbers",
                expected="16 numbers, or the parameter recording",
                remedy="give the camera's pose",
            )
        return check_pose(np.reshape(given, (4, 4)), "object_pose", "parameter T_world_camera")

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._live.reset()
        response.success, response.message = True, "registers on the next image pair"
        return response

    def _on_info(self, message: CameraInfo) -> None:
        try:
            K = camera_matrix(message)
            self._camera_matrix = check_camera_matrix(K, (message.width, message.height), "camera_info")
        except InputError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _on_image(self, kind: str, message: Image) -> None:
        stamp = (message.header.stamp.sec, message.header.stamp.nanosec)
        pair = self._waiting.setdefault(stamp, {})
        pair[kind] = message
        if len(pair) == 2 and self._camera_matrix is not None:
            del self._waiting[stamp]
            self._on_pair(pair["colour"], pair["depth"])
        while len(self._waiting) > _KEPT_STAMPS:
            self._waiting.popitem(last=False)

    def _on_pair(self, colour: Image, depth: Image) -> None:
        started = time.perf_counter()
        try:
            pixels, distance = rgb(colour), depth_m(depth)
            if pixels.shape[:2] != distance.shape:
                raise InputError(
                    "depth image",
                    "size",
                    found=f"{distance.shape[1]}x{distance.shape[0]}",
                    expected=f"{pixels.shape[1]}x{pixels.shape[0]} like colour",
                    remedy="switch on align_depth in the camera driver",
                )
            live = self._live.update(pixels, distance, self._camera_matrix)
        except InputError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return
        if not live.lost:
            self._pose.publish(_pose_message(live.T_world_object, colour.header))
        self._report(live, 1e3 * (time.perf_counter() - started), colour.header)

    def _report(self, live: LivePose, tracking_ms: float, header: Header) -> None:
        level = DiagnosticStatus.WARN if live.lost else DiagnosticStatus.OK
        values = {"tracking_ms": f"{tracking_ms:.2f}", "confidence": f"{live.confidence:.3f}", "lost": str(live.lost)}
        status = DiagnosticStatus(
            level=level,
            name="object_pose",
            message="lost" if live.lost else "tracking",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        self._diagnostics.publish(DiagnosticArray(header=header, status=[status]))


def _pose_message(T: np.ndarray, header: Header) -> PoseStamped:
    message = PoseStamped(header=Header(stamp=header.stamp, frame_id=WORLD_FRAME))
    p, q = message.pose.position, message.pose.orientation
    p.x, p.y, p.z = T[:3, 3].tolist()
    q.w, q.x, q.y, q.z = quat_wxyz_from_rotation(T[:3, :3]).tolist()
    return message


def main() -> None:
    """Entry point; exit code 2 on bad parameters."""
    torch.set_num_threads(1)  # a frame's tensors are small: more threads only wait for each other
    # Our own handlers: rclpy's would close the context under a node that is still loading its object.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = ObjectPoseNode()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.2)
        node.destroy_node()
    except InputError as error:
        print(error, flush=True)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
