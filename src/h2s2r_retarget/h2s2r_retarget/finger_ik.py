"""The second step: each finger on its own brings its tip to the human's, and stays out of the scene.

Per iteration and finger, damped least squares on three rows that move the tip and one row for every shape of the
finger that overlaps something; the latter weigh so much more that what is left of an overlap is a fraction of a
millimetre (tests measure it).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import skew
from h2s2r_retarget.collision import CollisionChecker, Contact
from h2s2r_retarget.urdf_model import read_urdf

Array = NDArray[np.float64]

_CLEARANCE_M = 0.0003
_CONTACT_WEIGHT = 100.0
_DAMPING = 1e-5
_DAMPING_PER_ERROR = 0.3
_MAXIMUM_STEP_RAD = 0.15


class FingerSolver:
    """Finger postures for fingertip targets, for a palm that stands still.

    Args:
        checker: The robot in its scene.
    """

    def __init__(self, checker: CollisionChecker) -> None:
        self._checker = checker
        embodiment = checker.embodiment
        model = read_urdf(embodiment.urdf)
        hand = set(embodiment.hand_joint_names)
        self._fingers: list[NDArray[np.int64]] = []
        for frame in embodiment.fingertip_frames:
            names = [joint.name for joint in model.chain(frame) if joint.name in hand]
            self._fingers.append(np.array([embodiment.joint_names.index(name) for name in names]))
        self._frames = [checker.model.getFrameId(frame) for frame in embodiment.fingertip_frames]

    def fingertips(self, joint_position: Array) -> Array:
        """`(F, 3)` m, world, for `(J,)` rad."""
        self._checker.place(joint_position)
        return np.array([self._checker.data.oMf[frame].translation for frame in self._frames])

    def solve(self, joint_position: Array, targets: Array, T_world_object: Array | None, *, iterations: int) -> Array:
        """Move the fingers of `joint_position` `(J,)` rad towards their targets.

        Args:
            joint_position: Start; its arm part is kept.
            targets: `(F, 3)` m, world. One inside an obstacle is pulled back to where the tip just touches.
            T_world_object: `(4, 4)`, or None to ignore the object.
            iterations: How many.

        Returns:
            `(J,)` rad, within the limits.
        """
        checker, limits = self._checker, self._checker.embodiment.limits
        radii = checker.embodiment.fingertip_radius
        reachable = [
            checker.pushed_out(target, radius + _CLEARANCE_M, T_world_object)
            for target, radius in zip(targets, radii, strict=True)
        ]
        q = joint_position.copy()
        for _ in range(iterations):
            touching = checker.contacts(q, T_world_object, within_m=_CLEARANCE_M)
            for columns, frame, target in zip(self._fingers, self._frames, reachable, strict=True):
                step = self._step(columns, frame, target, touching)
                q[columns] += np.clip(step, -_MAXIMUM_STEP_RAD, _MAXIMUM_STEP_RAD)
            q = np.clip(q, limits.lower, limits.upper)
        return q

    def _step(self, columns: NDArray[np.int64], frame: int, target: Array, touching: list[Contact]) -> Array:
        data, model = self._checker.data, self._checker.model
        tip = data.oMf[frame].translation
        tip_joint = int(model.frames[frame].parentJoint)
        J = self._point_jacobian(tip_joint, tip, columns)
        A, b = J.T @ J, J.T @ (target - tip)
        mine = {int(model.getJointId(self._checker.embodiment.joint_names[column])) for column in columns}
        for contact in touching:
            if contact.joint in mine:
                row = contact.normal @ self._point_jacobian(contact.joint, contact.point, columns)
                A += _CONTACT_WEIGHT * np.outer(row, row)
                b += _CONTACT_WEIGHT * row * (_CLEARANCE_M - contact.distance_m)
        # A tip that cannot reach its target would swing about with a constant damping.
        damping = _DAMPING + _DAMPING_PER_ERROR * float(np.sum((target - tip) ** 2))
        return np.asarray(np.linalg.solve(A + damping * np.eye(len(columns)), b))

    def _point_jacobian(self, joint: int, point: Array, columns: NDArray[np.int64]) -> Array:
        """Velocity `(3, K)` of a point of a joint's child, world frame, per rad/s of each of `columns`."""
        import pinocchio

        data: Any = self._checker.data
        # LOCAL_WORLD_ALIGNED: linear rows are the velocity of the joint's own origin.
        J = pinocchio.getJointJacobian(self._checker.model, data, joint, pinocchio.LOCAL_WORLD_ALIGNED)
        lever = point - data.oMi[joint].translation
        J = J[:, self._checker.q_index[columns]]
        return np.asarray(J[:3] - skew(lever) @ J[3:])
