"""Object pose on ROS topics: one `/object_pose` for every pair of colour and aligned depth, none when lost."""

from __future__ import annotations

import threading
import time

import numpy as np
import torch
from rclpy.node import Node
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.nodes.camera_pose import declared_camera_pose
from h2s2r_perception.nodes.image_pairs import ImagePairs
from h2s2r_perception.nodes.newest import NewestOnly
from h2s2r_perception.nodes.pose_output import PoseOutput, declared_workspace
from h2s2r_perception.nodes.run_node import run_node
from h2s2r_perception.object_model import ObjectModel, load_object_model
from h2s2r_perception.object_pose import DEFAULT_OBJECT_POSE, ObjectPoseEstimator, make_object_pose_estimator
from h2s2r_perception.object_pose.foundation_pose import FoundationPoseConfiguration
from h2s2r_perception.object_pose.live import LiveObjectPose


class ObjectPoseNode(Node):
    """Parameters.

    `mesh` (OBJ file), `symmetry` (`none` or `yaw`); `T_world_camera`, `camera_pose` or `recording`: where the camera
    stands (`nodes.camera_pose`); `table_height_m`, `workspace_lower_m` and `workspace_upper_m` (x and y): where in
    the world the object may be; `estimator` (`signed_distance` or `foundation_pose`, which needs
    `foundation_pose_repository`).

    Images that come while it computes (a registration takes a second) wait, and only the newest pair is looked at:
    a late pose is worth less than none.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("object_pose", **kwargs)
        mesh = str(self.declare_parameter("mesh", "").value)
        model = load_object_model(mesh, str(self.declare_parameter("symmetry", "none").value))
        workspace = declared_workspace(self)
        self._live = LiveObjectPose(model, self._estimator(model), declared_camera_pose(self), workspace)
        self._output = PoseOutput(self)
        self._computing = threading.Lock()
        self._newest = NewestOnly(lambda pair: self._on_pair(*pair))
        self._pairs = ImagePairs(self, lambda *pair: self._newest.put(pair))
        self.create_service(Trigger, "/object_pose/reset", self._on_reset)

    def _estimator(self, model: ObjectModel) -> ObjectPoseEstimator:
        name = str(self.declare_parameter("estimator", DEFAULT_OBJECT_POSE).value)
        repository = str(self.declare_parameter("foundation_pose_repository", "").value)
        own = {"foundation_pose": FoundationPoseConfiguration(repository)}.get(name)
        return make_object_pose_estimator(name, model, own)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._computing:
            self._live.reset()
        response.success, response.message = True, "registers on the next image pair"
        return response

    def _on_pair(self, header: Header, rgb: np.ndarray, depth_m: np.ndarray, camera_matrix: np.ndarray) -> None:
        started = time.perf_counter()
        try:
            with self._computing:
                live = self._live.update(rgb, depth_m, camera_matrix)
        except InputError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return
        if not live.lost:
            self._output.pose(live.T_world_object, header)
        values = {
            "tracking_ms": f"{1e3 * (time.perf_counter() - started):.2f}",
            "confidence": f"{live.confidence:.3f}",
            "lost": str(live.lost),
            "left_out": str(self._newest.left_out),
        }
        self._output.report("lost" if live.lost else "tracking", values, header, warn=live.lost)

    def destroy_node(self) -> None:
        """Let the pair that is being looked at be finished first."""
        self._newest.close()
        super().destroy_node()


def main() -> None:
    """Entry point; exit code 2 on bad parameters."""
    torch.set_num_threads(1)  # a frame's tensors are small: more threads only wait for each other
    run_node(ObjectPoseNode)


if __name__ == "__main__":
    main()
