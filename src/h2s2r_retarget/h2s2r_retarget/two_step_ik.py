"""Two-step inverse kinematics: the arm brings the palm to its target, then the fingers meet the human's tips.

Many targets are solved at once, each as it would be alone. For one target, and along a path, the target may also be
moved: a robot hand is larger than the human's, and where the target would put it into the scene, it is moved along the
ways out of what it overlaps and no further than needed; the shift is reported apart from the residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_retarget.arm_step import ArmCandidates, ArmSolver
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld, NearPairs
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.finger_ik import FingerSolver
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.solutions import (
    PALM_TOLERANCE_M,
    PALM_TOLERANCE_RAD,
    PENETRATION_LIMIT_M,
    TwoStepSolutions,
    is_accepted,
    joined,
)

Array = NDArray[np.float64]

_CANDIDATES = 6
"""Arm postures tried for one target, until one is accepted."""
_COLLIDING = 1e3
_OVERLAP_COST = 100.0
"""[rad^2/m]: an arm posture that overlaps comes after all that do not; among such, a centimetre counts like a radian
from home."""
_FREE_M = 0.0002
_SHIFT_CLEARANCE_M = 0.0005
_EXACT_M, _EXACT_RAD = 1e-6, 1e-5
"""A palm this near is not moved on."""
_SHIFTS = 20
_LONGEST_SHIFT_M = 0.2
"""There is no way out that is still what the human did."""


@dataclass(frozen=True, eq=False)
class TwoStepSolution:
    """One robot posture for one human hand, and how well it fits."""

    joint_position: Array
    """`(J,)` rad or m, within the limits."""
    T_world_palm: Array
    """`(4, 4)`, reached."""
    palm_error_m: float
    """Between the palm and its (moved) target."""
    palm_error_rad: float
    target_shift: Array
    """`(3,)` m, world: how far the target was moved to get the robot out of the scene."""
    fingertip_error_m: Array
    """`(F,)`, between the robot's tips and the human's."""
    fingertip_error_rad: Array
    """`(F,)`, between the last links and the directions asked for; NaN where none was."""
    penetration_m: float
    """Deepest overlap with object, table, statics or the robot itself."""
    touching: tuple[str, ...]
    """`shape on obstacle` for what overlaps still, however little."""

    @property
    def reached(self) -> bool:
        """Whether the palm is within 1 mm and 0.5 deg of its target."""
        return self.palm_error_m <= PALM_TOLERANCE_M and self.palm_error_rad <= PALM_TOLERANCE_RAD


class TwoStepSolver:
    """Solves hand poses for one robot in one scene.

    Args:
        embodiment: The robot.
        world: The scene.
        seed: Of the random arm postures tried.
    """

    def __init__(self, embodiment: Embodiment, world: CollisionWorld, *, seed: int = 0) -> None:
        self.embodiment = embodiment
        self.kinematics = BatchedKinematics(embodiment)
        self.checker = CollisionChecker(embodiment, world)
        self._arm = ArmSolver(self.kinematics, seed=seed)
        self._fingers = FingerSolver(self.checker, self.kinematics)

    def solve_many(
        self,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        *,
        fingertip_directions: Array | None = None,
        arm_seeds: int = 64,
        finger_iterations: int = 60,
    ) -> TwoStepSolutions:
        """Find postures for many targets, none of which is moved; nothing is raised for one that cannot be met.

        Args:
            T_world_palm: `(N, 4, 4)` targets.
            fingertips: `(N, F, 3)` m, the human's tips, world.
            T_world_object: `(N, 4, 4)`; None leaves the object out.
            fingertip_directions: `(N, F, 3)` unit, where the last links should point, world; None leaves that open.
            arm_seeds: How many arm postures to start from, for each target.
            finger_iterations: At most so many iterations of the second step.
        """
        candidates = self._ranked(T_world_palm, T_world_object, arm_seeds)
        rows = np.arange(len(T_world_palm))
        best: TwoStepSolutions | None = None
        for place in range(_CANDIDATES):
            q = np.where(
                candidates.reached[rows, place, None],
                candidates.joint_position[rows, place],
                candidates.nearest[rows],
            )
            target, tips = T_world_palm[rows], fingertips[rows]
            directions = None if fingertip_directions is None else fingertip_directions[rows]
            T_object = None if T_world_object is None else T_world_object[rows]
            q = self._exact(q, target)
            q = self._fingers.solve(q, tips, directions, T_object, iterations=finger_iterations)
            found = self._measured(q, target, tips, directions, T_object, candidates.at_limit[rows])
            best = found if best is None else _bettered(best, found, rows)
            again = ~best.accepted
            if place + 1 < _CANDIDATES:
                again &= candidates.reached[:, place + 1]
            rows = np.flatnonzero(again)
            if not len(rows):
                break
        assert best is not None
        return best

    def solve(
        self,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        *,
        fingertip_directions: Array | None = None,
        arm_seeds: int = 64,
        finger_iterations: int = 60,
    ) -> TwoStepSolution:
        """Find a posture from many arm postures; one whose arm is free of collision and near home is preferred.

        Args:
            T_world_palm: `(4, 4)` target.
            fingertips: `(F, 3)` m, the human's tips, world.
            T_world_object: `(4, 4)`; None leaves the object out.
            fingertip_directions: `(F, 3)` unit, where the last links should point, world; None leaves that open.
            arm_seeds: How many arm postures to start from.
            finger_iterations: At most so many iterations of the second step.

        Raises:
            InputError: No arm posture reaches the palm target.
        """
        T_object = None if T_world_object is None else T_world_object[None]
        candidates = self._ranked(T_world_palm[None], T_object, arm_seeds)
        if not candidates.reached[0, 0]:
            raise InputError(
                "retargeting",
                "palm target",
                found=f"{np.round(T_world_palm[:3, 3], 3).tolist()} m, "
                f"which the arm misses by {candidates.miss_m[0]:.3f} m",
                expected="a hand pose within the robot's reach",
                remedy="check T_world_camera, or demonstrate nearer to the robot",
            )
        start = candidates.joint_position[0, 0]
        directions = None if fingertip_directions is None else fingertip_directions[None]
        start = self._fingers.solve(start[None], fingertips[None], directions, T_object, iterations=finger_iterations)
        return self._settle(start[0], T_world_palm, fingertips, directions, T_object, np.zeros(3), finger_iterations)

    def follow(
        self,
        previous: TwoStepSolution,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        *,
        fingertip_directions: Array | None = None,
        finger_iterations: int = 12,
    ) -> TwoStepSolution:
        """The next posture of a path: from the one before, whose target shift is mostly kept."""
        return self._settle(
            previous.joint_position,
            T_world_palm,
            fingertips,
            None if fingertip_directions is None else fingertip_directions[None],
            None if T_world_object is None else T_world_object[None],
            0.9 * previous.target_shift,
            finger_iterations,
        )

    def _ranked(self, T_world_palm: Array, T_world_object: Array | None, seeds: int) -> ArmCandidates:
        """Arm candidates; those that overlap something with arm or palm come last: fingers can get out of the way."""
        found = self._arm.candidates(T_world_palm, seeds=seeds, count=_CANDIDATES)
        rows, places = np.nonzero(found.reached)
        q = found.joint_position[rows, places]
        T = None if T_world_object is None else T_world_object[rows]
        arm = np.arange(self.embodiment.arm_dof)
        near = self.checker.near(q, self.kinematics.joints(q), T, within_m=0.0, joints=arm)
        overlap, deepest = np.zeros((2, len(q)))
        np.add.at(overlap, near.row, -near.distance_m)
        np.maximum.at(deepest, near.row, -near.distance_m)
        cost = found.cost.copy()
        cost[rows, places] += _OVERLAP_COST * overlap + _COLLIDING * (deepest > PENETRATION_LIMIT_M)
        return found.reordered(np.argsort(cost, axis=1, kind="stable"))

    def _exact(self, q: Array, T_world_palm: Array, *, posture: Array | None = None) -> Array:
        """Bring palms that are nearly there to their targets; the null space stays, or is pulled to a posture."""
        found = solve_palm(
            self.kinematics,
            q,
            T_world_palm,
            posture=q[:, : self.embodiment.arm_dof] if posture is None else posture,
            position_tolerance_m=_EXACT_M,
            rotation_tolerance_rad=_EXACT_RAD,
        )
        return np.asarray(found.joint_position)

    def _settle(
        self,
        start: Array,
        T_world_palm: Array,
        fingertips: Array,
        directions: Array | None,
        T_world_object: Array | None,
        shift: Array,
        finger_iterations: int,
    ) -> TwoStepSolution:
        q, best = start[None], None
        nowhere = np.zeros((1, self.embodiment.arm_dof), dtype=bool)
        for _ in range(_SHIFTS):
            T = T_world_palm[None].copy()
            T[0, :3, 3] += shift
            q = self._exact(q, T, posture=self.embodiment.home[: self.embodiment.arm_dof])
            q = self._fingers.solve(
                q, fingertips[None], directions, T_world_object, iterations=finger_iterations, keep_start=True
            )
            found = self._measured(q, T, fingertips[None], directions, T_world_object, nowhere)
            solution = _only(found, shift)
            if best is None or (solution.penetration_m, not solution.reached) < (best.penetration_m, not best.reached):
                best = solution
            if solution.penetration_m <= _FREE_M:
                break
            way_out = self._way_out(q, T_world_object)
            shift = shift + way_out
            if not way_out.any() or float(np.linalg.norm(shift)) > _LONGEST_SHIFT_M:
                break
        assert best is not None
        return best

    def _way_out(self, q: Array, T_world_object: Array | None) -> Array:
        """Translation `(3,)` m that frees the worst overlap with each obstacle, to first order."""
        near = self._overlaps(q, T_world_object)
        move = np.zeros(3)
        seen: set[str] = set()
        for index in np.argsort(near.distance_m):
            _, obstacle = self.checker.names(int(near.pair[index]))
            if near.first_joint[index] < 0 and obstacle not in seen:
                seen.add(obstacle)
                move += near.normal[index] * (_SHIFT_CLEARANCE_M - near.distance_m[index])
        return move

    def _overlaps(self, q: Array, T_world_object: Array | None) -> NearPairs:
        return self.checker.near(q, self.kinematics.joints(q), T_world_object, within_m=0.0)

    def _measured(
        self,
        q: Array,
        T_target: Array,
        fingertips: Array,
        directions: Array | None,
        T_world_object: Array | None,
        at_limit: NDArray[np.bool_],
    ) -> TwoStepSolutions:
        T = np.asarray(self.kinematics.palm(q).T_world_palm)
        tips, pointing = self._fingers.tips(q)
        turned = np.full(tips.shape[:2], np.nan)
        if directions is not None:
            turned = np.arccos(np.clip(np.sum(pointing * directions, axis=-1), -1.0, 1.0))
        near = self._overlaps(q, T_world_object)
        penetration, touching = self._touching(near, len(q))
        palm_error_m = np.linalg.norm(T[:, :3, 3] - T_target[:, :3, 3], axis=1)
        palm_error_rad = np.asarray(rotation_angle(T[:, :3, :3], T_target[:, :3, :3]))
        accepted = is_accepted(palm_error_m, palm_error_rad, penetration)
        return TwoStepSolutions(
            joint_position=q,
            T_world_palm=T,
            palm_error_m=palm_error_m,
            palm_error_rad=palm_error_rad,
            fingertip_error_m=np.linalg.norm(tips - fingertips, axis=-1),
            fingertip_error_rad=turned,
            penetration_m=penetration,
            touching=touching,
            accepted=accepted,
            why=tuple(
                "" if accepted[row] else self._why(palm_error_m[row], palm_error_rad[row], at_limit[row], touching[row])
                for row in range(len(q))
            ),
        )

    def _touching(self, near: NearPairs, count: int) -> tuple[Array, tuple[tuple[str, ...], ...]]:
        penetration = np.zeros(count)
        np.maximum.at(penetration, near.row, -near.distance_m)
        lists: list[list[str]] = [[] for _ in range(count)]
        for index in np.argsort(near.distance_m, kind="stable"):
            robot, obstacle = self.checker.names(int(near.pair[index]))
            lists[near.row[index]].append(f"{robot} on {obstacle}")
        return penetration, tuple(tuple(entries) for entries in lists)

    def _why(
        self, palm_error_m: float, palm_error_rad: float, at_limit: NDArray[np.bool_], touching: tuple[str, ...]
    ) -> str:
        if palm_error_m <= PALM_TOLERANCE_M and palm_error_rad <= PALM_TOLERANCE_RAD:
            return f"blocked: {', '.join(touching)}"
        stuck = [name for name, held in zip(self.embodiment.arm_joint_names, at_limit, strict=True) if held]
        limits = f"; at a limit: {', '.join(stuck)}" if stuck else ""
        return f"out of reach: palm {palm_error_m * 1e3:.1f} mm and {np.degrees(palm_error_rad):.1f} deg off{limits}"


def _bettered(best: TwoStepSolutions, found: TwoStepSolutions, rows: NDArray[np.int64]) -> TwoStepSolutions:
    """`best` with those of `rows` replaced that `found` overlaps less with."""
    reached = is_accepted(found.palm_error_m, found.palm_error_rad, np.zeros(len(rows)))
    better = reached & (found.penetration_m < best.penetration_m[rows])
    return joined(best, found, rows[better], np.flatnonzero(better))


def _only(found: TwoStepSolutions, shift: Array) -> TwoStepSolution:
    return TwoStepSolution(
        joint_position=found.joint_position[0],
        T_world_palm=found.T_world_palm[0],
        palm_error_m=float(found.palm_error_m[0]),
        palm_error_rad=float(found.palm_error_rad[0]),
        target_shift=shift.copy(),
        fingertip_error_m=found.fingertip_error_m[0],
        fingertip_error_rad=found.fingertip_error_rad[0],
        penetration_m=float(found.penetration_m[0]),
        touching=found.touching[0],
    )
