"""Proposes where the arm rests: before the base, fingers forward and down, far from every limit and from itself."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.self_collision import SelfCollision

FloatArray = NDArray[np.float64]

_SEEDS = 24
_FORWARD = (0.50, 0.60)
_UP = (0.35, 0.45)
"""Places of the palm, in lengths of the arm from the base."""
_TRIED = 20


def choose_home(embodiment: Embodiment, *, seed: int = 0) -> tuple[FloatArray, str]:
    """A posture `(J,)` rad or m whose hand is that of `embodiment.home`, and what is to be said about it.

    Many arm postures are tried for a few places of the palm; the one farthest from the limits, in shares of their
    range, that is free of self-collision is taken.
    """
    kinematics, limits, arm = BatchedKinematics(embodiment), embodiment.limits, embodiment.arm_dof
    random = np.random.default_rng(seed)
    lower, upper = limits.lower[:arm], limits.upper[:arm]
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    targets = _targets(kinematics, middle + half * random.uniform(-1.0, 1.0, (500, arm)))
    starts = np.tile(embodiment.home, (_SEEDS * len(targets), 1))
    starts[:, :arm] = middle + half * random.uniform(-0.5, 0.5, (len(starts), arm))
    found = solve_palm(kinematics, starts, np.repeat(targets, _SEEDS, axis=0))
    reached = (found.position_error_m < 0.01) & (found.rotation_error_rad < 0.05)
    candidates = found.joint_position[reached]
    if not len(candidates):
        return embodiment.home, "the middle of every arm joint's range: no posture before the base was found"
    share = np.abs((candidates[:, :arm] - middle) / half).max(axis=1)
    checker = SelfCollision(embodiment)
    usual = checker.usual(random.uniform(limits.lower, limits.upper, (_TRIED, embodiment.dof)))
    ordered = np.round(candidates[np.argsort(share)][:_TRIED], 3)
    for posture in ordered:
        if {overlap.links for overlap in checker.overlaps(posture)} <= usual:
            return posture, "before the base, fingers forward and down, palm to the left (+y)"
    return ordered[0], "before the base, fingers forward and down; links overlap in it: choose another"


def _targets(kinematics: BatchedKinematics, postures: FloatArray) -> FloatArray:
    """Palm poses `(K, 4, 4)`: z forward and 45 deg down, x to the left, y (the thumb) up."""
    reach = float(np.linalg.norm(kinematics.palm(postures).T_world_palm[:, :3, 3], axis=1).max())
    s = np.sqrt(0.5)
    targets = []
    for forward, up in itertools.product(_FORWARD, _UP):
        T = np.eye(4)
        T[:3, :3] = [[0.0, s, s], [1.0, 0.0, 0.0], [0.0, s, -s]]
        T[:3, 3] = forward * reach, 0.0, up * reach
        targets.append(T)
    return np.stack(targets)
