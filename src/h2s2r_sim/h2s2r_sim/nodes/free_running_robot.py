"""The simulated robot at its own pace, without a camera: what the controller drives, as it would drive the real one."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_perception.artefact import InputError
from h2s2r_perception.nodes.parameters import declared
from h2s2r_policy.joint_map import JointMap
from h2s2r_policy.nodes.messages import stamp_ns, to_pose, to_stamp
from h2s2r_sim.free_run import FreeRun
from h2s2r_sim.simulated_robot import open_robot_at_home
from h2s2r_sim.task import load_task


class FreeRunningRobotNode(Node):
    """Parameters: `task`, `embodiment`, `demonstration`, `seed`."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("simulated_robot", **node_arguments)
        name = declared(self, "task", "snackbox_push", "Name of a bundled task, or a task file.")
        task = load_task(name, declared(self, "embodiment", "", "Another robot than the task's own; or none.") or None)
        folder = declared(
            self, "demonstration", "", "Folder of a Demonstration that says where the object is; or none."
        )
        seed = declared(self, "seed", 0, "Of mass and frictions.", between=(0, 2**31 - 1))
        robot = open_robot_at_home(task, Path(folder) if folder else None, seed=seed)
        self._joint_map = JointMap(robot.joint_names)
        self._joint_states = self.create_publisher(JointState, "/joint_states", 10)
        self._object = self.create_publisher(PoseStamped, "/simulation/object_pose", 10)
        self.free_run = FreeRun(robot, self)
        self.stopping = threading.Event()
        self.create_subscription(JointTrajectory, "/joint_command", self._on_command, 1)
        self.create_service(Trigger, "/simulation/reset", self._on_reset)

    def run(self) -> None:
        """Simulate until stopped, in the thread that calls."""
        while not self.stopping.is_set():
            next_ns = self.free_run.advance(time.time_ns())
            self.stopping.wait(max(0.0, 1e-9 * (next_ns - time.time_ns())))

    def state(self, now_ns: int, position: np.ndarray, velocity: np.ndarray, T_world_object: np.ndarray) -> None:
        """Publish the joints, then the object's true pose."""
        stamp = to_stamp(now_ns)
        self._joint_states.publish(
            JointState(
                header=Header(stamp=stamp, frame_id="world"),
                name=list(self._joint_map.joint_names),
                position=position.tolist(),
                velocity=velocity.tolist(),
            )
        )
        self._object.publish(to_pose(T_world_object, stamp))

    def _on_command(self, message: JointTrajectory) -> None:
        try:
            position = self._joint_map.pick(
                message.joint_names, message.points[0].positions, source="/joint_command", field="position"
            )
        except (InputError, IndexError) as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        self.free_run.receive_command(stamp_ns(message.header.stamp), position)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.free_run.reset()
        response.success, response.message = True, "at home; now call /controller/reset"
        return response


def main() -> None:
    """Entry point: messages are received in a second thread, the simulation runs in this one."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = FreeRunningRobotNode()
    except InputError as error:
        print(error, flush=True)
        rclpy.try_shutdown()
        sys.exit(2)

    def stop(number: int, frame: FrameType | None) -> None:
        node.stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    gc.collect()
    gc.freeze()  # a robot does not pause to look through what it has loaded
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
