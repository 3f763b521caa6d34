"""Proposes where the arm rests: before the base, fingers forward and down, far from every limit and from itself."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.differential_ik import solve_palm
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

FloatArray = NDArray[np.float64]

_SEEDS = 16
_FORWARD = (0.35, 0.45, 0.55)
_UP = (0.25, 0.35, 0.45)
"""Places of the palm, in lengths of the arm from the base."""
_TRIED = 20
_FAR_FROM_LIMITS = 0.9
"""Of the half range: nearer to a limit no arm rests."""


def choose_home(embodiment: Embodiment, *, seed: int = 0) -> tuple[FloatArray, str]:
    """A posture `(J,)` rad or m whose hand is that of `embodiment.home`, and what is to be said about it.

    Many arm postures are tried for a few places of the palm; the one farthest from the limits, in shares of their
    range, that is free of self-collision is taken.
    """
    kinematics, limits, arm = BatchedKinematics(embodiment), embodiment.limits, embodiment.arm_dof
    random = np.random.default_rng(seed)
    lower, upper = limits.lower[:arm], limits.upper[:arm]
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    samples = kinematics.palm(middle + half * random.uniform(-1.0, 1.0, (500, arm))).T_world_palm
    reach = float(np.linalg.norm(samples[:, :3, 3], axis=1).max())
    for looking, R in _orientations():
        targets = np.repeat(_targets(reach, R), _SEEDS, axis=0)
        starts = np.tile(embodiment.home, (len(targets), 1))
        starts[:, :arm] = middle + half * random.uniform(-0.5, 0.5, (len(starts), arm))
        found = solve_palm(kinematics, starts, targets)
        reached = (found.position_error_m < 0.01) & (found.rotation_error_rad < 0.05)
        candidates = found.joint_position[reached]
        share = np.abs((candidates[:, :arm] - middle) / half).max(axis=1)
        ordered = np.round(candidates[np.argsort(share)], 3)[:_TRIED]
        checker = CollisionChecker(embodiment, CollisionWorld())
        for posture in ordered[np.sort(share)[:_TRIED] < _FAR_FROM_LIMITS]:
            if not checker.self_contacts(posture):
                return posture, f"before the base, fingers forward and down, palm {looking}"
    return embodiment.home, "LOOK: the middle of every arm joint's range: no free posture before the base was found"


def _orientations() -> list[tuple[str, FloatArray]]:
    """Of the palm `(3, 3)`: z forward and 45 deg down, x to the left (the thumb up) or turned about z to look down."""
    s = np.sqrt(0.5)
    left = np.array([[0.0, s, s], [1.0, 0.0, 0.0], [0.0, s, -s]])
    orientations = []
    for looking, angle in (("to the left (+y)", 0.0), ("to the left and down", -np.pi / 4), ("down", -np.pi / 2)):
        about_z = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
        orientations.append((looking, left @ about_z))
    return orientations


def _targets(reach: float, R: FloatArray) -> FloatArray:
    """Palm poses `(K, 4, 4)` before an arm of this length [m]."""
    targets = []
    for forward, up in itertools.product(_FORWARD, _UP):
        targets.append(pose(R, np.array([forward * reach, 0.0, up * reach])))
    return np.stack(targets)
