"""The simulated robot and its camera on ROS topics; owner of `/clock` and of the lock-step (docs/architecture.md)."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_perception.nodes.image_conversion import camera_info, image
from h2s2r_perception.recording import Recording
from h2s2r_policy.joint_map import JointMap
from h2s2r_sim.lock_step import OBJECT_LOST, LockStep
from h2s2r_sim.render_thread import RenderThread
from h2s2r_sim.rendering import Camera
from h2s2r_sim.simulated_camera import Frame, SimulatedCamera
from h2s2r_sim.simulated_robot import open_simulated_robot
from h2s2r_sim.task import load_task

CAMERA_FRAME = "camera_color_optical_frame"
VIDEO, LATENCIES = "rollout.mp4", "latency.npz"


class SimulatedRobotNode(Node):
    """Parameters: `task`, `embodiment` (or the task's), `run_folder`, `output_folder`, `seed`, `camera_latency_s`."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("simulated_robot", **node_arguments)
        self._output = Path(str(self.declare_parameter("output_folder", ".").value))
        run = Path(str(self.declare_parameter("run_folder", "").value))
        seed = int(self.declare_parameter("seed", 0).value)
        latency_s = float(self.declare_parameter("camera_latency_s", 1.0 / 30.0).value)
        task_name = str(self.declare_parameter("task", "snackbox_push").value)
        task = load_task(task_name, str(self.declare_parameter("embodiment", "").value) or None)
        recording = Recording.open(run / "recording")
        self._camera = Camera(recording.camera_matrix, *recording.image_size, recording.T_world_camera)
        robot = open_simulated_robot(task, run, seed=seed)
        self._joint_map = JointMap(robot.joint_names)
        self._advertise()
        self._thread = RenderThread()
        self._pictures = SimulatedCamera(robot.model, self._camera, self._thread, latency_s=latency_s, seed=seed)
        self.lock_step = LockStep(robot, self._pictures, self._thread, self, self._output / VIDEO)
        self._listen()

    def run(self) -> None:
        """Simulate until stopped, in the thread that calls, then write the latencies down."""
        try:
            with self._thread, self._pictures:
                self.lock_step.run()
        finally:
            np.savez(self._output / LATENCIES, **self.lock_step.arrivals.latencies_ms())

    def clock(self, now_ns: int) -> None:
        """Publish the time."""
        self._clock_publisher.publish(Clock(clock=_time(now_ns)))

    def picture(self, frame: Frame) -> None:
        """Publish one picture; intrinsics and depth before colour, which completes the set."""
        header = Header(stamp=_time(frame.stamp_ns), frame_id=CAMERA_FRAME)
        self._info.publish(camera_info(self._camera.camera_matrix, self._camera.width, self._camera.height, header))
        self._depth.publish(image(frame.depth_mm, header))
        self._colour.publish(image(frame.rgb, header))

    def state(self, now_ns: int, position: np.ndarray, velocity: np.ndarray, T_world_object: np.ndarray) -> None:
        """Publish the object's true pose, then the joints, which the controller answers."""
        header = Header(stamp=_time(now_ns), frame_id="world")
        truth = PoseStamped(header=header)
        p, q = truth.pose.position, truth.pose.orientation
        p.x, p.y, p.z = T_world_object[:3, 3].tolist()
        q.w, q.x, q.y, q.z = quat_wxyz_from_rotation(T_world_object[:3, :3]).tolist()
        self._truth.publish(truth)
        self._joint_states.publish(
            JointState(
                header=header,
                name=list(self._joint_map.joint_names),
                position=position.tolist(),
                velocity=velocity.tolist(),
            )
        )

    def warning(self, text: str) -> None:
        """Tell the user."""
        self.get_logger().warning(text)

    def _advertise(self) -> None:
        self._clock_publisher = self.create_publisher(Clock, "/clock", 10)
        self._colour = self.create_publisher(Image, "/camera/camera/color/image_raw", 5)
        self._depth = self.create_publisher(Image, "/camera/camera/aligned_depth_to_color/image_raw", 5)
        self._info = self.create_publisher(CameraInfo, "/camera/camera/color/camera_info", 5)
        self._joint_states = self.create_publisher(JointState, "/joint_states", 10)
        self._truth = self.create_publisher(PoseStamped, "/simulation/object_pose", 10)

    def _listen(self) -> None:
        receive = self.lock_step.receive
        self.create_subscription(PoseStamped, "/object_pose", lambda m: receive("object_pose", _ns(m.header)), 10)
        self.create_subscription(PoseStamped, "/goal_pose", lambda m: receive("goal_pose", _ns(m.header)), 10)
        self.create_subscription(JointTrajectory, "/joint_target", lambda m: receive("joint_target", _ns(m.header)), 10)
        self.create_subscription(Header, "/joint_command/image", lambda m: receive("joint_command", _ns(m)), 10)
        self.create_subscription(JointTrajectory, "/joint_command", self._on_command, 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.create_service(Trigger, "/simulation/reset", self._on_reset)

    def _on_command(self, message: JointTrajectory) -> None:
        try:
            position = self._joint_map.pick(
                message.joint_names, message.points[0].positions, source="/joint_command", field="position"
            )
        except (InputError, IndexError) as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        self.lock_step.receive_command(_ns(message.header), position)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == "object_pose" and status.message == "lost":
                self.lock_step.receive(OBJECT_LOST, _ns(message.header))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.lock_step.reset()
        response.message = "at the next start" if response.success else "the simulation does not answer"
        return response


def _ns(header: Header) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def _time(stamp_ns: int) -> Time:
    return Time(sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)


def main() -> None:
    """Entry point: messages are received in a second thread, the simulation runs in this one."""
    # Our own handlers: the video must be finished and the latencies written before the context goes down.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = SimulatedRobotNode()
    except InputError as error:
        print(error, flush=True)
        rclpy.try_shutdown()
        sys.exit(2)

    def stop(number: int, frame: FrameType | None) -> None:
        node.lock_step.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    receiving = threading.Thread(target=executor.spin)
    receiving.start()
    try:
        node.run()
    finally:
        executor.shutdown()
        receiving.join(timeout=2.0)
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
