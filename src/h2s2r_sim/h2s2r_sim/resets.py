"""Where episodes start: the object near its demonstrated pose, the robot behind it at the pre-manipulation pose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.task import ResetSpec

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment

Array = NDArray[np.float64]

SolvePalm = Callable[[Array, Array], tuple[Array, NDArray[np.bool_]]]
"""Palm targets in the world `(k, 4, 4)` and start joints `(k, J)` to joints `(k, J)` and whether each was met."""

IsFree = Callable[[Array, Array], NDArray[np.bool_]]
"""Joints `(k, J)` and object poses `(k, 4, 4)` to whether nothing touches the robot there."""

_RESIDUAL_M = 0.002
_RESIDUAL_RAD = 0.01
_MAXIMUM_ITERATIONS = 30
_NOISE_SHARES = (1.0, 0.5, 0.0)
"""A hand three centimetres from the object has no room for all joint noise: as much is used as leaves it free."""
_BATCH = 256
_MAXIMUM_BATCHES = 20
_MAXIMUM_DRAWS_FOR_ONE = 8
"""Fewer than one start in eight accepted means the pose itself is wrong, not the draw."""


class PalmSolver:
    """Inverse kinematics of the arm for palm targets; a solution counts if its residual is small.

    Args:
        embodiment: The robot.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self._kinematics = BatchedKinematics(embodiment)
        self._arm_dof = embodiment.arm_dof

    def __call__(self, T_world_palm: Array, joint_position: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Solve from `joint_position (k, J)`, whose arm posture also guides the null space."""
        solution = solve_palm(
            self._kinematics,
            joint_position,
            T_world_palm,
            posture=joint_position[:, : self._arm_dof],
            maximum_iterations=_MAXIMUM_ITERATIONS,
            position_tolerance_m=_RESIDUAL_M,
            rotation_tolerance_rad=_RESIDUAL_RAD,
        )
        met = (solution.position_error_m < _RESIDUAL_M) & (solution.rotation_error_rad < _RESIDUAL_RAD)
        return np.asarray(solution.joint_position), np.asarray(met)


def draw_object_poses(rng: np.random.Generator, nominal: Array, spec: ResetSpec, count: int) -> Array:
    """Object poses `(k, 4, 4)`: `nominal (4, 4)` moved in x and y and turned about the vertical through its origin."""
    offset = rng.uniform(-1.0, 1.0, (count, 3))
    turn = np.zeros((count, 3))
    turn[:, 2] = spec.yaw_rad * offset[:, 2]
    T = np.broadcast_to(nominal, (count, 4, 4)).copy()
    T[:, :2, 3] += spec.position_m * offset[:, :2]
    T[:, :3, :3] = rotation_from_vector(turn) @ nominal[:3, :3]
    return T


class StartSampler:
    """Draws start states; remembers its random generator and the states solved ahead.

    Starts are solved by inverse kinematics in batches, because a batch of 256 costs little more than one. A start
    is accepted only if the palm meets its target and the robot touches nothing.

    Args:
        spec: Ranges.
        T_world_object: `(4, 4)` where the object rests at the start of the demonstration.
        T_object_palm: `(4, 4)` palm at the pre-manipulation pose, in the object's frame.
        joint_position: `(J,)` joints at the pre-manipulation pose.
        joint_lower: `(J,)` limits.
        joint_upper: `(J,)`.
        like_a_radian: `(J,)` what `spec.joint_rad` is multiplied by for each joint.
        solve_palm: Batched inverse kinematics.
        is_free: Contact check.
        rng: Source of all draws.
    """

    def __init__(
        self,
        spec: ResetSpec,
        T_world_object: Array,
        T_object_palm: Array,
        joint_position: Array,
        joint_lower: Array,
        joint_upper: Array,
        like_a_radian: Array,
        solve_palm: SolvePalm,
        is_free: IsFree,
        rng: np.random.Generator,
    ) -> None:
        self._spec, self._rng = spec, rng
        self._T_world_object, self._T_object_palm = T_world_object, T_object_palm
        self._joint_position, self._lower, self._upper = joint_position, joint_lower, joint_upper
        self._joint_noise = spec.joint_rad * like_a_radian
        self._solve_palm, self._is_free = solve_palm, is_free
        self._joints = np.empty((0, len(joint_position)))
        self._poses = np.empty((0, 4, 4))

    def draw(self, count: int) -> tuple[Array, Array]:
        """Joints `(count, J)` and object poses `(count, 4, 4)` of `count` new episodes.

        Raises:
            InputError: Almost no start within the task's reset ranges is reachable and free of contact.
        """
        drawn = 0
        while len(self._joints) < count:
            before = len(self._joints)
            self._refill()
            drawn += _BATCH
            if (
                len(self._joints) - before < _BATCH // _MAXIMUM_DRAWS_FOR_ONE
                or drawn > _MAXIMUM_BATCHES * count + _BATCH
            ):
                raise InputError(
                    "retargeting",
                    "T_object_palm",
                    found=f"{len(self._joints) - before} of {_BATCH} start poses reachable and free of contact",
                    expected=f"at least {_BATCH // _MAXIMUM_DRAWS_FOR_ONE}",
                    remedy="retarget again, or narrow `reset` in the task file",
                )
        joints, poses = self._joints[:count].copy(), self._poses[:count].copy()
        self._joints, self._poses = self._joints[count:], self._poses[count:]
        return joints, poses

    def state_dict(self) -> dict[str, Any]:
        """Generator and starts solved ahead."""
        return {"rng": self._rng.bit_generator.state, "joints": self._joints.copy(), "poses": self._poses.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._rng.bit_generator.state = state["rng"]
        self._joints, self._poses = state["joints"].copy(), state["poses"].copy()

    def _refill(self) -> None:
        poses = draw_object_poses(self._rng, self._T_world_object, self._spec, _BATCH)
        start = np.tile(self._joint_position, (_BATCH, 1))
        joints, met = self._solve_palm(poses @ self._T_object_palm, start)
        noise = self._rng.uniform(-self._joint_noise, self._joint_noise, joints.shape)
        noisy, good = joints.copy(), np.zeros(_BATCH, dtype=bool)
        for share in _NOISE_SHARES:
            open_ = np.flatnonzero(met & ~good)
            noisy[open_] = np.clip(joints[open_] + share * noise[open_], self._lower, self._upper)
            good[open_] = self._is_free(noisy[open_], poses[open_])
        self._joints = np.concatenate([self._joints, noisy[good]])
        self._poses = np.concatenate([self._poses, poses[good]])
