"""Two-step inverse kinematics: the arm brings the palm to its target, then the fingers meet the human's tips.

A robot hand is larger than the human's: where the target would put it into the scene, the target is moved, along
the ways out of what it overlaps and no further than needed, and the shift is reported apart from the residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld, Contact
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.finger_ik import FingerSolver
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.solutions import PALM_TOLERANCE_M, PALM_TOLERANCE_RAD, TwoStepSolutions, is_accepted

Array = NDArray[np.float64]

_FREE_M = 0.0002
_SHIFT_CLEARANCE_M = 0.0005


@dataclass(frozen=True, eq=False)
class TwoStepSolution:
    """One robot posture for one human hand, and how well it fits."""

    joint_position: Array
    """`(J,)` rad, within the limits."""
    T_world_palm: Array
    """`(4, 4)`, reached."""
    palm_error_m: float
    """Between the palm and its (moved) target."""
    palm_error_rad: float
    target_shift: Array
    """`(3,)` m, world: how far the target was moved to get the robot out of the scene."""
    fingertip_error_m: Array
    """`(F,)`, between the robot's tips and the human's."""
    penetration_m: float
    """Deepest overlap with object, table or statics."""
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
        self._fingers = FingerSolver(self.checker)
        self._random = np.random.default_rng(seed)

    def solve(
        self,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        *,
        arm_seeds: int = 64,
        finger_iterations: int = 60,
    ) -> TwoStepSolution:
        """Find a posture from many arm postures; one whose arm is free of collision and near home is preferred.

        Args:
            T_world_palm: `(4, 4)` target.
            fingertips: `(F, 3)` m, the human's tips, world.
            T_world_object: `(4, 4)`; None leaves the object out.
            arm_seeds: How many arm postures to start from.
            finger_iterations: Iterations of the second step.

        Raises:
            InputError: No arm posture reaches the palm target.
        """
        start = self._choose_arm(T_world_palm, T_world_object, arm_seeds)
        return self._settle(start, T_world_palm, fingertips, T_world_object, np.zeros(3), finger_iterations)

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
        rows = []
        for row, (T, tips) in enumerate(zip(T_world_palm, fingertips, strict=True)):
            T_object = None if T_world_object is None else T_world_object[row]
            try:
                start, why = self._choose_arm(T, T_object, arm_seeds), ""
            except InputError as error:
                start, why = self.embodiment.home, error.found
            q = self._fingers.solve(start, tips, T_object, iterations=finger_iterations)
            contacts = self.checker.contacts(q, T_object) + self.checker.self_contacts(q)
            contacts.sort(key=lambda contact: contact.distance_m)
            rows.append((self._measured(q, T, np.zeros(3), tips, contacts), why))
        found = [row for row, _ in rows]
        palm_error_m = np.array([row.palm_error_m for row in found])
        palm_error_rad = np.array([row.palm_error_rad for row in found])
        penetration_m = np.array([row.penetration_m for row in found])
        accepted = is_accepted(palm_error_m, palm_error_rad, penetration_m)
        return TwoStepSolutions(
            joint_position=np.stack([row.joint_position for row in found]),
            T_world_palm=np.stack([row.T_world_palm for row in found]),
            palm_error_m=palm_error_m,
            palm_error_rad=palm_error_rad,
            fingertip_error_m=np.stack([row.fingertip_error_m for row in found]),
            fingertip_error_rad=np.full(fingertips.shape[:2], np.nan),
            penetration_m=penetration_m,
            touching=tuple(row.touching for row in found),
            accepted=accepted,
            why=tuple(
                "" if ok else why or ", ".join(row.touching) for ok, (row, why) in zip(accepted, rows, strict=True)
            ),
        )

    def follow(
        self,
        previous: TwoStepSolution,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        *,
        finger_iterations: int = 12,
    ) -> TwoStepSolution:
        """The next posture of a path: from the one before, whose target shift is mostly kept."""
        shift = 0.9 * previous.target_shift
        return self._settle(previous.joint_position, T_world_palm, fingertips, T_world_object, shift, finger_iterations)

    def _choose_arm(self, T_world_palm: Array, T_world_object: Array | None, arm_seeds: int) -> Array:
        e, limits = self.embodiment, self.embodiment.limits
        starts = np.tile(e.home, (arm_seeds, 1))
        noise = self._random.normal(0.0, 0.5, (arm_seeds - 1, e.arm_dof))
        starts[1:, : e.arm_dof] += noise
        starts = np.clip(starts, limits.lower, limits.upper)
        targets = np.broadcast_to(T_world_palm, (arm_seeds, 4, 4)).copy()
        found = solve_palm(self.kinematics, starts, targets)
        reached = (found.position_error_m < PALM_TOLERANCE_M) & (found.rotation_error_rad < PALM_TOLERANCE_RAD)
        if not reached.any():
            best = found.position_error_m.min()
            raise InputError(
                "retargeting",
                "palm target",
                found=f"{np.round(T_world_palm[:3, 3], 3).tolist()} m, which the arm misses by {best:.3f} m",
                expected="a hand pose within the robot's reach",
                remedy="check T_world_camera, or demonstrate nearer to the robot",
            )
        candidates = found.joint_position[reached]
        cost = np.sum((candidates - e.home)[:, : e.arm_dof] ** 2, axis=1)
        # An overlap of a centimetre counts like a radian from home; fingers can still get out of the way.
        ordered = candidates[np.argsort(cost)][:12]
        overlap = [sum(-c.distance_m for c in self._arm_contacts(q, T_world_object)) for q in ordered]
        total = np.sort(cost)[:12] + 100.0 * np.array(overlap)
        return np.asarray(ordered[int(np.argmin(total))])

    def _arm_contacts(self, joint_position: Array, T_world_object: Array | None) -> list[Contact]:
        last = self.checker.model.getJointId(self.embodiment.arm_joint_names[-1])
        contacts = self.checker.contacts(joint_position, T_world_object)
        return [contact for contact in contacts if contact.joint <= last]

    def _settle(
        self,
        start: Array,
        T_world_palm: Array,
        fingertips: Array,
        T_world_object: Array | None,
        shift: Array,
        finger_iterations: int,
    ) -> TwoStepSolution:
        q, best = start, None
        for _ in range(20):
            T = T_world_palm.copy()
            T[:3, 3] += shift
            q = solve_palm(self.kinematics, q[None], T[None]).joint_position[0]
            q = self._fingers.solve(q, fingertips, T_world_object, iterations=finger_iterations)
            contacts = self.checker.contacts(q, T_world_object)
            solution = self._measured(q, T, shift, fingertips, contacts)
            if best is None or (solution.penetration_m, not solution.reached) < (best.penetration_m, not best.reached):
                best = solution
            if solution.penetration_m <= _FREE_M:
                break
            shift = shift + _way_out(contacts)
        assert best is not None
        return best

    def _measured(
        self, q: Array, T_target: Array, shift: Array, fingertips: Array, contacts: list[Contact]
    ) -> TwoStepSolution:
        tips = self._fingers.fingertips(q)
        data, model = self.checker.data, self.checker.model
        T = np.asarray(data.oMf[model.getFrameId(self.embodiment.palm_frame)].homogeneous)
        return TwoStepSolution(
            joint_position=q,
            T_world_palm=T.copy(),
            palm_error_m=float(np.linalg.norm(T[:3, 3] - T_target[:3, 3])),
            palm_error_rad=float(rotation_angle(T[:3, :3], T_target[:3, :3])),
            target_shift=shift.copy(),
            fingertip_error_m=np.linalg.norm(tips - fingertips, axis=1),
            penetration_m=-contacts[0].distance_m if contacts else 0.0,
            touching=tuple(f"{contact.robot} on {contact.obstacle}" for contact in contacts),
        )


def _way_out(contacts: list[Contact]) -> Array:
    """Translation `(3,)` m that frees the worst overlap with each obstacle, to first order."""
    move = np.zeros(3)
    seen: set[str] = set()
    for contact in contacts:
        if contact.obstacle not in seen:
            seen.add(contact.obstacle)
            move += contact.normal * (_SHIFT_CLEARANCE_M - contact.distance_m)
    return move
