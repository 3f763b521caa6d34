"""Which shapes of a robot are asked whether they touch each other: a rule, computed from the robot.

All pairs but these:
- on one body, or on neighbouring bodies: one is the nearest shape-carrying body up the chain from the other;
- overlapping in more than a quarter of random postures. No robot is built to hit itself in a quarter of its range:
  what overlaps there is the primitives, which are fatter than the links they stand for.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from h2s2r_retarget.embodiment import Embodiment

_POSTURES = 96
_FAT_SHARE = 0.25


def self_pairs(
    pinocchio: Any, model: Any, geometry: Any, embodiment: Embodiment, q_index: Any
) -> list[tuple[int, int]]:
    """Pairs of indices into `geometry.geometryObjects`, the first the nearer to the base.

    Args:
        pinocchio: The module.
        model: Its model of the robot.
        geometry: Its shapes of the robot alone, without pairs; they are left as they were.
        embodiment: The robot; its limits bound the random postures.
        q_index: pinocchio's position of each of its joints.
    """
    bodies = [int(shape.parentJoint) for shape in geometry.geometryObjects]
    carrying = set(bodies)
    before = {body: _carrying_parent(model, body, carrying) for body in carrying if body}
    candidates = [
        (a, b) if bodies[a] <= bodies[b] else (b, a)
        for a, b in combinations(range(len(bodies)), 2)
        if bodies[a] != bodies[b] and before.get(bodies[a]) != bodies[b] and before.get(bodies[b]) != bodies[a]
    ]
    asked = geometry.copy()
    for a, b in candidates:
        asked.addCollisionPair(pinocchio.CollisionPair(a, b))
    data, asked_data = model.createData(), asked.createData()
    random, limits = np.random.default_rng(0), embodiment.limits
    lower, upper = np.maximum(limits.lower, -np.pi), np.minimum(limits.upper, np.pi)
    overlaps = np.zeros(len(candidates))
    for posture in random.uniform(lower, upper, (_POSTURES, embodiment.dof)):
        q = np.zeros(model.nq)
        q[q_index] = posture
        pinocchio.computeDistances(model, data, asked, asked_data, q)
        overlaps += [result.min_distance < 0.0 for result in asked_data.distanceResults]
    return [pair for pair, count in zip(candidates, overlaps, strict=True) if count <= _FAT_SHARE * _POSTURES]


def _carrying_parent(model: Any, body: int, carrying: set[int]) -> int:
    """The nearest body up the chain that carries a shape; 0, the world, at the end."""
    body = int(model.parents[body])
    while body and body not in carrying:
        body = int(model.parents[body])
    return body
