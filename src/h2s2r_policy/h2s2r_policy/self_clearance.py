"""Pushes joint goals out of the robot itself: spheres of links that are not neighbours do not overlap there.

Pairs are found by themselves: not on one body or on bodies next to each other in the chain, not those that overlap in
more than a quarter of random postures (no robot is built to hit itself in a quarter of its range; shapes are fatter
than links there), and only those that come near each other in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from h2s2r_retarget.collision_spheres import LinkSpheres
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.sphere_kinematics import SphereKinematics, SpherePlaces

Array = Any

_POSTURES = 400
_FAT_SHARE = 0.25
_NEAR_M = 0.01
_STEPS = 3
"""Of `push`; each takes the deepest pair of a row apart to first order."""
_LARGEST_STEP = 0.2
"""Joint motion of one of them [rad]."""


class SelfClearance:
    """Answers for one embodiment; remembers constants only.

    Args:
        kinematics: Of the embodiment.
        spheres: On its links; points have no distance and are left out.
    """

    def __init__(self, kinematics: BatchedKinematics, spheres: Sequence[LinkSpheres]) -> None:
        self._unit = kinematics.embodiment.like_a_radian
        solid = [part.only(part.radius > 0.0) for part in spheres]
        self._spheres = SphereKinematics(kinematics, [part for part in solid if len(part.radius)])
        first, second = _pairs(self._spheres, kinematics)
        self.pairs = np.stack([first, second])
        """`(2, P)` spheres that are asked."""
        self.links = [(self._spheres.links[a], self._spheres.links[b]) for a, b in self.pairs.T]
        """Their links."""

    def distance(self, joint_position: Array) -> Array:
        """`(P, N)` m between the pairs' surfaces, negative where they overlap, at `joint_position (N, J)`."""
        return self._distance(self._spheres.places(joint_position))

    def push(self, goal: Array) -> Array:
        """Goals `(N, J)` moved, by as little as it takes, until no pair overlaps; in a few steps, so not always."""
        xp = array_namespace(goal)
        unit = xp.asarray(self._unit.copy(), dtype=goal.dtype, device=device(goal))
        goal = xp.asarray(goal, copy=True)
        rows = xp.arange(goal.shape[0], device=device(goal))
        first, second = (xp.asarray(part, device=device(goal)) for part in self.pairs)
        for _ in range(_STEPS):
            places = self._spheres.places(goal[rows, :])
            distance = self._distance(places)
            (deep,) = xp.nonzero(xp.min(distance, axis=0) < 0.0)
            if not deep.shape[0]:
                break
            pair = xp.argmin(distance, axis=0)[deep]
            places, rows = places.take(places.sphere, deep), rows[deep]
            here = xp.arange(deep.shape[0], device=device(goal))
            a, b = first[pair], second[pair]
            apart = places.centre[:, a, here] - places.centre[:, b, here]
            direction = apart / (xp.sqrt(xp.sum(apart * apart, axis=0)) + 1e-9)
            gradient = self._spheres.gradient(places, a, direction) - self._spheres.gradient(places, b, direction)
            gradient = gradient * unit
            missing = -distance[:, deep][pair, here]
            step = (missing / (xp.sum(gradient * gradient, axis=-1) + 1e-6))[:, None] * gradient
            largest = 0.0 * gradient + _LARGEST_STEP
            goal[rows, :] += unit * xp.minimum(xp.maximum(step, -largest), largest)
        return goal

    def _distance(self, places: SpherePlaces) -> Array:
        xp = array_namespace(places.centre)
        first, second = (xp.asarray(part, device=device(places.centre)) for part in self.pairs)
        radius = xp.asarray(self._spheres.radius, dtype=places.centre.dtype, device=device(places.centre))
        square = None
        for axis in range(3):
            apart = places.centre[axis][first, :] - places.centre[axis][second, :]
            square = apart * apart if square is None else square + apart * apart
        return xp.sqrt(square) - (radius[first] + radius[second])[:, None]


def _pairs(spheres: SphereKinematics, kinematics: BatchedKinematics) -> tuple[np.ndarray, np.ndarray]:
    embodiment = kinematics.embodiment
    body = [kinematics.carried(link).joints[-1] for link in spheres.links]
    before = _bodies_before(spheres, kinematics)
    first, second = np.array(
        [
            (a, b)
            for a in range(len(body))
            for b in range(a + 1, len(body))
            if body[a] != body[b] and before[body[a]] != body[b] and before[body[b]] != body[a]
        ]
    ).T
    lower, upper = np.maximum(embodiment.limits.lower, -np.pi), np.minimum(embodiment.limits.upper, np.pi)
    postures = np.random.default_rng(0).uniform(lower, upper, (_POSTURES, embodiment.dof))
    centre = np.asarray(spheres.places(postures).centre)
    apart = np.sqrt(sum((part[first] - part[second]) ** 2 for part in centre))
    distance = apart - (spheres.radius[first] + spheres.radius[second])[:, None]
    asked = (distance.min(axis=1) < _NEAR_M) & ((distance < 0.0).mean(axis=1) <= _FAT_SHARE)
    return first[asked], second[asked]


def _bodies_before(spheres: SphereKinematics, kinematics: BatchedKinematics) -> dict[int, int]:
    # For each joint that carries spheres, the nearest one up the chain that does; -1 at the end.
    chains = {kinematics.carried(link).joints for link in spheres.links}
    carrying = {chain[-1] for chain in chains}
    return {chain[-1]: next((j for j in reversed(chain[:-1]) if j in carrying), -1) for chain in chains}
