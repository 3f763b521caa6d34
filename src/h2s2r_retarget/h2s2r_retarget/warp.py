"""Object-aware replay: a path moved with the object, for many new object poses at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse
from h2s2r_retarget.collision import CollisionChecker
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.kinematics import Array, BatchedKinematics
from h2s2r_retarget.solutions import PALM_TOLERANCE_M, PALM_TOLERANCE_RAD, PENETRATION_LIMIT_M


@dataclass(frozen=True, eq=False)
class WarpedPath:
    """N warped paths."""

    joint_position: Array
    """`(N, M, J)` rad, within the limits."""
    position_error_m: Array
    """`(N, M)`: how far each palm is from where it should be."""
    rotation_error_rad: Array
    """`(N, M)`."""
    reached: NDArray[np.bool_]
    """`(N, M)`: within 1 mm and 0.5 deg."""
    penetration_m: Array
    """`(N, M)`, deepest overlap with table, statics and the robot itself; NaN where no checker was given. The object is
    left out: the hand is there to touch it."""

    def failures(self) -> list[tuple[int, int, str]]:
        """Path, step and why, of every step that misses its palm or overlaps by more than 1 mm."""
        found = []
        for path, step in np.argwhere(~self.reached | (self.penetration_m > PENETRATION_LIMIT_M)).tolist():
            off = f"{self.position_error_m[path, step] * 1e3:.1f} mm"
            turned = f"{np.degrees(self.rotation_error_rad[path, step]):.1f} deg"
            deep = f"{self.penetration_m[path, step] * 1e3:.1f} mm"
            why = f"inside something by {deep}" if self.reached[path, step] else f"palm {off} and {turned} off"
            found.append((path, step, why))
        return found


def warp_path(
    kinematics: BatchedKinematics,
    path_joint_position: Array,
    path_T_world_palm: Array,
    T_world_object: Array,
    T_world_object_new: Array,
    *,
    maximum_iterations: int = 30,
    checker: CollisionChecker | None = None,
) -> WarpedPath:
    """Apply `T_new inv(T_demo)` to every palm pose, solve the arm anew, keep the fingers.

    The arm starts each step from where it was, plus the demonstrated step, and its null space is pulled to the
    demonstrated posture: with the object where it was, the path comes back unchanged.

    Args:
        kinematics: Of the robot.
        path_joint_position: `(M, J)` rad.
        path_T_world_palm: `(M, 4, 4)`.
        T_world_object: `(4, 4)`, where the object was when the path was made.
        T_world_object_new: `(N, 4, 4)`, where it is now.
        maximum_iterations: Per step.
        checker: Of the same robot, if overlaps are to be reported; they change nothing else.
    """
    path = np.asarray(path_joint_position, dtype=float)
    arm_dof, limits = kinematics.embodiment.arm_dof, kinematics.embodiment.limits
    T_new = np.asarray(T_world_object_new, dtype=float)
    same = np.all(T_new == T_world_object, axis=(1, 2))
    # inv(T) T is the identity but for rounding; where the object has not moved it is so exactly.
    shift = np.where(same[:, None, None], np.eye(4), T_new @ inverse(np.asarray(T_world_object, dtype=float)))
    count = len(T_new)
    q = np.repeat(path[:1], count, axis=0)
    warped = np.empty((count, len(path), path.shape[1]))
    position_error, rotation_error = np.empty((2, count, len(path)))
    for step, posture in enumerate(path):
        if step:
            q = q + posture - path[step - 1]
            q = np.clip(q, limits.lower, limits.upper)
        q[:, arm_dof:] = posture[arm_dof:]
        found = solve_palm(
            kinematics,
            q,
            shift @ path_T_world_palm[step],
            posture=posture[:arm_dof],
            maximum_iterations=maximum_iterations,
        )
        q = found.joint_position.copy()
        warped[:, step], position_error[:, step] = q, found.position_error_m
        rotation_error[:, step] = found.rotation_error_rad
    penetration = np.full(position_error.shape, np.nan)
    if checker is not None:
        for step in range(len(path)):
            penetration[:, step] = _penetration(kinematics, checker, warped[:, step])
    reached = (position_error <= PALM_TOLERANCE_M) & (rotation_error <= PALM_TOLERANCE_RAD)
    return WarpedPath(warped, position_error, rotation_error, reached, penetration)


def _penetration(kinematics: BatchedKinematics, checker: CollisionChecker, joint_position: Array) -> Array:
    near = checker.near(joint_position, kinematics.joints(joint_position), None, within_m=0.0)
    deepest = np.zeros(len(joint_position))
    np.maximum.at(deepest, near.row, -near.distance_m)
    return deepest
