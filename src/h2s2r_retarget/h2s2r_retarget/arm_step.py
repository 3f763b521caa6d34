"""The first step: postures of the arm that bring the palm to its target, the most sensible first.

Starts are the postures of a library whose palms are nearest to the target, and home. What they end in is ranked:
reaching the target and being near home, with a penalty for little manipulability; collisions are judged by the caller,
who knows the hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.solutions import PALM_TOLERANCE_M, PALM_TOLERANCE_RAD

Array = NDArray[np.float64]

LIMIT_MARGIN_RAD = 0.05
"""Kept from the arm's limits, so that a controller has somewhere to go; given up where nothing else reaches."""
_LIBRARY = 8192
_ITERATIONS = 10
"""Every second start has arrived by then; those that have not are gone on with only where none has."""
_ITERATIONS_IF_NONE = 100
_RADIAN_M = 0.3
"""A palm turned by a radian is as far off as one moved by this."""
_SINGULAR_PENALTY = 1.0
"""[rad^2]: a singular posture is as bad as one a radian from home."""
_SAME_RAD = 0.2
"""Postures nearer than this in every joint are one candidate."""
_ROWS_AT_ONCE = 2048
"""Postures whose kinematics stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class ArmCandidates:
    """K postures for each of N palm targets, the best first."""

    joint_position: Array
    """`(N, K, J)`, the hand at home."""
    reached: NDArray[np.bool_]
    """`(N, K)`: within 1 mm and 0.5 deg; false also where fewer than K different postures were found."""
    cost: Array
    """`(N, K)` rad^2: from home, and how singular; infinite where not reached."""
    nearest: Array
    """`(N, J)`: the posture that comes nearest to the target, reached or not."""
    miss_m: Array
    """`(N,)`, of `nearest`."""
    at_limit: NDArray[np.bool_]
    """`(N, A)`: which joints of `nearest` are at a limit."""

    def reordered(self, order: NDArray[np.int64]) -> ArmCandidates:
        """The same with candidates in the order `(N, K)`."""
        rows = np.arange(len(order))[:, None]
        return replace(
            self,
            joint_position=self.joint_position[rows, order],
            reached=self.reached[rows, order],
            cost=self.cost[rows, order],
        )


class ArmSolver:
    """Finds arm postures for palm targets; remembers its library, which depends on robot and seed alone.

    Args:
        kinematics: Of the robot.
        seed: Of the library.
    """

    def __init__(self, kinematics: BatchedKinematics, *, seed: int) -> None:
        self._kinematics = kinematics
        e = kinematics.embodiment
        self._margin = LIMIT_MARGIN_RAD * e.like_a_radian[: e.arm_dof]
        lower = np.maximum(e.limits.lower, -np.pi)[: e.arm_dof] + self._margin
        upper = np.minimum(e.limits.upper, np.pi)[: e.arm_dof] - self._margin
        self._library = np.random.default_rng(seed).uniform(lower, upper, (_LIBRARY, e.arm_dof))
        self._features = _features(np.asarray(kinematics.palm(self._library).T_world_palm))
        home = kinematics.palm(e.home[None])
        self._manipulability = float(_manipulability(np.asarray(home.palm_jacobian))[0])

    def candidates(self, T_world_palm: Array, *, seeds: int, count: int) -> ArmCandidates:
        """Solve every target from many starts.

        Args:
            T_world_palm: `(N, 4, 4)`.
            seeds: Starts for each target.
            count: Candidates kept for each, K.
        """
        at_once = max(1, _ROWS_AT_ONCE // seeds)
        parts = [
            self._block(T_world_palm[start : start + at_once], seeds, count)
            for start in range(0, len(T_world_palm), at_once)
        ]
        return _joined(parts)

    def _block(self, T_world_palm: Array, seeds: int, count: int) -> ArmCandidates:
        e = self._kinematics.embodiment
        q = self._starts(T_world_palm, seeds)
        miss = np.full(q.shape[:2], np.inf)
        for iterations, margin in ((_ITERATIONS, LIMIT_MARGIN_RAD), (_ITERATIONS_IF_NONE, 0.0)):
            rows = np.flatnonzero(~(miss < 1.0).any(axis=1))
            if len(rows):
                q[rows], miss[rows] = self._solved(q[rows], T_world_palm[rows], iterations, margin)
        reached = miss < 1.0
        rows = np.arange(len(q))
        closest = np.argmin(miss, axis=1)
        nearest = q[rows, closest]
        palm = self._kinematics.palm(q.reshape(-1, e.dof))
        cost = np.where(reached, self._cost(q, np.asarray(palm.palm_jacobian)), np.inf)
        kept = _different(q[..., : e.arm_dof] / e.like_a_radian[: e.arm_dof], cost, count)
        arm, limits = nearest[:, : e.arm_dof], e.limits
        edge = 0.1 * self._margin
        at_limit = (arm <= limits.lower[: e.arm_dof] + edge) | (arm >= limits.upper[: e.arm_dof] - edge)
        palms = np.asarray(self._kinematics.palm(nearest).T_world_palm)
        taken, chosen = np.maximum(kept, 0), np.where(kept >= 0, cost[rows[:, None], kept], np.inf)
        return ArmCandidates(
            joint_position=q[rows[:, None], taken],
            reached=np.isfinite(chosen),
            cost=chosen,
            nearest=nearest,
            miss_m=np.linalg.norm(palms[:, :3, 3] - T_world_palm[:, :3, 3], axis=1),
            at_limit=at_limit,
        )

    def _starts(self, T_world_palm: Array, seeds: int) -> Array:
        """`(N, S, J)`: home, and the library's postures with the nearest palms."""
        e = self._kinematics.embodiment
        starts = np.tile(e.home, (len(T_world_palm), seeds, 1))
        apart = np.sum(self._features**2, axis=1) - 2.0 * _features(T_world_palm) @ self._features.T
        nearest = np.argpartition(apart, seeds - 1, axis=1)[:, : seeds - 1]
        starts[:, 1:, : e.arm_dof] = self._library[nearest]
        return starts

    def _solved(self, starts: Array, T_world_palm: Array, iterations: int, margin_rad: float) -> tuple[Array, Array]:
        """Postures `(N, S, J)` and how far each misses `(N, S)`, 1 being just within tolerance."""
        found = solve_palm(
            self._kinematics,
            starts.reshape(-1, starts.shape[-1]),
            np.repeat(T_world_palm, starts.shape[1], axis=0),
            maximum_iterations=iterations,
            limit_margin_rad=margin_rad,
        )
        miss = np.maximum(found.position_error_m / PALM_TOLERANCE_M, found.rotation_error_rad / PALM_TOLERANCE_RAD)
        return np.asarray(found.joint_position).reshape(starts.shape), np.asarray(miss).reshape(starts.shape[:2])

    def _cost(self, q: Array, palm_jacobian: Array) -> Array:
        e = self._kinematics.embodiment
        away = (q - e.home)[..., : e.arm_dof] / e.like_a_radian[: e.arm_dof]
        ease = _manipulability(palm_jacobian).reshape(q.shape[:2]) / (0.5 * self._manipulability)
        # Half as manipulable as home is good enough.
        return np.asarray(np.sum(away**2, axis=-1) + _SINGULAR_PENALTY * np.maximum(0.0, 1.0 - ease))


def _features(T: Array) -> Array:
    """`(N, 12)` numbers whose Euclidean distance is that of poses: |R - R'| is about sqrt(2) times the angle."""
    rotation = T[:, :3, :3].reshape(-1, 9) * (_RADIAN_M / np.sqrt(2.0))
    return np.concatenate([T[:, :3, 3], rotation], axis=1)


def _manipulability(palm_jacobian: Array) -> Array:
    """Yoshikawa's measure `(N,)`: the root of det(J J^T)."""
    J = palm_jacobian
    return np.asarray(np.sqrt(np.maximum(np.linalg.det(J @ J.transpose(0, 2, 1)), 0.0)))


def _different(postures: Array, cost: Array, count: int) -> NDArray[np.int64]:
    """Indices `(N, count)` of the cheapest postures that differ from each other; -1 where there are no more."""
    left, rows = cost.copy(), np.arange(len(cost))
    kept = np.full((len(cost), count), -1)
    for k in range(count):
        best = np.argmin(left, axis=1)
        some = np.isfinite(left[rows, best])
        kept[some, k] = best[some]
        same = np.abs(postures - postures[rows, best][:, None]).max(axis=-1) < _SAME_RAD
        left[same] = np.inf
    return kept


def _joined(parts: list[ArmCandidates]) -> ArmCandidates:
    return ArmCandidates(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("joint_position", "reached", "cost", "nearest", "miss_m", "at_limit")
        )
    )
