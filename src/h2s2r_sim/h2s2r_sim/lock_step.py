"""Lock-step of the simulated robot with the other processes: it owns the time and waits for their answers.

At tick k (60 Hz) it publishes the clock. On even k it takes a picture; pictures are published when they are as
old as the camera's latency. While a trial runs it waits for the goal pose, and where the policy answers every
second image for the joint target, of the picture just published; then it publishes the joint states and waits
for the joint command of that stamp, before it steps the physics. A tracker that says it has lost the object has
answered too. Success therefore does not depend on how fast
the processes are. Pictures are rendered in a thread of their own, while others work on the one before.

A trial runs from the first joint target after a reset to the next reset. Until then the robot stands still and
commands are not followed: they belong to the place it was taken from.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.rates import CAMERA_RATE_HZ, CONTROL_RATE_HZ, POLICY_RATE_HZ
from h2s2r_sim.arrivals import Arrivals
from h2s2r_sim.render_thread import RenderThread
from h2s2r_sim.rollout_video import RolloutVideo, bystander
from h2s2r_sim.simulated_camera import Frame, SimulatedCamera
from h2s2r_sim.simulated_robot import SimulatedRobot

Array = NDArray[np.float64]

CAMERA_TICKS = round(CONTROL_RATE_HZ / CAMERA_RATE_HZ)
"""Ticks from picture to picture."""
POLICY_PERIOD_NS = 1e9 / POLICY_RATE_HZ
OBJECT_LOST = "object_lost"
"""The tracker's answer to a picture that shows it no object; the chain ends there, and nobody waits for the rest."""
IDLE_LIMIT_S = 0.25
"""Longest wait while no trial runs: the tracker may be busy registering, or not there yet."""
RUNNING_LIMIT_S = 5.0
"""Longest wait in a trial; then the robot holds until the next reset."""


class Outlet(Protocol):
    """Where the simulated robot's messages go; all stamps are simulated time [ns]."""

    def clock(self, now_ns: int) -> None:
        """Publish the time."""

    def picture(self, frame: Frame) -> None:
        """Publish colour, depth and intrinsics of one picture."""

    def state(self, now_ns: int, position: Array, velocity: Array, T_world_object: Array) -> None:
        """Publish the joints `(J,)` [rad, rad/s], and the true object pose `(4, 4)` for evaluation."""

    def warning(self, text: str) -> None:
        """Tell the user."""


class LockStep:
    """Runs the simulation; remembers time, trial and what it is waiting for.

    `run` belongs to one thread, which owns simulation and renderer; `receive_*`, `reset` and `stop` may be
    called from another.

    Args:
        robot: The simulation.
        camera: Its camera.
        thread: Where pictures and video are rendered.
        outlet: Where messages go.
        video: Where the first trial's video goes; None for no video.
    """

    def __init__(
        self, robot: SimulatedRobot, camera: SimulatedCamera, thread: RenderThread, outlet: Outlet, video: Path | None
    ) -> None:
        self.arrivals = Arrivals()
        self._robot, self._camera, self._thread, self._outlet = robot, camera, thread, outlet
        self._data = mujoco.MjData(robot.model)
        self._video_path = video
        self._video: RolloutVideo | None = None
        self._tick, self._reset_ns = 0, 0
        self._held = False
        self._commands: dict[int, Array] = {}
        self._stopping, self._reset_wanted, self._reset_done = (threading.Event() for _ in range(3))

    def receive(self, event: str, stamp_ns: int) -> None:
        """A message of the chain (`arrivals.CHAIN`) has come, or `OBJECT_LOST` instead."""
        self.arrivals.record(event, stamp_ns)

    def receive_command(self, stamp_ns: int, joint_position: Array) -> None:
        """The command `(J,)` [rad] for the joint states of `stamp_ns` has come."""
        self._commands[stamp_ns] = joint_position
        self.arrivals.record("command", stamp_ns)

    def reset(self, *, limit_s: float = 20.0) -> bool:
        """Put robot and object at the start of the next trial and wait until they are; False when it takes too long."""
        self._reset_done.clear()
        self._reset_wanted.set()
        self.arrivals.wake()
        return self._reset_done.wait(limit_s)

    def stop(self) -> None:
        """Let `run` return."""
        self._stopping.set()
        self.arrivals.wake()

    def run(self) -> None:
        """Tick until stopped."""
        try:
            while not self._stopping.is_set():
                if self._reset_wanted.is_set():
                    self._reset()
                self.tick()
        finally:
            self._finish_video()

    def tick(self) -> None:
        """One sixtieth of a second."""
        now_ns = round(self._tick * 1e9 / CONTROL_RATE_HZ)
        self._outlet.clock(now_ns)
        image_ns = self._publish_pictures(now_ns)
        if self._tick % CAMERA_TICKS == 0:
            self._take_picture(now_ns)
            image_ns = self._publish_pictures(now_ns) or image_ns
        if image_ns is not None:
            self._await_policy(image_ns)
        self._outlet.state(now_ns, *self._robot.joint_state(), self._robot.T_world_object)
        if self._await("command", stamp_ns=now_ns) and self.is_running and not self._held:
            self._robot.command(self._commands[now_ns])
        self._commands.clear()
        self._robot.step()
        self._tick += 1

    @property
    def is_running(self) -> bool:
        """Whether the policy has moved since the last reset."""
        last_ns = self.arrivals.latest("joint_target")
        return last_ns is not None and last_ns >= self._reset_ns

    def _publish_pictures(self, now_ns: int) -> int | None:
        frames = self._camera.arrived(now_ns)
        for frame in frames:
            self.arrivals.record("image", frame.stamp_ns)
            self._outlet.picture(frame)
        return frames[-1].stamp_ns if frames else None

    def _take_picture(self, now_ns: int) -> None:
        self._thread.finish()  # before the state that it draws changes
        self._robot.pose_for_rendering(self._data)
        self._camera.take(self._data, now_ns)
        if self._video_path is not None and self.is_running:
            if self._video is None:
                rate_hz = CONTROL_RATE_HZ / CAMERA_TICKS
                self._video = RolloutVideo(
                    self._video_path, self._robot.model, bystander(), self._thread, rate_hz=rate_hz
                )
            self._video.add(self._data)

    def _await_policy(self, image_ns: int) -> None:
        self._await("goal_pose", OBJECT_LOST, stamp_ns=image_ns)
        last_ns = self.arrivals.latest("joint_target")
        if self.is_running and last_ns is not None and abs(image_ns - last_ns - POLICY_PERIOD_NS) < 1000:
            # Its absence is no failure: the policy may have been told to hold.
            self.arrivals.wait(
                "joint_target", OBJECT_LOST, stamp_ns=image_ns, limit_s=IDLE_LIMIT_S, give_up=self._is_interrupted
            )

    def _await(self, *events: str, stamp_ns: int) -> bool:
        strict = self.is_running and not self._held
        limit_s = RUNNING_LIMIT_S if strict else IDLE_LIMIT_S
        came = self.arrivals.wait(*events, stamp_ns=stamp_ns, limit_s=limit_s, give_up=self._is_interrupted)
        if strict and not came and not self._is_interrupted():
            self._held = True
            self._outlet.warning(f"no {events[0]} for {stamp_ns} ns within {limit_s:g} s: holding until the next reset")
        return came

    def _is_interrupted(self) -> bool:
        return self._reset_wanted.is_set() or self._stopping.is_set()

    def _reset(self) -> None:
        self._finish_video()
        self._robot.reset()
        self._camera.forget()
        self._held = False
        self._reset_ns = round(self._tick * 1e9 / CONTROL_RATE_HZ)
        self._reset_wanted.clear()
        self._reset_done.set()

    def _finish_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = self._video_path = None
