"""Keeps a robot's collision spheres above its table: how low a motion may take them, and goals lifted out of it.

The table is the half space below its upper face, and the spheres that hold the robot's primitives
(`h2s2r_retarget.collision_spheres`) are asked; those that no joint can lower are not. A motion's joint displacements
d(t) change a sphere's height from where it is by g.d(t), with g its gradient, and an error that is bounded
(`SphereKinematics.bend`). Commands are positions at ticks, so a motion is asked at every tick while it is fast. After
that a joint stays between two places, and the mean of the heights at both less half the way times the joint's reach
is a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from h2s2r_retarget.collision_spheres import LinkSpheres
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.sphere_kinematics import SphereKinematics, SpherePlaces

Array = Any

_BETWEEN_TICKS_M = 0.0005
"""Room left for what spheres do between two ticks: the sag of 16 m/s^2 over 1/60 s, or over ticks that come early."""
_LIFTS = 4
"""Steps of `lift`; each takes the lowest sphere out to first order."""
_LARGEST_LIFT = 0.3
"""Joint motion of one of them [rad]."""


@dataclass(frozen=True)
class Motion:
    """Joint displacements from where the joints are, to their rest.

    Attributes:
        ticks: `(K, N, J)` at the next ticks [rad, or m where a joint slides].
        rest: `(N, J)` in the end; after the last of the ticks, a joint stays between there and here.
        largest: `(N, J)` not exceeded at any time, either way.
    """

    ticks: Array
    rest: Array
    largest: Array


@dataclass(frozen=True)
class Room:
    """How far spheres stay clear on a motion.

    Attributes:
        least: `(N,)` m, of the sphere with the least room; negative if it may enter.
        sphere: `(N,)` which it is.
    """

    least: Array
    sphere: Array

    def take(self, rows: Array) -> Room:
        """That of some rows."""
        return Room(self.least[rows], self.sphere[rows])


class TableClearance:
    """Answers for one embodiment and table; remembers constants only.

    Args:
        kinematics: Of the embodiment.
        spheres: On its links (`place_spheres`).
        table_height_m: Upper face of the table above the robot's base.
    """

    def __init__(self, kinematics: BatchedKinematics, spheres: Sequence[LinkSpheres], table_height_m: float) -> None:
        self.table_height_m = table_height_m
        self._unit = kinematics.embodiment.like_a_radian
        outer = [part.only_outer() for part in spheres]
        low = _can_be_lowered(SphereKinematics(kinematics, outer), kinematics)
        self._spheres = SphereKinematics(kinematics, [part for part in outer if part.link in low])

    def places(self, joint_position: Array) -> SpherePlaces:
        """Where the spheres are at `joint_position (N, J)`."""
        return self._spheres.places(joint_position)

    def clearance(self, places: SpherePlaces) -> Array:
        """`(S, N)` m: how far the spheres are above the table."""
        return places.lowest - self.table_height_m

    def near(self, places: SpherePlaces, largest: Array) -> tuple[Array, Array]:
        """Which spheres, and in which rows, joint motions of at most `largest (N, J)` could take into the table.

        Only these need to be asked about; one far away is found here, whatever the motion.
        """
        xp = array_namespace(largest)
        near = self.clearance(places) - _BETWEEN_TICKS_M < self._spheres.farthest(places, largest.T)
        return xp.nonzero(xp.any(near, axis=1))[0], xp.nonzero(xp.any(near, axis=0))[0]

    def room(self, places: SpherePlaces, motion: Motion) -> Room:
        """How far each sphere stays at least above the table, or above where it is if that is lower."""
        xp = array_namespace(motion.ticks)
        ways = xp.permute_dims(xp.concat([motion.ticks, motion.rest[None]], axis=0), (0, 2, 1))
        change = self._spheres.height_change(places, ways)
        sizes = xp.concat([xp.abs(ways[:-1, ...]), motion.largest.T[None]], axis=0)
        # The last is what comes after the last tick: halfway between there and rest, and half the way beside that.
        between = self._spheres.farthest(places, 0.5 * xp.abs(ways[-1, ...] - ways[-2, ...]))
        change[-1, ...] = 0.5 * (change[-1, ...] + change[-2, ...]) - between
        lowered = xp.min(change - self._spheres.bend(places, sizes), axis=0)
        clearance = self.clearance(places)
        room = xp.maximum(clearance - _BETWEEN_TICKS_M, xp.zeros_like(clearance)) + lowered
        return Room(xp.min(room, axis=0), xp.argmin(room, axis=0))

    def eased(self, places: SpherePlaces, room: Room, wanted: Array, braked: Array) -> Array:
        """`(N, J)` in [0, 1]: the share of the wanted way instead of braking with which the joints keep the room.

        Only joints that lower the sphere with the least room are held back, by one share, to first order.

        Args:
            places: Of the spheres.
            room: On the wanted way.
            wanted: `(N, J)` where it ends, relative to where the joints are.
            braked: `(N, J)` where braking ends.
        """
        xp = array_namespace(wanted)
        gradient = self._spheres.gradient(places, room.sphere)
        more = gradient * (wanted - braked)
        nothing = xp.zeros_like(more)
        raising = xp.sum(xp.maximum(more, nothing), axis=-1)
        lowering = -xp.sum(xp.minimum(more, nothing), axis=-1)
        # With all joints on the wanted way the room is `least`; braking gives back what the way lowers.
        share = (room.least + lowering) / xp.where(lowering > 0.0, lowering, 1.0 + raising)
        share = xp.minimum(xp.maximum(share, 0.0 * share), 0.0 * share + 1.0)
        return xp.where(more < 0.0, share[:, None] + nothing, nothing + 1.0)

    def lift(self, goal: Array, clearance_m: float) -> Array:
        """Goals `(N, J)` moved, by as little as it takes, until all spheres are this far above the table.

        In a few steps, each of which lifts the lowest sphere: a goal deep in the table may stay in it.
        """
        xp = array_namespace(goal)
        unit = xp.asarray(self._unit.copy(), dtype=goal.dtype, device=device(goal))
        goal = xp.asarray(goal, copy=True)
        rows = xp.arange(goal.shape[0], device=device(goal))
        for _ in range(_LIFTS):
            places = self.places(goal[rows, :])
            clearance = self.clearance(places)
            missing = clearance_m - xp.min(clearance, axis=0)
            (low,) = xp.nonzero(missing > 0.0)
            if not low.shape[0]:
                break
            sphere = xp.argmin(clearance, axis=0)[low]
            gradient = self._spheres.gradient(places.take(places.sphere, low), sphere) * unit
            rows = rows[low]
            # The small addend keeps the step finite where no joint can lift the sphere.
            share = missing[low] / (xp.sum(gradient * gradient, axis=-1) + 1e-6)
            step, largest = share[:, None] * gradient, 0.0 * gradient + _LARGEST_LIFT
            goal[rows, :] += unit * xp.minimum(xp.maximum(step, -largest), largest)
        return goal


def _can_be_lowered(spheres: SphereKinematics, kinematics: BatchedKinematics) -> set[str]:
    # The links that some joint lowers in some posture. The others stand or turn where the robot is mounted.
    embodiment = kinematics.embodiment
    bound = np.full(embodiment.dof, np.pi)
    lower, upper = np.maximum(embodiment.limits.lower, -bound), np.minimum(embodiment.limits.upper, bound)
    postures = np.random.default_rng(0).uniform(lower, upper, (32, embodiment.dof))
    low = np.ptp(spheres.places(postures).lowest, axis=1) > 1e-9
    return {link for link, lowered in zip(spheres.links, low, strict=True) if lowered}
