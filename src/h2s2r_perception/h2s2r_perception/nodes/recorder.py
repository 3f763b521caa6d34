"""Records image topics, of any camera, into Recordings: one for every start and stop."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras import CameraFrame
from h2s2r_perception.capture import RecordingSession
from h2s2r_perception.capture.in_view import leaves_view
from h2s2r_perception.capture.preview import Preview
from h2s2r_perception.capture.takes import next_take
from h2s2r_perception.nodes.camera_pose import declared_camera_pose
from h2s2r_perception.nodes.image_conversion import stamp_ns
from h2s2r_perception.nodes.image_pairs import ImagePairs
from h2s2r_perception.nodes.run_node import run_node
from h2s2r_perception.segmentation import Workspace

_STATUS_PERIOD_S = 0.5
_QUEUED_IMAGES = 30
"""One second in which the disk may hold the recorder up before images are lost."""


class RecorderNode(Node):
    """Parameters.

    Attributes:
        folder (string, `takes`): Where takes go, as `take_000`, `take_001`, ...; none is overwritten.
        camera_name (string): For people.
        T_world_camera, camera_pose, recording: Where the camera stands (`nodes.camera_pose`); uncalibrated without.
        table_height_m (double [m], NaN): World z of the table; with it and a camera pose, an empty table is warned of.
        workspace_lower_m, workspace_upper_m (two doubles [m], 0.25 -0.7, 1.05 0.7): x and y of the table's part in use.
        start (bool, false): Begin to record with the first image.
        preview (string, empty): A .jpg or .png file that shows what the camera sees, renewed twice a second.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__("recorder", **kwargs)
        self._folder = Path(str(self.declare_parameter("folder", "takes").value))
        self._camera_name = str(self.declare_parameter("camera_name", "image topics").value)
        self._wanted = bool(self.declare_parameter("start", False).value)
        preview = str(self.declare_parameter("preview", "").value)
        self._preview = Preview(Path(preview)) if preview else None
        self._T_world_camera = declared_camera_pose(self, required=False)
        self._workspace = self._declare_workspace()
        self._take: RecordingSession | None = None
        self._camera_matrix: np.ndarray | None = None
        self._images = ImagePairs(self, self._on_pair, depth=_QUEUED_IMAGES)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.create_subscription(PoseStamped, "/object_pose", self._on_object_pose, 10)
        self.create_service(Trigger, "/recorder/start", self._on_start)
        self.create_service(Trigger, "/recorder/stop", self._on_stop)
        self.create_timer(_STATUS_PERIOD_S, self._report)

    def _declare_workspace(self) -> Workspace | None:
        table_height_m = float(self.declare_parameter("table_height_m", float("nan")).value)
        lower = self.declare_parameter("workspace_lower_m", [0.25, -0.7]).value
        upper = self.declare_parameter("workspace_upper_m", [1.05, 0.7]).value
        if np.isnan(table_height_m) or np.allclose(self._T_world_camera, np.eye(4)):
            return None
        return Workspace((float(lower[0]), float(lower[1])), (float(upper[0]), float(upper[1])), table_height_m)

    def destroy_node(self) -> None:
        """Finish the take that is being recorded."""
        if self._take is not None:
            self.get_logger().info(self._finish())
        super().destroy_node()

    def _on_start(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._take is not None or self._wanted:
            response.success, response.message = False, "recording already"
            return response
        self._wanted = True
        response.success, response.message = True, f"records into {next_take(self._folder)} from the next image on"
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._take is None:
            response.success = False
            response.message = "no image has come since the start" if self._wanted else "not recording"
            self._wanted = False
            return response
        try:
            response.success, response.message = True, self._finish()
        except InputError as error:
            response.success, response.message = False, str(error)
        return response

    def _finish(self) -> str:
        """Put the take in place; says what it is worth."""
        take, self._take, self._wanted = self._take, None, False
        with contextlib.ExitStack() as leaving:
            leaving.push(take)
            quality = take.finish()
        lines = [f"{quality.frame_count} frames in {quality.duration_s:.1f} s in {take.folder}"]
        return "; ".join(lines + [f"{finding.severity}: {finding}" for finding in quality.findings])

    def _on_pair(self, header: Header, rgb: np.ndarray, depth_m: np.ndarray, camera_matrix: np.ndarray) -> None:
        frame = CameraFrame(stamp_ns(header), rgb, depth_m)
        self._camera_matrix = camera_matrix
        try:
            if self._wanted and self._take is None:
                self._begin(camera_matrix)
            if self._take is not None:
                self._take.add(frame)
        except (InputError, OSError, ValueError) as error:
            self._give_up(error)
            return
        if self._preview is not None:
            self._preview.show(frame, [self._state(), *(self._take.warnings.now if self._take else ())])

    def _begin(self, camera_matrix: np.ndarray) -> None:
        self._take = RecordingSession(
            next_take(self._folder),
            camera_matrix=camera_matrix,
            T_world_camera=self._T_world_camera,
            camera_name=self._camera_name,
            tell=self.get_logger().warning,
            workspace=self._workspace,
        )
        self._take.__enter__()
        self.get_logger().info(f"records into {self._take.folder}")

    def _give_up(self, error: Exception) -> None:
        """A full disk, or images that cannot be one Recording: the take is over, the node is not."""
        take, self._take, self._wanted = self._take, None, False
        if take is not None:
            try:
                take.__exit__(type(error), error, error.__traceback__)
            except InputError as refined:  # the artefact knows what a full disk means
                error = refined
            except (OSError, ValueError) as same:
                error = same
        self.get_logger().error(str(error), throttle_duration_sec=5.0)

    def _on_object_pose(self, message: PoseStamped) -> None:
        if self._take is None or self._camera_matrix is None:
            return
        p = message.pose.position
        outside = leaves_view(
            np.array([p.x, p.y, p.z]), self._T_world_camera, self._camera_matrix, self._take.image_size
        )
        self._take.warnings.set("leaving", "the object is about to leave the view" if outside else "")

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if self._take is None or status.name not in {"object_pose", "camera"}:
                continue
            wrong = status.level != DiagnosticStatus.OK
            self._take.warnings.set(status.name, f"{status.name}: {status.message}" if wrong else "")

    def _state(self) -> str:
        if self._take is None:
            return "waiting for an image" if self._wanted else "idle"
        return f"{self._take.folder.name}: {self._take.frame_count} frames, {self._take.duration_s:.1f} s"

    def _report(self) -> None:
        warnings = self._take.warnings.now if self._take else ()
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if warnings else DiagnosticStatus.OK,
            name="recorder",
            message="; ".join((self._state(), *warnings)),
            values=[
                KeyValue(key="frames", value=str(self._take.frame_count if self._take else 0)),
                KeyValue(key="images_without_partner", value=str(self._images.lost)),
            ],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main() -> None:
    """Entry point; what is being recorded when it is told to stop is kept. Exit code 2 on bad parameters."""
    run_node(RecorderNode)


if __name__ == "__main__":
    main()
