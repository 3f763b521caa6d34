"""Runs deployment trials: reset, wait for the tracker, start, judge by ground truth, write down."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from h2s2r_bringup.trial import TrialWatch, Verdict, is_stable
from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.geometry import pose, rotation_from_quat_wxyz
from h2s2r_policy.anchors import object_anchors
from h2s2r_sim.task import load_task

SERVICES = (
    "/policy/hold",
    "/simulation/reset",
    "/controller/reset",
    "/object_pose/reset",
    "/goal/start",
    "/policy/start",
)
SERVICE_LIMIT_S = 15.0
REGISTRATION_LIMIT_S = 30.0
FLUSH_NS = 150_000_000
"""Simulated time after a reset in which pictures of the trial before may still be under way."""
FLUSH_LIMIT_S = 10.0
TRIAL_WALL_LIMIT_S = 60.0
SIMULATED_LIMIT_FACTOR = 3.0
"""A trial may take this multiple of the demonstrated time; the goal clock runs at half speed at the slowest."""


class TrialFailedError(Exception):
    """The graph did not do its part in time; the trial counts as failed, the next one is tried."""


class TrialRunner(Node):
    """Parameters: `task`, `run_folder`, `output_folder`, `trials` (0: until interrupted)."""

    def __init__(self, **node_arguments: object) -> None:
        super().__init__("trial_runner", **node_arguments)
        task = load_task(str(self.declare_parameter("task", "snackbox_push").value))
        run = Path(str(self.declare_parameter("run_folder", "").value))
        self.trials = int(self.declare_parameter("trials", 0).value)
        self._results = Path(str(self.declare_parameter("output_folder", "").value)) / "trials.json"
        stamp_s, path = Demonstration.load(run / "demonstration").goal_trajectory()
        self._simulated_limit_s = SIMULATED_LIMIT_FACTOR * float(stamp_s[-1]) + 2.0
        self._new_watch = lambda: TrialWatch(object_anchors(task.object.symmetry), path[-1], task.success)
        self._watch: TrialWatch | None = None
        self._tracked: list[np.ndarray] = []
        self._now_ns = 0
        self._changed = threading.Condition()
        self._service_clients = {name: self.create_client(Trigger, name) for name in SERVICES}
        self.create_subscription(PoseStamped, "/simulation/object_pose", self._on_object, 10)
        self.create_subscription(PoseStamped, "/goal_pose", self._on_goal, 10)
        self.create_subscription(PoseStamped, "/object_pose", self._on_tracked, 10)

    def run(self) -> list[Verdict]:
        """Run all trials; results are on disk after each."""
        verdicts: list[Verdict] = []
        while self.trials == 0 or len(verdicts) < self.trials:
            verdicts.append(self._run_trial())
            last = verdicts[-1]
            self._results.write_text(json.dumps([v.as_mapping() for v in verdicts], indent=2), encoding="utf-8")
            self.get_logger().info(
                f"trial {len(verdicts)}/{self.trials or 'endless'}: {'success' if last.success else 'failure'} "
                f"({last.reason}), object {_millimetres(last.final_distance_m)} from its goal, "
                f"{last.simulated_s:.1f} s simulated in {last.wall_s:.1f} s"
            )
        return verdicts

    def _run_trial(self) -> Verdict:
        started = time.monotonic()
        watch, registration_s = self._new_watch(), None
        try:
            self._prepare()
            registration_s = time.monotonic() - started
            # The goal still stands where the last trial ended. The policy starts it again when it has arrived.
            self._call("/goal/start")
            self._watch = watch
            self._call("/policy/start")
            reason = self._wait_for_end(watch)
        except TrialFailedError as failure:
            reason = str(failure)
        finally:
            self._watch = None
        verdict = watch.verdict(reason, time.monotonic() - started, registration_s)
        try:
            self._call("/policy/hold")
        except TrialFailedError as failure:
            self.get_logger().warning(str(failure))
        return verdict

    def _prepare(self) -> None:
        # The robot stands still from the reset until the policy's first target; the controller starts from there.
        self._call("/policy/hold")
        self._call("/simulation/reset")
        self._call("/controller/reset")
        reset_ns = self._now_ns
        if not self._wait(lambda: self._now_ns >= reset_ns + FLUSH_NS, FLUSH_LIMIT_S):
            raise TrialFailedError("the simulation stands still")
        self._call("/object_pose/reset")
        self._tracked.clear()
        if not self._wait(lambda: is_stable(self._tracked), REGISTRATION_LIMIT_S):
            raise TrialFailedError(f"no stable object pose within {REGISTRATION_LIMIT_S:.0f} s")

    def _wait_for_end(self, watch: TrialWatch) -> str:
        def over() -> bool:
            return watch.has_settled or watch.is_lost or watch.simulated_s > self._simulated_limit_s

        if not self._wait(over, TRIAL_WALL_LIMIT_S):
            return f"wall limit of {TRIAL_WALL_LIMIT_S:.0f} s"
        if watch.is_lost:
            return "object lost"
        return "settled" if watch.has_settled else f"simulated limit of {self._simulated_limit_s:.1f} s"

    def _call(self, name: str) -> None:
        client = self._service_clients[name]
        if not client.wait_for_service(timeout_sec=SERVICE_LIMIT_S):
            raise TrialFailedError(f"{name} is not offered")
        future = client.call_async(Trigger.Request())
        answered = threading.Event()
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(SERVICE_LIMIT_S):
            raise TrialFailedError(f"{name} did not answer within {SERVICE_LIMIT_S:.0f} s")
        response = future.result()
        if not response.success:
            raise TrialFailedError(f"{name} refused: {response.message}")

    def _wait(self, condition: Callable[[], bool], limit_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, timeout=limit_s)

    def _on_object(self, message: PoseStamped) -> None:
        with self._changed:
            self._now_ns = _stamp_ns(message)
            if self._watch is not None:
                self._watch.object_is_at(self._now_ns, _pose(message))
            self._changed.notify_all()

    def _on_goal(self, message: PoseStamped) -> None:
        with self._changed:
            if self._watch is not None:
                self._watch.goal_is_at(_stamp_ns(message), _pose(message))

    def _on_tracked(self, message: PoseStamped) -> None:
        with self._changed:
            self._tracked.append(_pose(message))
            self._changed.notify_all()


def _millimetres(distance_m: float | None) -> str:
    return "nowhere" if distance_m is None else f"{1e3 * distance_m:.1f} mm"


def _stamp_ns(message: PoseStamped) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def _pose(message: PoseStamped) -> np.ndarray:
    p, q = message.pose.position, message.pose.orientation
    return pose(rotation_from_quat_wxyz(np.array([q.w, q.x, q.y, q.z])), np.array([p.x, p.y, p.z]))


def main() -> None:
    """Entry point; exit code 0 when all trials were run, whatever their outcome, 2 on bad input."""
    # Own handlers: this thread waits for conditions, not for rclpy, and must be woken.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        node = TrialRunner()
    except InputError as error:
        print(error, flush=True)
        rclpy.try_shutdown()
        sys.exit(2)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    receiving = threading.Thread(target=_spin, args=(executor,))
    receiving.start()
    try:
        node.run()
    except KeyboardInterrupt:
        node.get_logger().info("interrupted")
    finally:
        executor.shutdown()
        receiving.join(timeout=5.0)
        rclpy.try_shutdown()


def _spin(executor: SingleThreadedExecutor) -> None:
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()


if __name__ == "__main__":
    main()
