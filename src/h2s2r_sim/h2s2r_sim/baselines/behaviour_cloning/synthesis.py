"""Thirty demonstrations from one: the human path moved with the object to start poses drawn as in training.

They are kinematic, as in the paper: nothing is simulated, so nothing is filtered for success. The object rides along
its demonstrated path, moved alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, quat_wxyz_from_rotation
from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_retarget.warp import warp_path
from h2s2r_sim.baselines.path_player import SHARE_OF_HOLD
from h2s2r_sim.resets import draw_object_poses

if TYPE_CHECKING:
    from h2s2r_retarget.kinematics import BatchedKinematics
    from h2s2r_sim.reference import Reference
    from h2s2r_sim.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """What the policy learns from."""

    observation: Array
    """`(K, D)`, as `observe` makes them."""
    action: Array
    """`(K, H, J)`: joint targets of the next H policy steps, relative to the present joint position."""


def synthesise(
    task: Task,
    reference: Reference,
    kinematics: BatchedKinematics,
    *,
    demonstrations: int,
    horizon: int,
    hold_s: float,
    rng: np.random.Generator,
) -> Samples:
    """Make demonstrations over the task's start range and cut them into samples.

    Args:
        task: Start range.
        reference: The demonstration.
        kinematics: Of the robot.
        demonstrations: How many.
        horizon: Joint targets in a sample.
        hold_s: Time an episode has after the end of the object's path; a demonstration is played so fast that it is
            over within the shortest episode.
        rng: Draws the start poses.
    """
    path = reference.human_path
    starts = draw_object_poses(rng, reference.T_world_object, task.reset, demonstrations)
    available_s = reference.goal_path.duration_s + SHARE_OF_HOLD * hold_s
    pace = max(1.0, float(path.stamp_s[-1]) / available_s)
    ticks = np.arange(int(np.ceil(path.stamp_s[-1] / pace * POLICY_RATE_HZ)) + 1 + horizon)
    time_s = np.minimum(ticks / POLICY_RATE_HZ * pace, path.stamp_s[-1])
    warped = warp_path(kinematics, path.joint_position, path.T_world_palm, path.T_world_object, starts).joint_position
    joints = np.stack([[np.interp(time_s, path.stamp_s, column) for column in one.T] for one in warped]).swapaxes(1, 2)
    objects = _object_paths(reference, starts, time_s)
    steps = len(ticks) - horizon
    windows = np.stack([joints[:, 1 + k : 1 + k + steps] for k in range(horizon)], axis=2)
    present = joints[:, :steps]
    flat = present.reshape(-1, present.shape[-1])
    palms = np.asarray(kinematics.palm(flat).T_world_palm)
    return Samples(
        observe(flat, palms, objects[:, :steps].reshape(-1, 4, 4)),
        (windows - present[:, :, None]).reshape(-1, horizon, flat.shape[1]),
    )


def observe(joint_position: Array, T_world_palm: Array, T_world_object: Array) -> Array:
    """Observations `(n, J + 23)`: joints, palm position and quaternion (wxyz, w >= 0), object pose as 16 numbers."""
    quaternion = np.asarray(quat_wxyz_from_rotation(T_world_palm[:, :3, :3]))
    quaternion = np.where(quaternion[:, :1] < 0.0, -quaternion, quaternion)
    n = len(joint_position)
    return np.concatenate([joint_position, T_world_palm[:, :3, 3], quaternion, T_world_object.reshape(n, 16)], axis=1)


def _object_paths(reference: Reference, starts: Array, time_s: Array) -> Array:
    """`(N, T, 4, 4)`: the goal path begins when the human path has brought the hand to the object."""
    begins_s = float(reference.human_path.stamp_s[-1]) - reference.goal_path.duration_s
    shown = np.asarray(
        reference.goal_path.pose(np.clip(time_s - max(begins_s, 0.0), 0.0, reference.goal_path.duration_s))
    )
    shift = starts @ inverse(reference.T_world_object)
    return np.asarray(shift[:, None] @ shown[None])
