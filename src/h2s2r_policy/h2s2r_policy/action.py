"""What the policy does: palm steps and hand closure, turned into joint targets.

The palm is commanded by small steps from its last target, kept on a leash to the measured palm so that
a target cannot wind up behind an obstacle. The hand is commanded by absolute synergy coordinates
centred on a half-closed hand: exploration then grasps by accident, which deltas never do.

Two other ways are options: the palm as a place in the workspace, which its target approaches by the same steps, and
every joint of the hand by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from array_api_compat import array_namespace, device

from h2s2r_perception import geometry
from h2s2r_policy.clipping import clip
from h2s2r_policy.hand_synergy import HandSynergy
from h2s2r_policy.terms import Term
from h2s2r_retarget.differential_ik import step_twist
from h2s2r_retarget.kinematics import BatchedKinematics, HandKinematics

Array = Any


@dataclass(frozen=True)
class ActionConfiguration:
    """What an action means, and how far one policy step can move things."""

    palm: Literal["delta", "absolute"] = "delta"
    """By steps, or as a target in the box below; the former learns three times as fast."""
    hand: Literal["synergy", "joints"] = "synergy"
    palm_step_m: float = 0.02
    """Palm target motion per axis and step at action 1: 0.3 m/s at 15 Hz."""
    palm_step_rad: float = 0.1
    leash_m: float = 0.05
    """The palm target stays this close to the measured palm."""
    leash_rad: float = 0.3
    synergy_step: float = 0.25
    """Largest change of a synergy coordinate, or of a joint [rad or m], per step."""
    palm_lower_m: tuple[float, float, float] = (0.0, -0.7, 0.0)
    """Where an absolute palm target is at action -1, world frame: the published system's box."""
    palm_upper_m: tuple[float, float, float] = (1.0, 0.7, 1.0)
    palm_turn_rad: float = 3.141592653589793
    """Turn of an absolute palm target about each axis at action 1, from the palm at the home posture."""


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
    """The terms of the action vector; each entry is in [-1, 1]. `synergies`, or joints, are those of the hand."""
    palm = (
        Term("palm_translation", 3, "m", "world", configuration.palm_step_m),
        Term("palm_rotation", 3, "rad", "world", configuration.palm_step_rad),
    )
    if configuration.palm == "absolute":
        palm = (
            Term("palm_position", 3, "1", "world, from the lower to the upper corner", 1.0),
            Term("palm_turn", 3, "rad", "world, from the palm at home", configuration.palm_turn_rad),
        )
    hand = Term("hand_synergy", synergies, "1", "centre and half range of the embodiment", 1.0)
    if configuration.hand == "joints":
        hand = Term("hand_joints", synergies, "1", "from the lower to the upper limit", 1.0)
    return (*palm, hand)


class ActionSpace:
    """Turns actions into joint targets for one embodiment; remembers nothing between calls.

    Args:
        configuration: What actions mean.
        synergy: Of the hand; where actions are its joints, one for each joint (`interface.hand_synergy`).
        kinematics: Of the embodiment.
    """

    def __init__(self, configuration: ActionConfiguration, synergy: HandSynergy, kinematics: BatchedKinematics) -> None:
        self.configuration = configuration
        self._synergy = synergy
        self._kinematics = kinematics
        self._R_world_home = kinematics.palm(kinematics.embodiment.home[None].copy()).T_world_palm[0, :3, :3]

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
        step = action[:, :6]
        if self.configuration.palm == "absolute":
            step = self._step_towards(state.T_world_palm_target, step)
        T_target, twist = self._move_palm(state.T_world_palm_target, step, measured.T_world_palm)
        synergy = self._synergy.towards(state.synergy, action[:, 6:], self.configuration.synergy_step)
        arm_target = step_twist(self._kinematics, joint_position, measured, twist, posture=state.arm_posture)
        joint_target = self._synergy.compose(arm_target, synergy, state.hand_residual)
        return ActionState(T_target, synergy, state.hand_residual, state.arm_posture, joint_target)

    def _step_towards(self, T_world_target: Array, place: Array) -> Array:
        # The step `(N, 6)`, in steps of the configuration, towards an absolute target; the last one is shorter.
        xp = array_namespace(place)
        configuration = self.configuration

        def to(values: Any) -> Array:
            return xp.asarray(values, dtype=place.dtype, device=device(place))

        lower, upper = to(configuration.palm_lower_m), to(configuration.palm_upper_m)
        position = lower + 0.5 * (place[:, :3] + 1.0) * (upper - lower)
        turn = geometry.rotation_from_vector(configuration.palm_turn_rad * place[:, 3:])
        R_wanted = xp.matmul(turn, to(self._R_world_home))
        rotation = geometry.vector_from_rotation(xp.matmul(R_wanted, xp.matrix_transpose(T_world_target[:, :3, :3])))
        linear = clip((position - T_world_target[:, :3, 3]) / configuration.palm_step_m, -1.0, 1.0)
        return xp.concat([linear, _shorten(rotation / configuration.palm_step_rad, 1.0)], axis=-1)

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
