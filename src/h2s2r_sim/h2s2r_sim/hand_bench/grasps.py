"""Grasps: where an object lies in the hand, and fingers closed until their flesh touches it.

Everything is in the hand frame of `demonstrator.hand_model` (x to the fingers, y to the thumb, z out of
the back of the hand), for a hand of its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import inverse, pose, rotation_from_vector, transform_points
from h2s2r_sim.demonstrator.hand_model import MODEL, HandPosture, bone_frames, joint_positions
from h2s2r_sim.hand_bench.solids import Solid

Array = npt.NDArray[np.float64]

TOUCH_M = 0.0005
"""Flesh may sink this far into what it touches: fingers are soft."""
_STEPS = np.linspace(0.0, 1.0, 31)
_LARGEST_FLEXION_RAD = np.array([1.35, 1.5, 0.9])
_THUMB_ABDUCTIONS_RAD = np.array([0.0, -0.2, 0.2, -0.4, 0.4, -0.6, 0.6, -0.8, 0.8])
_PALM_RADIUS_M = 0.015


@dataclass(frozen=True)
class Grasp:
    """How an object is taken."""

    solid: int
    """Index in `SOLIDS`."""
    name: str
    upright: tuple[float, float, float]
    """Direction of the object's z axis in the hand frame."""
    forward: tuple[float, float, float]
    """Direction of its x axis there, as far as that is possible."""
    reach_m: tuple[float, float]
    """x and y of the object's origin; along -z it is moved up to the palm or the fingers."""
    thumb_up: bool = False
    """In the world: whether the thumb points up (hand from the side) or the palm down."""
    pitch_rad: float = 0.0
    """How far the fingers point down."""


GRASPS: tuple[Grasp, ...] = (
    Grasp(0, "box, over the top", (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.080, 0.0), pitch_rad=0.5),
    Grasp(0, "box, by its edge", (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.165, 0.0), pitch_rad=0.1),
    Grasp(0, "box, against the palm", (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.100, 0.0), thumb_up=True),
    Grasp(1, "can, from the side", (0.1, 1.0, 0.0), (1.0, 0.0, 0.0), (0.070, 0.0), thumb_up=True, pitch_rad=0.2),
    Grasp(1, "can, from the top", (0.2, 0.0, 1.0), (1.0, 0.0, 0.0), (0.085, 0.0), pitch_rad=0.7),
    Grasp(2, "mug, from the side", (0.1, 1.0, 0.0), (0.0, 0.0, -1.0), (0.075, 0.0), thumb_up=True, pitch_rad=0.2),
    Grasp(3, "bottle, from the side", (0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.072, 0.03), thumb_up=True, pitch_rad=0.1),
    Grasp(4, "plate, by its rim", (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.165, 0.0), pitch_rad=0.2),
    Grasp(5, "block, over the top", (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.080, 0.0), pitch_rad=0.5),
    Grasp(5, "block, from the side", (0.1, 1.0, 0.0), (0.0, 0.0, 1.0), (0.072, 0.0), thumb_up=True, pitch_rad=0.3),
)


def place_object(grasp: Grasp, solid: Solid, tilt: Array) -> Array:
    """`T_hand_object (4, 4)`: as near to the open hand's palm side as its flesh allows.

    Args:
        grasp: Where.
        solid: What, in metres of the hand.
        tilt: Rotation vector `(3,)` [rad] on top of the grasp's own orientation.
    """
    z = np.array(grasp.upright) / np.linalg.norm(grasp.upright)
    x = np.array(grasp.forward) - (np.array(grasp.forward) @ z) * z
    x /= np.linalg.norm(x)
    rotation = rotation_from_vector(tilt) @ np.stack([x, np.cross(z, x), z], axis=1)
    open_hand = HandPosture(np.full((5, 3), 0.05), np.zeros(5))
    points, radii = _flesh(open_hand, range(1, 5))
    palm, palm_radii = _palm()
    points, radii = np.concatenate([points, palm]), np.concatenate([radii, palm_radii])
    for depth in np.arange(0.0, 0.20, 0.001):
        T = pose(rotation, np.array([*grasp.reach_m, -depth]))
        if _clearance(solid, T, points, radii) >= 0.0:
            return T
    return T


def close_hand(solid: Solid, T_hand_object: Array) -> HandPosture:
    """Bend every finger until it touches: first all its joints together, then the outer ones further."""
    flexion, abduction = np.zeros((5, 3)), np.zeros(5)
    abduction[0] = _thumb_beside(solid, T_hand_object)
    for finger in range(5):
        limit = _LARGEST_FLEXION_RAD * ([0.4, 0.6, 0.9] if finger == 0 else [0.95, 0.95, 0.95])
        for first in range(3):
            moving = np.arange(3) >= first
            flexion[finger] = _bent(solid, T_hand_object, finger, flexion[finger], limit * moving, abduction)
    return HandPosture(flexion, abduction)


def penetration(solid: Solid, T_hand_object: Array, posture: HandPosture) -> float:
    """How deep the flesh of fingers and palm is in the object [m]; negative when it is clear of it."""
    points, radii = _flesh(posture, range(5))
    palm, palm_radii = _palm()
    everything = np.concatenate([points, palm]), np.concatenate([radii, palm_radii])
    return -float(_clearance(solid, T_hand_object, *everything))


def _bent(solid: Solid, T: Array, finger: int, start: Array, limit: Array, abduction: Array) -> Array:
    """The most that a finger bends from `start` towards `limit` before it touches."""
    angles = start + _STEPS[:, None] * np.where(limit > 0.0, np.maximum(limit - start, 0.0), 0.0)
    touching = _finger_clearance(solid, T, finger, angles, np.tile(abduction, (len(angles), 1))) < -TOUCH_M
    touching[0] = False
    first = int(np.argmax(touching)) if touching.any() else len(angles)
    bent: Array = angles[first - 1]
    return bent


def _thumb_beside(solid: Solid, T: Array) -> float:
    """The abduction [rad] nearest to none in which the straight thumb does not enter the object."""
    count = len(_THUMB_ABDUCTIONS_RAD)
    abduction = np.zeros((count, 5))
    abduction[:, 0] = _THUMB_ABDUCTIONS_RAD
    clearance = _finger_clearance(solid, T, 0, np.zeros((count, 3)), abduction)
    clear = clearance > -TOUCH_M
    return float(_THUMB_ABDUCTIONS_RAD[int(np.argmax(clear if clear.any() else clearance))])


def _finger_clearance(solid: Solid, T: Array, finger: int, angles: Array, abduction: Array) -> Array:
    """Clearances `(N,)` of one finger for joint angles `(N, 3)` and abductions `(N, 5)`."""
    flexion = np.zeros((len(angles), 5, 3))
    flexion[:, finger] = angles
    return _clearance(solid, T, *_flesh(HandPosture(flexion, abduction), range(finger, finger + 1)))


def _clearance(solid: Solid, T_hand_object: Array, points: Array, radii: Array) -> Array:
    """How far flesh of `radii (P,)` round points `(..., P, 3)` is from the object [m]: `(...)`."""
    clearance: Array = (solid.distance(transform_points(inverse(T_hand_object), points)) - radii).min(axis=-1)
    return clearance


def _flesh(posture: HandPosture, fingers: range) -> tuple[Array, Array]:
    """Points `(..., P, 3)` along the bones of some fingers and the radius `(P,)` of the flesh around them [m]."""
    batch = posture.flexion.shape[:-2]
    joints = joint_positions(bone_frames(np.broadcast_to(np.eye(4), (*batch, 4, 4)), posture))
    part = np.linspace(0.0, 1.0, 6)
    points, radii = [], []
    for finger in fingers:
        radius = MODEL[finger].radii
        for bone in range(1 if finger == 0 else 0, 3):
            first, second = joints[..., 1 + 4 * finger + bone, None, :], joints[..., 2 + 4 * finger + bone, None, :]
            points.append(first + part[:, None] * (second - first))
            radii.append(radius[bone] + part * (radius[bone + 1] - radius[bone]))
    return np.concatenate(points, axis=-2), np.concatenate(radii)


def _palm() -> tuple[Array, Array]:
    part = np.linspace(0.1, 1.0, 6)[:, None]
    points = np.concatenate([part * np.array(finger.base) for finger in MODEL[1:]])
    return points, np.full(len(points), _PALM_RADIUS_M)
