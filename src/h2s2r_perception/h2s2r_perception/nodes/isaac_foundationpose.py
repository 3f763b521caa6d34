"""Object pose from `isaac_ros_foundationpose`, checked: our images to it, its poses to `/object_pose`.

It runs on a GPU in processes of its own and answers when it is done, so it cannot stand behind `ObjectPoseEstimator`,
whose caller waits; its answers are checked by the same means as FoundationPose's in process. The selector takes four
images of one stamp. Colour and camera info go to it straight from the camera (by remapping); this node adds depth in
metres and the mask:

    selector          image                      <- /camera/camera/color/image_raw
                      camera_info                <- /camera/camera/color/camera_info
                      depth_image                <- /isaac/depth_image     32FC1, m
                      segmentation               <- /isaac/segmentation    mono8, 255 = object
                      reset                      <- /isaac/reset           std_msgs/Empty, when it is lost
    foundationpose    pose_estimation/output, tracking/output              vision_msgs/Detection3DArray
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Empty, Header
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_quat_wxyz
from h2s2r_perception.nodes.camera_pose import declared_camera_pose
from h2s2r_perception.nodes.image_conversion import image, stamp_ns
from h2s2r_perception.nodes.image_pairs import ImagePairs
from h2s2r_perception.nodes.pose_output import PoseOutput, declared_workspace
from h2s2r_perception.nodes.run_node import run_node
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose.external import ExternalPoseChecker

OUTPUT_TOPICS = ("/pose_estimation/output", "/tracking/output")


class IsaacFoundationPoseNode(Node):
    """Parameters.

    `mesh` (the OBJ file that FoundationPose was given), `symmetry`; the camera's pose and the workspace as for
    `object_pose`.

    Raises:
        InputError: `vision_msgs` is not installed, or a parameter is unusable.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("isaac_foundationpose", **kwargs)
        mesh = str(self.declare_parameter("mesh", "").value)
        model = load_object_model(mesh, str(self.declare_parameter("symmetry", "none").value))
        self._checker = ExternalPoseChecker(model, declared_camera_pose(self), declared_workspace(self))
        self._output = PoseOutput(self)
        self._depth = self.create_publisher(Image, "/isaac/depth_image", 5)
        self._mask = self.create_publisher(Image, "/isaac/segmentation", 5)
        self._reset = self.create_publisher(Empty, "/isaac/reset", 1)
        self._pairs = ImagePairs(self, self._on_pair)
        for topic in OUTPUT_TOPICS:
            self.create_subscription(_detections(), topic, self._on_detections, 5)
        self.create_service(Trigger, "/object_pose/reset", self._on_reset)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._register_afresh()
        response.success, response.message = True, "FoundationPose registers on the next image with a mask"
        return response

    def _register_afresh(self) -> None:
        self._checker.reset()
        self._reset.publish(Empty())

    def _on_pair(self, header: Header, rgb: np.ndarray, depth_m: np.ndarray, camera_matrix: np.ndarray) -> None:
        seen_ns = stamp_ns(header)
        mask = self._checker.see(seen_ns, rgb, depth_m, camera_matrix)
        self._depth.publish(image(depth_m, header))
        if mask is not None:
            self._mask.publish(image(mask.astype(np.uint8) * 255, header))
        if self._checker.is_stale(seen_ns):
            text = "no answer from isaac_ros_foundationpose" if mask is not None else "nothing looks like the object"
            self._output.report(text, {"lost": "True"}, header, warn=True)

    def _on_detections(self, message: Any) -> None:
        T_camera_object = pose_of_detections(message)
        if T_camera_object is None:
            return
        seen_ns = stamp_ns(message.header)
        answer = self._checker.judge(seen_ns, T_camera_object)
        if answer is None:
            self.get_logger().warning("a pose for an image long gone", throttle_duration_sec=5.0)
            return
        if not answer.refused:
            self._output.pose(answer.T_world_object, message.header)
        age_ms = (self.get_clock().now().nanoseconds - seen_ns) * 1e-6
        values = {"age_ms": f"{age_ms:.2f}", "confidence": f"{answer.confidence:.3f}", "lost": str(answer.lost)}
        self._output.report(answer.refused or "tracking", values, message.header, warn=bool(answer.refused))
        if self._checker.must_register(seen_ns):
            self._register_afresh()


def pose_of_detections(message: Any) -> np.ndarray | None:
    """`T_camera_object (4, 4)` [m] of the first detection of a `Detection3DArray`; None when there is none.

    FoundationPose gives one detection with one hypothesis: the pose of the mesh as it is in its file. Its score
    is never filled in.
    """
    if not message.detections or not message.detections[0].results:
        return None
    found = message.detections[0].results[0].pose.pose
    q = np.array([found.orientation.w, found.orientation.x, found.orientation.y, found.orientation.z])
    p = np.array([found.position.x, found.position.y, found.position.z])
    if not (np.all(np.isfinite(p)) and np.linalg.norm(q) > 0.5):
        return None
    return np.asarray(pose(rotation_from_quat_wxyz(q), p))


def _detections() -> Any:
    try:
        from vision_msgs.msg import Detection3DArray
    except ImportError as error:
        raise InputError(
            "isaac_foundationpose",
            "vision_msgs",
            found=str(error),
            expected="the messages that isaac_ros_foundationpose answers with",
            remedy="apt install ros-jazzy-vision-msgs and source the workspace (docs/adapters.md)",
        ) from error
    return Detection3DArray


def main() -> None:
    """Entry point; exit code 2 on bad parameters."""
    run_node(IsaacFoundationPoseNode)


if __name__ == "__main__":
    main()
