"""What the policy sees: measured joints, hand, object and goal, as one vector.

Poses enter as anchor points and rotations as two matrix columns, so equal situations have equal
vectors: no quaternion double cover, no angle wrap-around. Nothing here is known to the simulator only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from h2s2r_policy import terms
from h2s2r_policy.terms import Term

Array = Any


@dataclass(frozen=True)
class ObservationInput:
    """The quantities the observation is made of, for N rows, J joints, F fingertips, K anchors.

    Attributes:
        joint_position: `(N, J)` measured [rad or m].
        joint_velocity: `(N, J)` measured [rad/s or m/s].
        joint_target: `(N, J)` joint goal the policy set last [rad or m].
        T_world_palm: `(N, 4, 4)` palm at the measured joints.
        fingertip_position: `(N, F, 3)` world [m], at the measured joints.
        object_anchor: `(N, K, 3)` world [m], from the observed object pose.
        previous_object_anchor: `(N, K, 3)` the same at the observation before.
        goal_anchor: `(N, K, 3)` world [m].
    """

    joint_position: Array
    joint_velocity: Array
    joint_target: Array
    T_world_palm: Array
    fingertip_position: Array
    object_anchor: Array
    previous_object_anchor: Array
    goal_anchor: Array


def observation_terms(*, joint_units: Sequence[str], fingertips: int, anchors: int) -> tuple[Term, ...]:
    """The terms in their order, for an embodiment (the unit of each joint, `rad` or `m`) and an object."""
    points, joints = 3 * anchors, len(joint_units)
    kinds = dict.fromkeys(joint_units)
    unit, per_second = " or ".join(kinds), " or ".join(f"{kind}/s" for kind in kinds)
    return (
        Term("joint_position", joints, unit, "joint", 1.0),
        Term("joint_velocity", joints, per_second, "joint", 0.2),
        Term("joint_target_error", joints, unit, "joint", 5.0),
        Term("palm_position", 3, "m", "world", 1.0),
        Term("palm_rotation", 6, "1", "world", 1.0),
        Term("fingertip_position", 3 * fingertips, "m", "world axes, from the palm", 5.0),
        Term("object_anchor", points, "m", "world axes, from the palm", 5.0),
        Term("object_anchor_change", points, "m", "world", 20.0),
        Term("goal_anchor", points, "m", "world", 1.0),
        Term("goal_difference", points, "m", "world", 5.0),
    )


@dataclass(frozen=True)
class ObservationLayout:
    """The terms of one observation vector and how long it is."""

    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """Length D of the vector."""
        return terms.total_size(self.terms)

    @property
    def slices(self) -> dict[str, slice]:
        """Where each term lies."""
        return terms.slices(self.terms)


def build_observation(layout: ObservationLayout, given: ObservationInput) -> Array:
    """The observation `(N, D)`, float32.

    `palm_rotation` is the palm's x and y axes in the world; its third follows from them.
    """
    xp = array_namespace(given.joint_position)
    rows = given.joint_position.shape[0]
    palm_position = given.T_world_palm[:, :3, 3]
    palm_point = palm_position[:, None, :]
    values = {
        "joint_position": given.joint_position,
        "joint_velocity": given.joint_velocity,
        "joint_target_error": given.joint_target - given.joint_position,
        "palm_position": palm_position,
        "palm_rotation": xp.concat([given.T_world_palm[:, :3, 0], given.T_world_palm[:, :3, 1]], axis=-1),
        "fingertip_position": given.fingertip_position - palm_point,
        "object_anchor": given.object_anchor - palm_point,
        "object_anchor_change": given.object_anchor - given.previous_object_anchor,
        "goal_anchor": given.goal_anchor,
        "goal_difference": given.goal_anchor - given.object_anchor,
    }
    parts = [term.scale * xp.reshape(values[term.name], (rows, term.size)) for term in layout.terms]
    return xp.astype(xp.concat(parts, axis=-1), xp.float32)
