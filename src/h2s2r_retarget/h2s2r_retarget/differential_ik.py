"""Damped least squares for the arm, on many postures at once (NumPy and torch).

One iteration solves `dq = J^T (J J^T + lambda^2 I)^-1 (e - J dq_0) + dq_0`: the palm follows its target's twist `e`,
and what the arm has to spare pulls it towards a posture by `dq_0` (Nakamura 1986; null space as in Liegeois 1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from h2s2r_perception.geometry import vector_from_rotation
from h2s2r_retarget.kinematics import Array, BatchedKinematics, HandKinematics, PalmKinematics


@dataclass(frozen=True)
class DampedLeastSquares:
    """How an iteration behaves."""

    damping: float = 0.03
    """lambda [m, rad]: larger is calmer near singular postures and less exact."""
    posture_gain: float = 0.05
    """Share of the way to the posture taken by each iteration, in the null space."""
    maximum_step_rad: float = 0.2
    """No joint moves further in one iteration; the whole step is shortened."""
    limit_margin_rad: float = 0.0
    """Kept from every limit of the arm; of a joint that slides, `like_a_radian` as much."""


@dataclass(frozen=True)
class PalmSolution:
    """What `solve_palm` found for N targets."""

    joint_position: Array
    """`(N, J)` rad, within limits."""
    position_error_m: Array
    """`(N,)`."""
    rotation_error_rad: Array
    """`(N,)`."""


def palm_error(T_world_palm: Array, T_world_target: Array) -> Array:
    """Twist `(N, 6)` [m; rad], world frame, that takes the palm to its target, both `(N, 4, 4)`."""
    xp = array_namespace(T_world_palm, T_world_target)
    R = xp.matmul(T_world_target[..., :3, :3], xp.matrix_transpose(T_world_palm[..., :3, :3]))
    linear = T_world_target[..., :3, 3] - T_world_palm[..., :3, 3]
    return xp.concat([linear, vector_from_rotation(R)], axis=-1)


def step_palm(
    kinematics: BatchedKinematics,
    joint_position: Array,
    T_world_palm_target: Array,
    *,
    posture: Array | None = None,
    iterations: int = 1,
    settings: DampedLeastSquares = DampedLeastSquares(),
) -> Array:
    """Move the arm towards palm targets; the hand's joints stay.

    Args:
        kinematics: Of the robot.
        joint_position: `(N, J)` rad.
        T_world_palm_target: `(N, 4, 4)`.
        posture: `(A,)` or `(N, A)` rad the null space is pulled to; the embodiment's home if left out.
        iterations: How many damped least-squares iterations.
        settings: Their behaviour.

    Returns:
        `(N, J)` rad, within the joint limits.
    """
    arm_dof = kinematics.embodiment.arm_dof
    xp = array_namespace(joint_position)
    q = joint_position
    for _ in range(iterations):
        palm = kinematics.palm(q)
        error = palm_error(palm.T_world_palm, T_world_palm_target)
        damping = xp.full((q.shape[0],), settings.damping**2, dtype=q.dtype, device=device(q))
        q = _moved(kinematics, q, palm, error, damping, _posture(kinematics, posture, q, arm_dof), settings)
    return q


def step_twist(
    kinematics: BatchedKinematics,
    joint_position: Array,
    palm: PalmKinematics | HandKinematics,
    twist: Array,
    *,
    posture: Array,
    settings: DampedLeastSquares = DampedLeastSquares(),
) -> Array:
    """One iteration of `step_palm` for a caller that knows kinematics and error already.

    Args:
        kinematics: Of the robot.
        joint_position: `(N, J)` rad.
        palm: Kinematics of `joint_position`.
        twist: `(N, 6)` [m; rad], world frame, from the palm to its target.
        posture: `(N, A)` rad the null space is pulled to.
        settings: Behaviour of the iteration.

    Returns:
        `(N, J)` rad, within the joint limits.
    """
    xp, q = array_namespace(joint_position), joint_position
    damping = xp.full((q.shape[0],), settings.damping**2, dtype=q.dtype, device=device(q))
    return _moved(kinematics, q, palm, twist, damping, posture, settings)


def solve_palm(
    kinematics: BatchedKinematics,
    joint_position: Array,
    T_world_palm_target: Array,
    *,
    posture: Array | None = None,
    maximum_iterations: int = 80,
    position_tolerance_m: float = 1e-4,
    rotation_tolerance_rad: float = 1e-3,
    limit_margin_rad: float = 0.0,
) -> PalmSolution:
    """Bring the palm to its targets, from `joint_position`; the best posture met is returned.

    The damping shrinks with the error (Sugihara 2011), so that the end is exact. A row ends where it would end
    alone: rows that have converged are held, and cost nothing from then on.

    Args:
        kinematics: Of the robot.
        joint_position: `(N, J)` rad, the start.
        T_world_palm_target: `(N, 4, 4)`.
        posture: As for `step_palm`.
        maximum_iterations: When to give up; the residuals tell.
        position_tolerance_m: A row with less than both tolerances has converged.
        rotation_tolerance_rad: The other.
        limit_margin_rad: As in `DampedLeastSquares`.
    """
    xp = array_namespace(joint_position)
    settings = DampedLeastSquares(maximum_step_rad=0.4, limit_margin_rad=limit_margin_rad)
    everyone, q = joint_position, joint_position
    target = xp.broadcast_to(T_world_palm_target, (q.shape[0], 4, 4))
    pull = _posture(kinematics, posture, q, kinematics.embodiment.arm_dof)
    pull = xp.broadcast_to(pull, (q.shape[0], pull.shape[-1]))
    palm = kinematics.palm(q)
    error = palm_error(palm.T_world_palm, target)
    best, best_error = q, error
    everyone_error = xp.asarray(error, copy=True)
    everyone = xp.asarray(everyone, copy=True)
    rows = xp.arange(q.shape[0], device=device(q))
    for _ in range(maximum_iterations):
        (going,) = xp.nonzero(~_within(xp, best_error, position_tolerance_m, rotation_tolerance_rad))
        if going.shape[0] < rows.shape[0]:
            everyone[rows, ...], everyone_error[rows, ...] = best, best_error
            rows, best, best_error = rows[going], best[going, ...], best_error[going, ...]
            q, error, target, pull = q[going, ...], error[going, ...], target[going, ...], pull[going, ...]
            palm = PalmKinematics(palm.T_world_palm[going, ...], palm.palm_jacobian[going, ...])
        if not rows.shape[0]:
            break
        damping = 1e-6 + 0.02 * xp.sum(error * error, axis=-1)
        q = _moved(kinematics, q, palm, error, damping, pull, settings)
        palm = kinematics.palm(q)
        error = palm_error(palm.T_world_palm, target)
        better = xp.sum(error * error, axis=-1) < xp.sum(best_error * best_error, axis=-1)
        best = xp.where(better[:, None], q, best)
        best_error = xp.where(better[:, None], error, best_error)
    everyone[rows, ...], everyone_error[rows, ...] = best, best_error
    return PalmSolution(everyone, _length(xp, everyone_error[:, :3]), _length(xp, everyone_error[:, 3:]))


def _moved(
    kinematics: BatchedKinematics,
    q: Array,
    palm: PalmKinematics | HandKinematics,
    error: Array,
    damping: Array,
    posture: Array,
    settings: DampedLeastSquares,
) -> Array:
    """One iteration; `damping (N,)` is lambda squared."""
    xp = array_namespace(q)
    limits, arm_dof = kinematics.embodiment.limits, kinematics.embodiment.arm_dof
    margin = settings.limit_margin_rad * kinematics.embodiment.like_a_radian[:arm_dof]
    lower = xp.asarray(limits.lower[:arm_dof] + margin, dtype=q.dtype, device=device(q))
    upper = xp.asarray(limits.upper[:arm_dof] - margin, dtype=q.dtype, device=device(q))
    J, arm = palm.palm_jacobian, q[:, :arm_dof]
    pull = settings.posture_gain * (posture - arm)
    step = _capped(xp, _damped_step(xp, J, error, pull, damping), settings.maximum_step_rad)
    blocked = (arm + step < lower) | (arm + step > upper)
    (rows,) = xp.nonzero(xp.any(blocked, axis=-1))
    if rows.shape[0]:
        # What a joint at its limit cannot do, the others take over.
        stuck, J, arm_there = blocked[rows, ...], J[rows, ...], arm[rows, ...]
        fixed = xp.where(stuck, xp.clip(arm_there + step[rows, ...], lower, upper) - arm_there, 0.0 * arm_there)
        rest = error[rows, ...] - xp.matmul(J, fixed[..., None])[..., 0]
        free = xp.where(stuck[:, None, :], xp.zeros_like(J), J)
        others = _damped_step(xp, free, rest, xp.where(stuck, 0.0 * arm_there, pull[rows, ...]), damping[rows])
        step[rows, ...] = _capped(xp, xp.where(stuck, fixed, others), settings.maximum_step_rad)
    moved = xp.minimum(xp.maximum(arm + step, lower), upper)
    return xp.concat([moved, q[:, arm_dof:]], axis=-1)


def _damped_step(xp: Any, J: Array, error: Array, pull: Array, damping: Array) -> Array:
    """`J^T (J J^T + damping I)^-1 (error - J pull) + pull`, `(N, A)` rad."""
    J_t = xp.matrix_transpose(J)
    identity = xp.eye(6, dtype=J.dtype, device=device(J))
    A = xp.matmul(J, J_t) + damping[:, None, None] * identity
    wanted = error[..., None] - xp.matmul(J, pull[..., None])
    return xp.matmul(J_t, xp.linalg.solve(A, wanted))[..., 0] + pull


def _capped(xp: Any, step: Array, maximum: float) -> Array:
    largest = xp.max(xp.abs(step), axis=-1)
    too_far = largest > maximum
    scale = xp.where(too_far, maximum / xp.where(too_far, largest, xp.ones_like(largest)), xp.ones_like(largest))
    return scale[:, None] * step


def _posture(kinematics: BatchedKinematics, posture: Array | None, like: Array, arm_dof: int) -> Array:
    xp: Any = array_namespace(like)
    chosen = kinematics.embodiment.home[:arm_dof].copy() if posture is None else posture
    return xp.asarray(chosen, dtype=like.dtype, device=device(like))


def _within(xp: Any, error: Array, position_m: float, rotation_rad: float) -> Array:
    return (_length(xp, error[:, :3]) < position_m) & (_length(xp, error[:, 3:]) < rotation_rad)


def _length(xp: Any, vector: Array) -> Array:
    return xp.sqrt(xp.sum(vector * vector, axis=-1))
