"""Live retargeting node: a hand and joint states in, one joint target for every hand out."""

from __future__ import annotations

import gc
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import JointState, PointCloud2
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.nodes.hand_keypoints import TOPIC, from_cloud
from h2s2r_perception.nodes.parameters import declared
from h2s2r_policy.joint_map import JointMap
from h2s2r_policy.nodes.messages import stamp_ns, to_trajectory
from h2s2r_policy.nodes.run_node import run_node
from h2s2r_retarget.collision import BoxObstacle, CollisionWorld
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.live import ClutchMode, LiveConfiguration, LiveRetargeter

_BOX_NUMBERS = 7


class LiveRetargetNode(Node):
    """Parameters: `embodiment`, `boxes`, `table_height_m`, `mode`, `minimum_confidence`, `palm_speed_m_s`, `engaged`.

    Services: `/live_retarget/engage` and `/live_retarget/release`. Without a trusted hand, and before the robot's
    joints are known, there is no target: the controller then holds by itself.
    """

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("live_retarget", **node_arguments)
        embodiment = load_embodiment(declared(self, "embodiment", "", "Name or YAML file of the robot."))
        configuration = self._configuration()
        self._live = LiveRetargeter(embodiment, CollisionWorld(self._boxes()), configuration)
        if not declared(self, "engaged", True, "Follow the first hand; otherwise wait for /live_retarget/engage."):
            self._live.release()
        self._joint_names = embodiment.joint_names
        self._joint_map = JointMap(embodiment.joint_names)
        self._measured: np.ndarray | None = None
        self._live.warm_up()
        # Announced last: a graph is ready when these exist.
        self._target = self.create_publisher(JointTrajectory, "/joint_target", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(JointState, "/joint_states", self._on_joint_states, 1)
        # Of hands that have waited only the newest is worth anything.
        self.create_subscription(PointCloud2, TOPIC, self._on_hand, 1)
        self.create_service(Trigger, "/live_retarget/engage", self._on_engage)
        self.create_service(Trigger, "/live_retarget/release", self._on_release)

    def _configuration(self) -> LiveConfiguration:
        default = LiveConfiguration()
        modes = tuple(mode.value for mode in ClutchMode)
        mode = declared(
            self,
            "mode",
            default.mode.value,
            "absolute: the palm goes to the hand; relative: as it moves.",
            one_of=modes,
        )
        return LiveConfiguration(
            mode=ClutchMode(mode),
            minimum_confidence=declared(
                self,
                "minimum_confidence",
                default.minimum_confidence,
                "Of a hand that is followed.",
                between=(0.0, 1.0),
            ),
            palm_speed_m_s=declared(
                self, "palm_speed_m_s", default.palm_speed_m_s, "Largest speed of the palm [m/s].", between=(0.01, 2.0)
            ),
            table_height_m=declared(
                self, "table_height_m", 0.0, "Upper face of the table above the robot's base [m].", between=(-1.0, 2.0)
            ),
        )

    def _boxes(self) -> tuple[BoxObstacle, ...]:
        numbers = declared(
            self,
            "boxes",
            [0.0],
            "What the robot must not enter, 7 numbers each: size x, y, z [m], centre x, y, z [m], yaw [rad].",
        )
        if len(numbers) % _BOX_NUMBERS and list(numbers) != [0.0]:
            raise InputError(
                self.get_name(),
                "parameter boxes",
                found=f"{len(numbers)} numbers",
                expected=f"a multiple of {_BOX_NUMBERS}",
                remedy="correct the parameter",
            )
        rows = np.reshape(numbers if list(numbers) != [0.0] else [], (-1, _BOX_NUMBERS))
        return tuple(
            BoxObstacle(
                f"box_{index}",
                (float(row[0]), float(row[1]), float(row[2])),
                np.asarray(pose(rotation_from_vector(np.array([0.0, 0.0, row[6]])), row[3:6])),
            )
            for index, row in enumerate(rows)
        )

    def _on_joint_states(self, message: JointState) -> None:
        try:
            self._measured = self._joint_map.pick(
                message.name, message.position, source="/joint_states", field="position"
            )
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)

    def _on_hand(self, message: PointCloud2) -> None:
        started = time.perf_counter()
        try:
            joints, confidence = from_cloud(message)
        except InputError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=1.0)
            return
        if self._measured is None:
            return
        stamp = message.header.stamp
        target = self._live.update(stamp_ns(stamp) * 1e-9, joints, confidence, self._measured)
        if target.following:
            self._target.publish(to_trajectory(self._joint_names, target.joint_position, stamp))
        values = {
            "following": str(target.following),
            "distance_m": f"{target.distance_m:.4f}",
            "retargeting_ms": f"{1e3 * (time.perf_counter() - started):.2f}",
        }
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK if target.following else DiagnosticStatus.WARN,
            name="live_retarget",
            message=target.reason,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        report = DiagnosticArray(status=[status])
        report.header.stamp = stamp
        self._diagnostics.publish(report)

    def _on_engage(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._live.engage()
        response.success, response.message = True, "follows the next hand"
        return response

    def _on_release(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._live.release()
        response.success, response.message = True, "holds until /live_retarget/engage"
        return response


def _settled() -> LiveRetargetNode:
    node = LiveRetargetNode()
    # What there is now stays: to look through all of it for garbage would be a pause in the middle of a motion.
    gc.collect()
    gc.freeze()
    return node


def main() -> None:
    """Entry point."""
    run_node(_settled)


if __name__ == "__main__":
    main()
