"""One step of the robot's posture towards a hand: the arm, then the fingers, and never into the scene.

The two steps of `two_step_ik`, one iteration of each, from the posture before. What is left of the way is gone
in the next frame. Where arm or palm come close to the scene, the palm's target is moved out of it, and stays moved
as long as that is near; where a step would end in the scene all the same, only so much of it is taken as does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.collision import CollisionChecker, CollisionWorld, Contact
from h2s2r_retarget.differential_ik import step_palm
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.finger_ik import FingerSolver
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PostureConfiguration:
    """How far a step goes, and how near to the scene."""

    palm_iterations: int = 1
    finger_iterations: int = 1
    finger_rounds: int = 1
    """How often fingers are looked at for what they touch after having kept clear of what was near. A longer search has
    no place between two hands; what it would not finish, the next hand does, and `penetration_m` stops."""
    velocity_share: float = 0.8
    """Of the joints' velocity limits."""
    clearance_m: float = 0.003
    """Between arm or palm and the scene; nearer, the palm's target is moved away."""
    look_ahead_m: float = 0.03
    """A palm with twice the clearance goes back towards where it belongs, by half of what there is beyond that; so far
    is looked."""
    penetration_m: float = 0.002
    """No step ends deeper in the scene than this, unless it began there."""


class LivePosture:
    """Steps one robot through one scene; remembers by how much the palm's target is moved out of it.

    Args:
        embodiment: The robot.
        world: The scene; its object is left out, because the hand is there to touch it.
        configuration: See there.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        world: CollisionWorld,
        configuration: PostureConfiguration = PostureConfiguration(),
    ) -> None:
        self.embodiment = embodiment
        self.kinematics = BatchedKinematics(embodiment)
        self._configuration = configuration
        self._checker = CollisionChecker(embodiment, world)
        self._fingers = FingerSolver(self._checker, self.kinematics)
        self._last_arm_joint = int(self._checker.model.getJointId(embodiment.arm_joint_names[-1]))
        self._shift = np.zeros(3)

    def reset(self) -> None:
        """Forget how far the target was moved."""
        self._shift = np.zeros(3)

    def palm(self, joint_position: Array) -> Array:
        """`T_world_palm (4, 4)` of `(J,)` rad."""
        return np.asarray(self.kinematics.palm(joint_position[None]).T_world_palm[0])

    def fingertips(self, joint_position: Array) -> Array:
        """`(F, 3)` m, world, of `(J,)` rad."""
        return np.asarray(self.kinematics.forward(joint_position[None]).fingertip_position[0])

    def step(self, joint_position: Array, T_world_palm: Array, fingertips: Array, dt_s: float) -> Array:
        """The next posture.

        Args:
            joint_position: `(J,)` rad, the posture before.
            T_world_palm: `(4, 4)`, where the palm belongs.
            fingertips: `(F, 3)` m, world, where the fingertips belong.
            dt_s: Time for the step: no joint moves faster than its share of the velocity limit.

        Returns:
            `(J,)` rad, within the limits.
        """
        configuration, arm_dof = self._configuration, self.embodiment.arm_dof
        T = T_world_palm.copy()
        T[:3, 3] += self._shift
        moved = step_palm(self.kinematics, joint_position[None], T[None], iterations=configuration.palm_iterations)
        largest = configuration.velocity_share * self.embodiment.limits.velocity * dt_s
        moved = np.asarray(moved)[0]
        # The arm's step is shortened as a whole, which keeps the palm's direction; fingers are on their own.
        arm_step = moved[:arm_dof] - joint_position[:arm_dof]
        moved[:arm_dof] = joint_position[:arm_dof] + arm_step / max(1.0, np.max(np.abs(arm_step) / largest[:arm_dof]))
        moved = self._fingers.solve(
            moved[None],
            fingertips[None],
            None,
            None,
            iterations=configuration.finger_iterations,
            keep_start=True,
            rounds=configuration.finger_rounds,
        )[0]
        moved[arm_dof:] = np.clip(moved[arm_dof:] - joint_position[arm_dof:], -largest[arm_dof:], largest[arm_dof:])
        moved[arm_dof:] += joint_position[arm_dof:]
        contacts = self._checker.contacts(moved, None, within_m=configuration.look_ahead_m)
        self._move_target(contacts)
        return self._kept_out(joint_position, moved, _depth(contacts))

    def _move_target(self, contacts: list[Contact]) -> None:
        configuration = self._configuration
        push, room_m, seen = np.zeros(3), configuration.look_ahead_m, set[str]()
        for contact in contacts:  # the nearest first
            # Fingers touch things and look after themselves; only what they could not, the palm must do for them.
            is_finger = contact.joint > self._last_arm_joint
            kept_m = -0.75 * configuration.penetration_m if is_finger else configuration.clearance_m
            missing_m = kept_m - contact.distance_m
            if missing_m > 0.0 and contact.obstacle not in seen:
                seen.add(contact.obstacle)
                push += missing_m * contact.normal
            if not is_finger:
                room_m = min(room_m, contact.distance_m)
        release_m = 0.0 if seen else max(0.0, 0.5 * (room_m - 2.0 * configuration.clearance_m))
        length_m = float(np.linalg.norm(self._shift))
        self._shift = push + self._shift * max(0.0, 1.0 - release_m / max(length_m, 1e-9))

    def _kept_out(self, before: Array, after: Array, depth_m: float) -> Array:
        allowed_m = self._configuration.penetration_m
        if depth_m <= allowed_m:
            return after
        allowed_m = max(allowed_m, self._checker.penetration(before, None))
        if depth_m <= allowed_m:
            return after
        for share in (0.5, 0.25):
            between = before + share * (after - before)
            if self._checker.penetration(between, None) <= allowed_m:
                return between
        return before


def _depth(contacts: list[Contact]) -> float:
    """Deepest overlap [m]; 0 for none."""
    return max(0.0, -contacts[0].distance_m) if contacts else 0.0
