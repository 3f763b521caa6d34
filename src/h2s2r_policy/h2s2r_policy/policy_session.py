"""One robot under one policy: idle, approach, run, hold. The node feeds it and publishes what it returns.

Everything is driven by stamped data, never by a clock of its own, so a session in slow simulation and one
on a robot take the same decisions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_policy.inference import OnnxPolicy
from h2s2r_policy.policy_runner import Measurement, PolicyRunner
from h2s2r_policy.rates import CAMERA_RATE_HZ
from h2s2r_policy.task_guard import TaskGuard
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]


class Phase(Enum):
    """What the session is doing."""

    IDLE = "idle"
    APPROACH = "approach"
    ARRIVED = "arrived"
    """At the pre-manipulation pose, waiting for the goal to be started (`run`)."""
    RUN = "run"
    HOLD = "hold"


@dataclass(frozen=True)
class SessionConfiguration:
    """How the start pose is reached; radians of a joint that slides are metres by `Embodiment.like_a_radian`."""

    approach_speed_rad_s: float = 0.4
    near_rad: float = 0.08
    """A robot this close in every joint starts where it is: training starts are spread by 0.035 rad, and
    as much again comes from the tracked object pose."""
    arrived_rad: float = 0.04
    approach_limit_s: float = 20.0
    palm_residual_m: float = 0.005
    palm_residual_rad: float = 0.05
    camera_period_s: float = 1.0 / CAMERA_RATE_HZ


@dataclass(frozen=True)
class StartPose:
    """Where the robot begins, from the retargeting.

    Attributes:
        T_object_palm: `(4, 4)`.
        joint_position: `(J,)` [rad]: the hand's posture, and the arm's to start the search from.
    """

    T_object_palm: Array
    joint_position: Array


@dataclass(frozen=True)
class _JointState:
    stamp_ns: int
    position: Array
    velocity: Array


class PolicySession:
    """Remembers the phase, the last joint state and object pose, and the approach's target.

    Args:
        policy: The network.
        runner: For its contract.
        kinematics: Of the embodiment.
        guard: Judges object poses and targets; its violation ends the run.
        start_pose: Where the robot begins.
        configuration: How it gets there.
    """

    def __init__(
        self,
        policy: OnnxPolicy,
        runner: PolicyRunner,
        kinematics: BatchedKinematics,
        guard: TaskGuard,
        start_pose: StartPose,
        configuration: SessionConfiguration | None = None,
    ) -> None:
        self.guard = guard
        self.phase = Phase.IDLE
        self._policy, self._runner, self._kinematics = policy, runner, kinematics
        self._start_pose, self._like_a_radian = start_pose, kinematics.embodiment.like_a_radian
        self._configuration = configuration or SessionConfiguration()
        self._period_s = 1.0 / policy.contract.policy_rate_hz
        self._joints: _JointState | None = None
        self._object: tuple[int, Array] | None = None
        self._stepped_ns: int | None = None
        self._started_ns = 0
        self._approach_goal: Array = start_pose.joint_position
        self._approach_target: Array = start_pose.joint_position

    def warm_up(self) -> None:
        """Run every part once, so that the first step of a trial is not slower than the others."""
        joint_position = self._start_pose.joint_position[None]
        T = np.eye(4)[None]
        self._runner.reset(joint_position, T)
        observation = self._runner.observe(Measurement(joint_position, np.zeros_like(joint_position), T, T))
        self._runner.act(self._policy.step(observation))
        T_world_palm = self._kinematics.forward(joint_position).T_world_palm[0]
        self._solve(T_world_palm @ np.linalg.inv(self._start_pose.T_object_palm))

    def start(self) -> None:
        """Begin: recover the guard, find the start pose for the object as it lies, approach it.

        Raises:
            InputError: Nothing recent is known of the robot or the object, or the pose is out of reach.
        """
        joints, T_world_object = self._current()
        self._approach_goal = self._solve(T_world_object)
        self._approach_target = joints.position
        self._started_ns = joints.stamp_ns
        self._stepped_ns = None
        self.guard.recover()
        near = self._farthest_rad(joints.position - self._approach_goal) <= self._configuration.near_rad
        self.phase = Phase.ARRIVED if near else Phase.APPROACH

    def run(self) -> None:
        """Hand over to the policy, with no memory of earlier runs; the goal has just been started.

        Raises:
            InputError: Nothing recent is known of the robot or the object.
        """
        joints, T_world_object = self._current()
        self._policy.reset()
        self._runner.reset(joints.position[None], T_world_object[None])
        self._stepped_ns = None
        self.phase = Phase.RUN

    def hold(self) -> None:
        """Stop sending targets; the controller holds the robot."""
        self.phase = Phase.HOLD if self.phase is not Phase.IDLE else Phase.IDLE

    def joint_state(self, stamp_ns: int, position: Array, velocity: Array) -> None:
        """Take a joint state `(J,)` [rad], [rad/s]; also the moment when stale object poses are noticed."""
        self._joints = _JointState(stamp_ns, position, velocity)
        if self.phase in {Phase.APPROACH, Phase.ARRIVED, Phase.RUN} and self.guard.watch(stamp_ns):
            self.phase = Phase.HOLD

    def pair(self, stamp_ns: int, T_world_object: Array, T_world_goal: Array) -> Array | None:
        """Take object and goal pose `(4, 4)` of one image.

        Returns:
            The joint target `(J,)` [rad] if this image is the policy's turn and nothing speaks against it.
        """
        self._object = (stamp_ns, T_world_object)
        if self.phase not in {Phase.APPROACH, Phase.ARRIVED, Phase.RUN} or self._joints is None:
            return None
        if self.guard.observe(stamp_ns, T_world_object) or self.guard.watch(self._joints.stamp_ns):
            self.phase = Phase.HOLD
            return None
        if not self._is_turn(stamp_ns) or self.phase is Phase.ARRIVED:
            return None
        self._stepped_ns = stamp_ns
        target = self._step(T_world_object, T_world_goal) if self.phase is Phase.RUN else self._approach(self._joints)
        result = self.guard.check(target, self._joints.position, stamp_ns=stamp_ns)
        if result.violation is not None:
            self.phase = Phase.HOLD
        return result.command

    def _is_turn(self, stamp_ns: int) -> bool:
        if self._stepped_ns is None:
            return True
        due_s = self._period_s - self._configuration.camera_period_s / 2.0
        return (stamp_ns - self._stepped_ns) * 1e-9 >= due_s

    def _step(self, T_world_object: Array, T_world_goal: Array) -> Array:
        assert self._joints is not None
        measurement = Measurement(
            self._joints.position[None], self._joints.velocity[None], T_world_object[None], T_world_goal[None]
        )
        action = self._policy.step(self._runner.observe(measurement))
        target: Array = self._runner.act(action)[0]
        return target

    def _approach(self, joints: _JointState) -> Array:
        away = self._farthest_rad(joints.position - self._approach_goal)
        if np.array_equal(self._approach_target, self._approach_goal) and away < self._configuration.arrived_rad:
            self.phase = Phase.ARRIVED
        elif (joints.stamp_ns - self._started_ns) * 1e-9 > self._configuration.approach_limit_s:
            self.phase = Phase.HOLD
        # All joints arrive together, so the hand's way does not depend on which joint is fastest.
        way = self._approach_goal - self._approach_target
        step_rad = self._configuration.approach_speed_rad_s * self._period_s
        remaining = self._farthest_rad(way)
        if remaining <= step_rad:
            self._approach_target = self._approach_goal
        else:
            self._approach_target = self._approach_target + way * (step_rad / remaining)
        return self._approach_target

    def _farthest_rad(self, way: Array) -> float:
        return float(np.abs(way / self._like_a_radian).max())

    def _current(self) -> tuple[_JointState, Array]:
        if self._joints is None:
            self._refuse("/joint_states", "none yet", "a joint state")
        if self._object is None:
            self._refuse("/object_pose", "none yet", "an object pose with its goal")
        assert self._joints is not None and self._object is not None
        age_s = (self._joints.stamp_ns - self._object[0]) * 1e-9
        if age_s > self.guard.configuration.stale_pose_s:
            self._refuse("/object_pose", f"{age_s:.3f} s old", f"at most {self.guard.configuration.stale_pose_s} s")
        return self._joints, self._object[1]

    def _solve(self, T_world_object: Array) -> Array:
        start = self._start_pose.joint_position[None]
        arm = start[:, : self._kinematics.embodiment.arm_dof]
        T_world_palm = T_world_object @ self._start_pose.T_object_palm
        solution = solve_palm(self._kinematics, start, T_world_palm[None], posture=arm)
        residual_m, residual_rad = float(solution.position_error_m[0]), float(solution.rotation_error_rad[0])
        limits = self._configuration
        if residual_m > limits.palm_residual_m or residual_rad > limits.palm_residual_rad:
            found = f"{1e3 * residual_m:.0f} mm and {np.degrees(residual_rad):.0f} deg missing"
            self._refuse("pre-manipulation pose", found, "an object within the robot's reach")
        joint_position: Array = solution.joint_position[0]
        return joint_position

    def _refuse(self, field: str, found: str, expected: str) -> None:
        raise InputError(
            "policy", field, found=found, expected=expected, remedy="check camera, tracker and robot, then start again"
        )
