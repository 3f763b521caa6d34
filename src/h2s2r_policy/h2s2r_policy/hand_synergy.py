"""Hand synergies: a few coordinates that close the hand, instead of every finger joint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from array_api_compat import array_namespace

from h2s2r_policy.clipping import clip

Array = Any


@dataclass(frozen=True)
class HandSynergy:
    """A linear map from S coordinates to H hand joints, and the range the policy may use.

    Attributes:
        first_joint: Where the hand's joints begin in the robot's joint order; they are the last.
        mean: `(H,)` posture at coordinate zero [rad or m].
        basis: `(S, H)` joint motion per unit of each coordinate [rad or m].
        centre: `(S,)` coordinate at action 0.
        half_range: `(S,)` change of the coordinate from action 0 to action 1.
        lower: `(H,)` joint limits [rad or m].
        upper: `(H,)`.
    """

    first_joint: int
    mean: Array
    basis: Array
    centre: Array
    half_range: Array
    lower: Array
    upper: Array

    @property
    def size(self) -> int:
        """Number of synergies S."""
        return int(self.basis.shape[0])

    @cached_property
    def _inverse(self) -> Array:
        return array_namespace(self.basis).linalg.pinv(self.basis)

    def decompose(self, joint_position: Array) -> tuple[Array, Array]:
        """Coordinates `(N, S)`, inside their range, and the rest of the posture `(N, H)` [rad or m].

        `compose` of both gives the hand's posture back.
        """
        posture = joint_position[:, self.first_joint :] - self.mean
        coordinate = _combine(posture, self._inverse)
        coordinate = clip(coordinate, self.centre - self.half_range, self.centre + self.half_range)
        return coordinate, posture - _combine(coordinate, self.basis)

    def towards(self, coordinate: Array, action: Array, step: float) -> Array:
        """Coordinates `(N, S)` moved towards those of `action (N, S)` by at most `step`."""
        wanted = self.centre + self.half_range * action
        return coordinate + clip(wanted - coordinate, -step, step)

    def compose(self, joint_position: Array, coordinate: Array, residual: Array) -> Array:
        """`joint_position (N, J)` with its hand joints replaced by the synergies' posture, inside the limits."""
        xp = array_namespace(joint_position, coordinate)
        posture = self.mean + _combine(coordinate, self.basis) + residual
        return xp.concat([joint_position[:, : self.first_joint], clip(posture, self.lower, self.upper)], axis=-1)


def _combine(weights: Array, rows: Array) -> Array:
    # weights (N, A) times rows (A, B), summed in a fixed order: BLAS may round a row differently in another batch.
    total = weights[:, 0:1] * rows[0, :]
    for index in range(1, rows.shape[0]):
        total = total + weights[:, index : index + 1] * rows[index, :]
    return total
