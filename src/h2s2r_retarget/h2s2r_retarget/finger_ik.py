"""The second step: the fingers bring their tips to the human's, point as the human's do, and stay out of everything.

For a palm that stands still, N hands at once: a projected Levenberg-Marquardt descent on `FingerTask`, started from
the best of many hand postures, finger by finger. coal is asked only between descents; what it finds too near becomes
part of the task. Tips come first: directions of the last links guide the descent and then count almost nothing, so
they are met by what the tips leave free.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.collision import CollisionChecker
from h2s2r_retarget.finger_starts import FingerStarts
from h2s2r_retarget.finger_task import CLEARANCE_M, FingerModel, FingerTask, fixed_pairs
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]

_DIRECTION_WEIGHT_M = 0.01
"""While the fingers find their shape, a radian of direction counts like a centimetre of a tip,"""
_LAST_SHARE = 0.1
"""and in the end like a millimetre."""
_NEAR_M = 0.005
"""Pairs this near are watched while the fingers move."""
_TOO_DEEP_M = 0.0002
"""An overlap that is left alone."""
_ROUNDS = 8
"""How often coal is asked at most."""
_ITERATIONS_AFTER_COAL = 15
"""Fingers are where they should be but for what they touch."""
_MAXIMUM_STEP = 0.3
"""[rad] of any joint in one iteration."""
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-5, 1e-8, 1.0
"""[m^2]: lambda of Levenberg and Marquardt; past the most, nothing improves any more."""
_PLAIN_ITERATIONS = 4
"""Of Gauss and Newton; then the bending ways of the tips count, too. From the start they would lead to saddles."""
_FINISHED_SHARE = 1e-5
"""A descent ends when an iteration gains less than this of what is left,"""
_FINISHED_M2 = 1e-10
"""or less than this."""


class FingerSolver:
    """Finger postures for fingertip targets, for palms that stand still.

    Args:
        checker: The robot in its scene.
        kinematics: Of the same robot.
    """

    def __init__(self, checker: CollisionChecker, kinematics: BatchedKinematics) -> None:
        self._checker, self._kinematics = checker, kinematics
        self._model = FingerModel(kinematics)
        self._starts = FingerStarts(kinematics, self._model)
        limits, self._hand = kinematics.embodiment.limits, self._model.hand
        self._lower, self._upper = limits.lower[self._hand], limits.upper[self._hand]

    def solve(
        self,
        joint_position: Array,
        tips: Array,
        directions: Array | None,
        T_world_object: Array | None,
        *,
        iterations: int,
        keep_start: bool = False,
        rounds: int = _ROUNDS,
    ) -> Array:
        """Move the fingers of N postures towards their targets.

        Args:
            joint_position: `(N, J)` rad or m; the arm's part is kept.
            tips: `(N, F, 3)` m, world. One inside an obstacle is pulled back to where the tip just touches.
            directions: `(N, F, 3)` unit, world, where the last links should point; None leaves them free.
            T_world_object: `(N, 4, 4)`, or None to ignore the object.
            iterations: At most so many in one descent.
            keep_start: Start from the fingers of `joint_position`, not from the best of many postures.
            rounds: How often coal is asked at most, each but the last followed by a descent out of what it found.

        Returns:
            `(N, J)` rad or m, within the limits.
        """
        asked = np.zeros_like(tips) if directions is None else directions
        weight = np.full(tips.shape[:2], 0.0 if directions is None else _DIRECTION_WEIGHT_M)
        weight[:, ~self._model.can_point] = 0.0
        task = FingerTask(self._touchable(tips, T_world_object), asked, weight)
        last = task.with_weight(_LAST_SHARE)
        if keep_start:
            # What is near a posture of a path is watched from the beginning, so that the path stays on one side of it.
            frames = self._kinematics.joints(joint_position)
            near = self._checker.near(joint_position, frames, T_world_object, within_m=_NEAR_M)
            pairs = fixed_pairs(near, frames, np.arange(len(joint_position)))
            last = replace(last, stay=joint_position[:, self._hand])
            q = self._descend(joint_position, replace(last, pairs=pairs), iterations)
        else:
            q = self._descend(self._starts.best(joint_position, task), task, iterations)
            q = self._descend(q, last, iterations)
        return self._freed(q, last, T_world_object, min(iterations, _ITERATIONS_AFTER_COAL), rounds)

    def tips(self, joint_position: Array) -> tuple[Array, Array]:
        """Fingertips `(N, F, 3)` m and directions of the last links `(N, F, 3)`, world."""
        tip, direction = self._model.tips(self._kinematics.joints(joint_position))
        return tip.transpose(2, 1, 0), direction.transpose(2, 1, 0)

    def _touchable(self, tips: Array, T_world_object: Array | None) -> Array:
        radii, out = self._kinematics.embodiment.fingertip_radius, np.array(tips)
        for row, finger in zip(*np.nonzero(self._checker.near_point(tips, radii.max(), T_world_object)), strict=True):
            T = None if T_world_object is None else T_world_object[row]
            out[row, finger] = self._checker.pushed_out(out[row, finger], radii[finger] + CLEARANCE_M, T)
        return out

    def _freed(self, q: Array, task: FingerTask, T_world_object: Array | None, iterations: int, rounds: int) -> Array:
        """Descend again, keeping clear of what coal finds near, until nothing overlaps."""
        q, best = q.copy(), q.copy()
        least = np.full(len(q), np.inf)
        rows = np.arange(len(q))
        for _ in range(rounds):
            frames = self._kinematics.joints(q[rows])
            T = None if T_world_object is None else T_world_object[rows]
            near = self._checker.near(q[rows], frames, T, within_m=_NEAR_M)
            movable = self._model.movable(near)
            deepest = np.zeros(len(rows))
            np.maximum.at(deepest, near.row[movable], -near.distance_m[movable])
            better = deepest < least[rows]
            best[rows[better]], least[rows[better]] = q[rows[better]], deepest[better]
            left = np.flatnonzero(deepest > _TOO_DEEP_M)
            if not len(left):
                break
            pairs = fixed_pairs(near, frames, left)
            rows = rows[left]
            q[rows] = self._descend(q[rows], replace(task.rows(rows), pairs=pairs), iterations)
        return best

    def _descend(self, joint_position: Array, task: FingerTask, iterations: int) -> Array:
        """Projected Levenberg-Marquardt: joints at a limit that would go further are held."""
        everyone, rows = joint_position.copy(), np.arange(len(joint_position))
        q, model, scale = joint_position.copy(), self._model, self._model.scale
        frames = self._kinematics.joints(q)
        residual = model.residual(frames, q[:, self._hand], task)
        J = model.jacobian(frames, task)
        bend = model.curvature(frames, J, residual)
        cost = np.sum(residual**2, axis=1)
        damping = np.full(len(q), _FIRST_DAMPING)
        for count in range(iterations):
            step = (
                self._step(q[:, self._hand], residual, J, bend if count >= _PLAIN_ITERATIONS else 0.0 * bend, damping)
                * scale
            )
            moved = q.copy()
            moved[:, self._hand] = np.clip(q[:, self._hand] + step, self._lower, self._upper)
            frames = self._kinematics.joints(moved)
            new_residual = model.residual(frames, moved[:, self._hand], task)
            new_cost = np.sum(new_residual**2, axis=1)
            better = new_cost < cost
            gain = np.where(better, cost - new_cost, np.inf)
            finished = (gain < _FINISHED_SHARE * cost) | (gain < _FINISHED_M2)
            q = np.where(better[:, None], moved, q)
            cost, residual = np.where(better, new_cost, cost), np.where(better[:, None], new_residual, residual)
            J = np.where(better[:, None, None], model.jacobian(frames, task), J)
            bend = np.where(better[:, None, None], model.curvature(frames, J, residual), bend)
            damping = np.where(better, np.maximum(damping / 5.0, _LEAST_DAMPING), damping * 8.0)
            going = np.flatnonzero(~finished & (damping < _MOST_DAMPING))
            if len(going) < len(rows):
                everyone[rows] = q
                rows, q, residual, J, cost = rows[going], q[going], residual[going], J[going], cost[going]
                bend = bend[going]
                damping, task = damping[going], task.rows(going)
            if not len(rows):
                break
        everyone[rows] = q
        return everyone

    def _step(self, hand: Array, residual: Array, J: Array, bend: Array, damping: Array) -> Array:
        """`(N, H)` in units that count like a radian."""
        J_t = J.transpose(0, 2, 1)
        slope = (J_t @ residual[..., None])[..., 0]
        held = ((hand <= self._lower) & (slope < 0.0)) | ((hand >= self._upper) & (slope > 0.0))
        free = np.where(held, 0.0, 1.0)
        A = (J_t @ J + bend) * (free[:, :, None] * free[:, None, :])
        diagonal = np.arange(A.shape[1])
        A[:, diagonal, diagonal] += damping[:, None] + (1.0 - free)
        step = np.linalg.solve(A, (free * slope)[..., None])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        return np.asarray(step * np.minimum(1.0, _MAXIMUM_STEP / np.maximum(longest, 1e-12)))
