"""Random human hands that a robot's palm is known to reach: for tests and benchmarks.

The palm comes from a random posture of the arm that touches nothing, so some posture reaches it by construction.
The hand round it is an average adult's, larger or smaller, more or less closed, its thumb beside or opposite the
fingers. Nothing says that the robot's fingers reach this hand's tips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, rotation_from_vector, transform_points
from h2s2r_perception.hand_pose.skeleton import FIRST, LENGTH_M, SECOND
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.human_hand import palm_target
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]

REGION_M = ((0.30, 0.85), (-0.55, 0.55), (0.20, 0.70))
"""Where palms may be [m], x, y and z in the world: over a table before the robot."""
LIMIT_MARGIN = 0.1
"""Share of each joint's range kept off both ends when arm postures are drawn."""
_SIZE_SPREAD = 0.08
"""Standard deviation of the logarithm of an adult hand's size."""
_SMALLEST, _LARGEST = 0.8, 1.2
_NOTHING = CollisionWorld()
_BATCH = 2048
_MAXIMUM_BATCHES = 200

# x out of the palm, y to the thumb's side, z from wrist to middle knuckle, which is the origin; metres, average hand.
_WRIST = (0.0, 0.0, -0.090)
_KNUCKLES = ((0.0, 0.0225, -0.001), (0.0, 0.0, 0.0), (0.0, -0.0219, -0.006), (0.0, -0.042, -0.018))
_THUMB_ROOT = (0.010, 0.022, -0.068)
_THUMB_BESIDE, _THUMB_OPPOSITE = np.array([0.30, 0.72, 0.62]), np.array([0.80, 0.25, 0.55])
_TO_THE_FINGERS = np.array([0.45, -0.75, 0.48])
_SPREAD_RAD = (0.12, 0.0, -0.10, -0.20)
"""How far open fingers point aside, index to little."""


def random_hands(embodiment: Embodiment, count: int, seed: int, *, world: CollisionWorld = _NOTHING) -> Array:
    """Joints `(count, 21, 3)` m of right hands, in the world; the same for the same arguments.

    Args:
        embodiment: Whose arm must reach the palms.
        count: How many hands.
        seed: Of all draws.
        world: The drawn robot postures, fingers at home, touch none of its fixed parts; the object is left out.

    Raises:
        InputError: The robot hardly ever gets its palm into the region above the table.
    """
    random = np.random.default_rng(seed)
    palms = _reachable_palms(embodiment, count, random, world)
    hands = hand_shapes(count, random)
    T = palms @ np.asarray(inverse(palm_target(hands, embodiment)))
    return np.asarray(transform_points(T, hands), dtype=float)


def hand_shapes(count: int, random: np.random.Generator) -> Array:
    """Joints `(count, 21, 3)` m of hands of several sizes, open to closed, in the frame of the middle knuckle."""
    size = np.clip(np.exp(random.normal(0.0, _SIZE_SPREAD, count)), _SMALLEST, _LARGEST)
    closure, opposition = random.uniform(0.0, 1.0, count), random.uniform(0.0, 1.0, count)
    fingers = [np.clip(closure + random.normal(0.0, 0.1, count), 0.0, 1.0) for _ in _KNUCKLES]
    return hand_shape(np.stack(fingers, axis=1), closure, opposition) * size[:, None, None]


def hand_shape(finger_closure: Array, thumb_closure: Array, opposition: Array) -> Array:
    """Joints `(N, 21, 3)` m of an average adult's hand, in the frame of the middle knuckle.

    Args:
        finger_closure: `(N, 4)`, index to little: 0 is straight, 1 is a fist around something thin.
        thumb_closure: `(N,)`, alike.
        opposition: `(N,)`: 0 is a thumb beside the fingers, 1 opposite them.
    """
    joints = np.zeros((len(thumb_closure), 21, 3))
    joints[:, 0] = _WRIST
    for finger, (knuckle, spread) in enumerate(zip(_KNUCKLES, _SPREAD_RAD, strict=True)):
        joints[:, 5 + 4 * finger] = knuckle
        _lay_finger(joints, 5 + 4 * finger, spread, finger_closure[:, finger])
    joints[:, 1] = _THUMB_ROOT
    _lay_thumb(joints, thumb_closure, opposition)
    return joints


def _lay_finger(joints: Array, knuckle: int, spread_rad: float, closure: Array) -> None:
    """Bend one finger of every hand by its closure: 0 is straight, 1 is a fist around something thin."""
    bends = np.radians([70.0, 85.0, 50.0]) * closure[:, None] + np.radians([-5.0, 5.0, 3.0])
    aside = spread_rad * (1.0 - closure)
    angle = np.zeros(len(joints))
    for bone in range(3):
        angle = angle + bends[:, bone]
        direction = np.stack([np.sin(angle), np.cos(angle) * np.sin(aside), np.cos(angle) * np.cos(aside)], axis=1)
        joints[:, knuckle + bone + 1] = joints[:, knuckle + bone] + _length(knuckle + bone) * direction


def _lay_thumb(joints: Array, closure: Array, opposition: Array) -> None:
    direction = _THUMB_BESIDE + opposition[:, None] * (_THUMB_OPPOSITE - _THUMB_BESIDE)
    direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    axis = np.cross(direction, _TO_THE_FINGERS)
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    for bone, bend in enumerate(np.radians([0.0, 35.0, 45.0])):
        turn = np.asarray(rotation_from_vector(axis * (bend * closure)[:, None]))
        direction = (turn @ direction[..., None])[..., 0]
        joints[:, bone + 2] = joints[:, bone + 1] + _length(bone + 1) * direction


def _length(joint: int) -> float:
    """Of an average adult's bone [m] from a joint to the next."""
    return float(LENGTH_M[(joint == FIRST) & (joint + 1 == SECOND)][0])


def _reachable_palms(embodiment: Embodiment, count: int, random: np.random.Generator, world: CollisionWorld) -> Array:
    kinematics, checker = BatchedKinematics(embodiment), CollisionChecker(embodiment, world)
    arm, limits = embodiment.arm_dof, embodiment.limits
    lower = np.maximum(limits.lower, -np.pi)[:arm]
    span = np.minimum(limits.upper, np.pi)[:arm] - lower
    low, high = np.array(REGION_M).T
    found: list[Array] = []
    for _ in range(_MAXIMUM_BATCHES):
        postures = np.tile(embodiment.home, (_BATCH, 1))
        postures[:, :arm] = lower + span * random.uniform(LIMIT_MARGIN, 1.0 - LIMIT_MARGIN, (_BATCH, arm))
        palms = np.asarray(kinematics.palm(postures).T_world_palm)
        inside = np.all((low <= palms[:, :3, 3]) & (palms[:, :3, 3] <= high), axis=1)
        for row in np.flatnonzero(inside):
            if checker.penetration(postures[row], None) == 0.0 and not checker.self_contacts(postures[row]):
                found.append(palms[row])
            if len(found) == count:
                return np.stack(found)
    raise InputError(
        embodiment.urdf,
        "reach",
        found=f"{len(found)} of {_MAXIMUM_BATCHES * _BATCH} random postures with the palm over the table",
        expected=f"at least {count}",
        remedy="check base, palm frame and joint limits of the embodiment",
    )
