"""Measured state in, observation out; action in, joint target out: the policy's whole border with the world.

The simulator uses it with N environments and the policy node with one robot. There is no second place
where an observation is built, so both are equal to the bit.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from h2s2r_policy.action import ActionSpace, ActionState
from h2s2r_policy.anchors import anchor_positions
from h2s2r_policy.observation import ObservationInput, ObservationLayout, build_observation
from h2s2r_retarget.kinematics import BatchedKinematics, HandKinematics

Array = Any


@dataclass(frozen=True)
class Measurement:
    """What is measured at one policy step, for N rows.

    Attributes:
        joint_position: `(N, J)` [rad, or m where a joint slides], joints in the embodiment's order.
        joint_velocity: `(N, J)` [rad/s].
        T_world_object: `(N, 4, 4)` as the tracker (or its noise model) sees it.
        T_world_goal: `(N, 4, 4)`.
    """

    joint_position: Array
    joint_velocity: Array
    T_world_object: Array
    T_world_goal: Array


class PolicyRunner:
    """Remembers, per row: what was commanded last, and the object as observed last.

    Call `reset`, then in turn `observe` and `act`, each once per policy step.

    Args:
        kinematics: Forward kinematics of the embodiment.
        actions: Action space of the embodiment.
        layout: Of the observation.
        object_anchors: `(K, 3)` [m], from `anchors.object_anchors`.
    """

    def __init__(
        self, kinematics: BatchedKinematics, actions: ActionSpace, layout: ObservationLayout, object_anchors: Array
    ) -> None:
        self.actions = actions
        self.layout = layout
        self.anchors = object_anchors
        self._kinematics = kinematics
        self._commanded: ActionState | None = None
        self._object_anchor: Array | None = None
        self._observed: tuple[Array, HandKinematics] | None = None

    @property
    def commanded(self) -> ActionState:
        """What was commanded last; `commanded.joint_target` is the controller's goal."""
        if self._commanded is None:
            raise RuntimeError("reset() must come first")
        return self._commanded

    @property
    def kinematics(self) -> HandKinematics:
        """Of the joints observed last."""
        if self._observed is None:
            raise RuntimeError("observe() must come first")
        return self._observed[1]

    @property
    def memory(self) -> tuple[Any, ...]:
        """All that is remembered, for checkpoints; its arrays are never changed in place."""
        return (self._commanded, self._object_anchor, self._observed)

    @memory.setter
    def memory(self, remembered: tuple[Any, ...]) -> None:
        self._commanded, self._object_anchor, self._observed = remembered

    def reset(self, joint_position: Array, T_world_object: Array, rows: Array | None = None) -> None:
        """Start episodes: the command is where the robot is, the object has not moved.

        Args:
            joint_position: `(N, J)` measured [rad].
            T_world_object: `(N, 4, 4)` observed.
            rows: `(N,)` true where an episode starts; all when left out, as the first call must.
        """
        xp = array_namespace(joint_position)
        if self._commanded is not None and rows is not None:
            # Kinematics of a few rows costs less than of all.
            (chosen,) = xp.nonzero(rows)
            joint_position, T_world_object = joint_position[chosen, ...], T_world_object[chosen, ...]
        commanded = self.actions.reset(joint_position, self._kinematics.palm(joint_position).T_world_palm)
        object_anchor = anchor_positions(T_world_object, self.anchors)
        if self._commanded is not None and rows is not None:
            merged = {
                field.name: _replaced(getattr(self._commanded, field.name), chosen, getattr(commanded, field.name))
                for field in dataclasses.fields(ActionState)
            }
            commanded, object_anchor = ActionState(**merged), _replaced(self._object_anchor, chosen, object_anchor)
        self._commanded, self._object_anchor = commanded, object_anchor

    def observe(self, measurement: Measurement) -> Array:
        """The observation `(N, D)`, float32, always a fresh array."""
        kinematics = self._kinematics.forward(measurement.joint_position)
        object_anchor = anchor_positions(measurement.T_world_object, self.anchors)
        observation = build_observation(
            self.layout,
            ObservationInput(
                joint_position=measurement.joint_position,
                joint_velocity=measurement.joint_velocity,
                joint_target=self.commanded.joint_target,
                T_world_palm=kinematics.T_world_palm,
                fingertip_position=kinematics.fingertip_position,
                object_anchor=object_anchor,
                previous_object_anchor=self._object_anchor,
                goal_anchor=anchor_positions(measurement.T_world_goal, self.anchors),
            ),
        )
        self._object_anchor = object_anchor
        self._observed = (measurement.joint_position, kinematics)
        return observation

    def act(self, action: Array) -> Array:
        """The joint target `(N, J)` [rad] of `action (N, A)`, from the joints observed last."""
        if self._observed is None:
            raise RuntimeError("observe() must come first")
        joint_position, kinematics = self._observed
        self._commanded = self.actions.apply(self.commanded, action, joint_position, kinematics)
        return self._commanded.joint_target


def _replaced(old: Array, chosen: Array, new: Array) -> Array:
    # A copy: what was handed out before must not change under its reader.
    merged = array_namespace(old).asarray(old, copy=True)
    merged[chosen, ...] = new
    return merged
