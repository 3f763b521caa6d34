"""Hand pose on ROS topics: one `/hand_keypoints` for every pair of colour and aligned depth it has time for."""

from __future__ import annotations

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import transform_points
from h2s2r_perception.hand_pose.registry import DEFAULT_HAND_POSE, HAND_POSE_ESTIMATORS, make_hand_pose_estimator
from h2s2r_perception.nodes.camera_pose import declared_camera_pose
from h2s2r_perception.nodes.hand_keypoints import TOPIC, to_cloud
from h2s2r_perception.nodes.image_pairs import ImagePairs
from h2s2r_perception.nodes.newest import NewestOnly
from h2s2r_perception.nodes.parameters import declared
from h2s2r_perception.nodes.run_node import run_node


class HandPoseNode(Node):
    """Parameters.

    `T_world_camera`, `camera_pose` or `recording`: where the camera stands (`nodes.camera_pose`); `estimator`.

    Images that come while it computes wait, and only the newest pair is looked at: a late hand moves a robot to
    where the hand was. An image without a hand is answered by a cloud without points.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("hand_pose", **kwargs)
        self._T_world_camera = declared_camera_pose(self)
        names = tuple(HAND_POSE_ESTIMATORS)
        name = declared(self, "estimator", DEFAULT_HAND_POSE, "Who finds the hand.", one_of=names)
        self._estimator = make_hand_pose_estimator(name)
        self._keypoints = self.create_publisher(PointCloud2, TOPIC, 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._newest = NewestOnly(lambda pair: self._on_pair(*pair))
        # Images that have waited are old: fewer of them than where none may be missed.
        self._pairs = ImagePairs(self, lambda *pair: self._newest.put(pair), depth=2)

    def _on_pair(self, header: Header, rgb: np.ndarray, depth_m: np.ndarray, camera_matrix: np.ndarray) -> None:
        started = time.perf_counter()
        try:
            hand = self._estimator.estimate(rgb, depth_m, camera_matrix)
        except InputError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return
        joints = None if hand is None else np.asarray(transform_points(self._T_world_camera, hand.joints_camera))
        confidence = 0.0 if hand is None else hand.confidence
        self._keypoints.publish(to_cloud(joints, confidence, header))
        values = {
            "estimation_ms": f"{1e3 * (time.perf_counter() - started):.2f}",
            "confidence": f"{confidence:.3f}",
            "right": str(hand is None or hand.right),
            "left_out": str(self._newest.left_out),
        }
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK if hand is not None else DiagnosticStatus.WARN,
            name="hand_pose",
            message="no hand" if hand is None else "following",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        self._diagnostics.publish(DiagnosticArray(header=header, status=[status]))

    def destroy_node(self) -> None:
        """Let the pair that is being looked at be finished first."""
        self._newest.close()
        self._estimator.close()
        super().destroy_node()


def main() -> None:
    """Entry point; exit code 2 on bad parameters."""
    run_node(HandPoseNode)


if __name__ == "__main__":
    main()
