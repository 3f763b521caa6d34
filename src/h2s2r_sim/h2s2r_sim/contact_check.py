"""Is a configuration free of contact, and where does the object come to rest? Single MuJoCo queries on the twin."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import quat_wxyz_from_rotation, rotation_angle, rotation_from_quat_wxyz
from h2s2r_sim.twin import Twin

Array = NDArray[np.float64]

_TOUCH_M = 0.0005
_LIFT_M = 0.004
_SETTLE_S = 1.0
_LARGEST_SHIFT_M = 0.02
_LARGEST_TURN_RAD = 0.2


class ContactCheck:
    """Answers for one twin; remembers only scratch memory."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._data = mujoco.MjData(twin.model)
        self._data.qpos[:] = twin.model.qpos0
        body_root = twin.model.body_rootid
        robot_root = body_root[
            twin.model.jnt_bodyid[mujoco.mj_name2id(twin.model, mujoco.mjtObj.mjOBJ_JOINT, twin.joint_names[0])]
        ]
        self._is_robot_geom = body_root[twin.model.geom_bodyid] == robot_root

    def free(self, joint_position: Array, T_world_object: Array) -> NDArray[np.bool_]:
        """Whether the robot at joints `(k, J)` penetrates neither the object at `(k, 4, 4)`, the scene, nor itself."""
        free = np.concatenate([T_world_object[:, :3, 3], quat_wxyz_from_rotation(T_world_object[:, :3, :3])], axis=-1)
        return np.array([self._is_free(*pair) for pair in zip(joint_position, free, strict=True)], dtype=bool)

    def resting_pose(self, joint_position: Array, T_world_object: Array) -> Array:
        """Where the object, put down at `T_world_object (4, 4)`, comes to rest with the robot at `(J,)`.

        A demonstrated pose is an estimate: taken literally, the object may hover or stand in the table.

        Raises:
            InputError: It ends up somewhere else.
        """
        model, data = self._twin.model, mujoco.MjData(self._twin.model)
        quat_wxyz = quat_wxyz_from_rotation(T_world_object[None, :3, :3])[0]
        self._place(data, joint_position, np.concatenate([T_world_object[:3, 3], quat_wxyz]))
        data.qpos[self._twin.object_qpos + 2] += _LIFT_M
        data.ctrl[self._twin.actuators] = joint_position
        mujoco.mj_step(model, data, nstep=round(_SETTLE_S / model.opt.timestep))
        free = data.qpos[self._twin.object_qpos : self._twin.object_qpos + 7]
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rotation_from_quat_wxyz(free[3:]), free[:3]
        shift = float(np.linalg.norm(T[:3, 3] - T_world_object[:3, 3]))
        turn = float(rotation_angle(T[:3, :3], T_world_object[:3, :3]))
        if not (shift < _LARGEST_SHIFT_M and turn < _LARGEST_TURN_RAD):
            raise InputError(
                "demonstration",
                "T_world_object at the start of the motion",
                found=f"a pose from which the object moves {1e3 * shift:.0f} mm and turns {turn:.2f} rad",
                expected="an object at rest on the task's table",
                remedy="check the task's scene and the camera's T_world_camera",
            )
        return T

    def _is_free(self, joint_position: Array, free_joint: Array) -> bool:
        self._place(self._data, joint_position, free_joint)
        mujoco.mj_kinematics(self._twin.model, self._data)
        mujoco.mj_comPos(self._twin.model, self._data)
        mujoco.mj_collision(self._twin.model, self._data)
        contact = self._data.contact
        touches = self._is_robot_geom[contact.geom].any(axis=1) if len(contact.dist) else np.zeros(0, dtype=bool)
        return not bool((touches & (contact.dist < -_TOUCH_M)).any())

    def _place(self, data: mujoco.MjData, joint_position: Array, free_joint: Array) -> None:
        data.qpos[self._twin.joint_qpos] = joint_position
        first = self._twin.object_qpos
        data.qpos[first : first + 7] = free_joint
