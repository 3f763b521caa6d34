"""What the policy does: palm steps and hand closure, turned into joint targets.

The palm is commanded by small steps from its last target, kept on a leash to the measured palm so that
a target cannot wind up behind an obstacle. The hand is commanded by absolute synergy coordinates
centred on a half-closed hand: exploration then grasps by accident, which deltas never do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from h2s2r_perception import geometry
from h2s2r_policy.clipping import clip
from h2s2r_policy.hand_synergy import HandSynergy
from h2s2r_policy.terms import Term
from h2s2r_retarget.differential_ik import step_twist
from h2s2r_retarget.kinematics import BatchedKinematics, HandKinematics

Array = Any


@dataclass(frozen=True)
class ActionConfiguration:
    """How far one policy step can move things."""

    palm_step_m: float = 0.02
    """Palm target motion per axis and step at action 1: 0.3 m/s at 15 Hz."""
    palm_step_rad: float = 0.1
    leash_m: float = 0.05
    """The palm target stays this close to the measured palm."""
    leash_rad: float = 0.3
    synergy_step: float = 0.25
    """Largest change of a synergy coordinate per step."""


@dataclass(frozen=True)
class ActionState:
    """What the policy has commanded so far.

    Attributes:
        T_world_palm_target: `(N, 4, 4)`.
        synergy: `(N, S)` synergy coordinates.
        hand_residual: `(N, H)` the part of the start posture that synergies cannot express [rad or m].
        arm_posture: `(N, A)` where the arm started [rad]; its spare freedom stays near it.
        joint_target: `(N, J)` joint goal for the controller [rad or m].
    """

    T_world_palm_target: Array
    synergy: Array
    hand_residual: Array
    arm_posture: Array
    joint_target: Array


def action_terms(configuration: ActionConfiguration, *, synergies: int) -> tuple[Term, ...]:
    """The terms of the action vector; each entry is in [-1, 1]."""
    return (
        Term("palm_translation", 3, "m", "world", configuration.palm_step_m),
        Term("palm_rotation", 3, "rad", "world", configuration.palm_step_rad),
        Term("hand_synergy", synergies, "1", "centre and half range of the embodiment", 1.0),
    )


class ActionSpace:
    """Turns actions into joint targets for one embodiment; remembers nothing between calls."""

    def __init__(self, configuration: ActionConfiguration, synergy: HandSynergy, kinematics: BatchedKinematics) -> None:
        self.configuration = configuration
        self._synergy = synergy
        self._kinematics = kinematics

    @property
    def terms(self) -> tuple[Term, ...]:
        """The action's terms in order."""
        return action_terms(self.configuration, synergies=self._synergy.size)

    def reset(self, joint_position: Array, T_world_palm: Array) -> ActionState:
        """The state that keeps the robot where it is: `joint_position (N, J)` with its palm `(N, 4, 4)`."""
        coordinate, residual = self._synergy.decompose(joint_position)
        arm_posture = joint_position[:, : self._kinematics.embodiment.arm_dof]
        return ActionState(T_world_palm, coordinate, residual, arm_posture, joint_position)

    def apply(self, state: ActionState, action: Array, joint_position: Array, measured: HandKinematics) -> ActionState:
        """One policy step.

        Args:
            state: What was commanded before.
            action: `(N, 6 + S)`; clipped to [-1, 1].
            joint_position: `(N, J)` measured [rad].
            measured: Kinematics of `joint_position`.
        """
        xp = array_namespace(action, joint_position)
        action = clip(xp.astype(action, joint_position.dtype), -1.0, 1.0)
        T_target, twist = self._move_palm(state.T_world_palm_target, action[:, :6], measured.T_world_palm)
        synergy = self._synergy.towards(state.synergy, action[:, 6:], self.configuration.synergy_step)
        arm_target = step_twist(self._kinematics, joint_position, measured, twist, posture=state.arm_posture)
        joint_target = self._synergy.compose(arm_target, synergy, state.hand_residual)
        return ActionState(T_target, synergy, state.hand_residual, state.arm_posture, joint_target)

    def _move_palm(self, T_world_target: Array, step: Array, T_world_palm: Array) -> tuple[Array, Array]:
        # The new target, and the world-frame twist [linear, angular] from the measured palm to it.
        xp = array_namespace(step)
        configuration = self.configuration
        R_palm = T_world_palm[:, :3, :3]
        position = T_world_target[:, :3, 3] + configuration.palm_step_m * step[:, :3]
        linear = _shorten(position - T_world_palm[:, :3, 3], configuration.leash_m)
        turn = geometry.rotation_from_vector(configuration.palm_step_rad * step[:, 3:])
        R_target = xp.matmul(turn, T_world_target[:, :3, :3])
        error = geometry.vector_from_rotation(xp.matmul(R_target, xp.matrix_transpose(R_palm)))
        angular = _shorten(error, configuration.leash_rad)
        R_new = xp.matmul(geometry.rotation_from_vector(angular), R_palm)
        T_target = geometry.pose(R_new, T_world_palm[:, :3, 3] + linear)
        return T_target, xp.concat([linear, angular], axis=-1)


def _shorten(vector: Array, longest: float) -> Array:
    # Vectors `(N, 3)` of at most this length, direction kept.
    xp = array_namespace(vector)
    length = xp.sqrt(xp.sum(vector * vector, axis=-1))[:, None]
    return vector * (longest / xp.maximum(length, longest * xp.ones_like(length)))
