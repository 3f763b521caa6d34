"""A jointed right hand: bone lengths of an adult, forward kinematics from joint angles.

Hand frame: origin at the wrist, x along the middle metacarpal towards the fingers, z out of the back
of the hand, y towards the thumb. Joints are numbered as MediaPipe and MANO users expect: wrist 0, then
four points each for thumb, index, middle, ring and little finger, from the palm to the tip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import pose, rotation_from_vector

Array = npt.NDArray[np.float64]

FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINT_COUNT = 21
BONE_COUNT = 16
"""The palm (with the wrist), then three bones of each finger."""


@dataclass(frozen=True)
class FingerModel:
    """Dimensions of one finger [m], in the hand frame."""

    base: tuple[float, float, float]
    """First joint: the knuckle, for the thumb the joint at the wrist (carpometacarpal)."""
    lengths: tuple[float, float, float]
    """Of the three bones, from the palm to the tip."""
    radii: tuple[float, float, float, float]
    """Of the flesh at the three joints and the tip."""
    splay_rad: float
    """Direction of the straight finger, about z."""


# Within the spread of published adult anthropometry: hand length 0.19 m, breadth 0.085 m.
MODEL: tuple[FingerModel, ...] = (
    FingerModel((0.022, 0.024, -0.010), (0.046, 0.034, 0.027), (0.0150, 0.0115, 0.0098, 0.0080), 0.0),
    FingerModel((0.090, 0.026, 0.002), (0.044, 0.026, 0.021), (0.0108, 0.0092, 0.0080, 0.0068), 0.10),
    FingerModel((0.093, 0.004, 0.004), (0.048, 0.030, 0.022), (0.0110, 0.0094, 0.0082, 0.0070), 0.01),
    FingerModel((0.087, -0.017, 0.002), (0.044, 0.028, 0.022), (0.0106, 0.0088, 0.0076, 0.0066), -0.08),
    FingerModel((0.078, -0.036, -0.003), (0.034, 0.020, 0.020), (0.0096, 0.0078, 0.0068, 0.0060), -0.20),
)

_THUMB_DIRECTION = np.array([0.74, 0.60, -0.30])
_THUMB_BENDS_TOWARDS = np.array([0.55, -0.75, -0.35])


@dataclass(frozen=True, eq=False)
class HandPosture:
    """Joint angles of the fingers [rad]."""

    flexion: Array
    """`(..., 5, 3)`: bending of each joint towards the palm, from the base to the tip."""
    abduction: Array
    """`(..., 5)`: spreading at the base, added to the finger's own splay; positive towards the thumb."""

    def blend(self, other: HandPosture, fraction: Array) -> HandPosture:
        """The postures between this one (0) and another (1), for fractions `(...)`."""
        f = np.asarray(fraction, dtype=float)
        return HandPosture(
            self.flexion + f[..., None, None] * (other.flexion - self.flexion),
            self.abduction + f[..., None] * (other.abduction - self.abduction),
        )


def posture(curl_rad: float, *, thumb_rad: float = 0.15, spread_rad: float = 0.0) -> HandPosture:
    """Four fingers bent alike, their last joint less, as tendons do it; the thumb on its own."""
    flexion = np.tile(np.array([0.9, 1.0, 0.6]) * curl_rad, (5, 1))
    flexion[0] = thumb_rad * np.array([0.5, 1.0, 1.0])
    return HandPosture(flexion, spread_rad * np.array([0.0, 1.0, 0.2, -0.6, -1.2]))


def bone_frames(T_world_hand: Array, hand_posture: HandPosture) -> Array:
    """Frames of all bones `(..., 16, 4, 4)`: origin at the bone's first joint, x along the bone.

    Args:
        T_world_hand: `(..., 4, 4)` wrist poses.
        hand_posture: Joint angles, batched alike.
    """
    hand = np.asarray(T_world_hand, dtype=float)
    frames = [hand]
    for index, finger in enumerate(MODEL):
        rotation = _base_rotation(index) @ _about((0.0, 0.0, 1.0), hand_posture.abduction[..., index])
        frame = hand @ pose(rotation, np.broadcast_to(finger.base, (*rotation.shape[:-2], 3)))
        for bone in range(3):
            # Bending about y takes x towards -z, the palm side.
            bend = _about((0.0, 1.0, 0.0), hand_posture.flexion[..., index, bone])
            frame = frame @ pose(bend, np.zeros((*bend.shape[:-2], 3)))
            frames.append(frame)
            frame = frame @ pose(np.eye(3), np.array([finger.lengths[bone], 0.0, 0.0]))
    return np.stack(frames, axis=-3)


def joint_positions(frames: Array) -> Array:
    """The 21 joints `(..., 21, 3)` [m] of `bone_frames`' result, in MediaPipe's order."""
    points = [frames[..., 0, :3, 3]]
    for index, finger in enumerate(MODEL):
        last = frames[..., 3 + 3 * index, :3, :]
        points += [frames[..., 1 + 3 * index + bone, :3, 3] for bone in range(3)]
        points.append(last[..., 3] + finger.lengths[2] * last[..., 0])
    return np.stack(points, axis=-2)


def _base_rotation(index: int) -> Array:
    if index > 0:
        return _about((0.0, 0.0, 1.0), np.array(MODEL[index].splay_rad))
    x = _THUMB_DIRECTION / np.linalg.norm(_THUMB_DIRECTION)
    bend = _THUMB_BENDS_TOWARDS - (_THUMB_BENDS_TOWARDS @ x) * x
    z = -bend / np.linalg.norm(bend)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _about(axis: tuple[float, float, float], angle_rad: Array) -> Array:
    rotation: Array = rotation_from_vector(np.array(axis) * np.asarray(angle_rad, dtype=float)[..., None])
    return rotation
