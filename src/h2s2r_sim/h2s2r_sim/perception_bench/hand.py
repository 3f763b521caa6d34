"""The hand that holds, slides, covers: the demonstrator's jointed hand, thinned out, and where it is when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import interpolate_pose, inverse, pose
from h2s2r_sim.demonstrator.hand_mesh import build_skin
from h2s2r_sim.demonstrator.hand_model import HandPosture, bone_frames, joint_positions, posture
from h2s2r_sim.demonstrator.motion import minimum_jerk
from h2s2r_sim.demonstrator.sleeve import sleeve_mesh
from h2s2r_sim.perception_bench.bodies import Body, open3d

FloatArray = NDArray[np.float64]

_FACES = 5000
_BIND = posture(0.3, thumb_rad=0.2)
_CREASE_RGB, _SKIN_RGB = np.array([176.0, 116.0, 88.0]), np.array([224.0, 172.0, 138.0])
_SLEEVE_RGB = np.array([69.0, 87.0, 120.0])

GRIP_POINT = np.array([0.098, 0.002, -0.016])
"""Where the palm side touches what is held, in the hand's frame [m]."""
COVER_POINT = np.array([0.060, 0.0, 0.0])
"""Middle of the palm: put on the line of sight when the hand covers something."""


@dataclass(frozen=True, eq=False)
class HandPath:
    """The hand in every frame."""

    T_world_hand: FloatArray
    """`(T, 4, 4)` [m]."""
    posture: HandPosture
    """Batched over the frames."""

    def bodies(self, frame: int, T_camera_world: FloatArray) -> tuple[tuple[Body, FloatArray], ...]:
        """Skin and sleeve at one frame, each with its pose in the camera's frame; the skin is bent anew."""
        skin = _thin_skin()
        T = T_camera_world @ self.T_world_hand[frame]
        frames = bone_frames(T, HandPosture(self.posture.flexion[frame], self.posture.abduction[frame]))
        follow = (frames @ skin.inverse_bind)[:, :3].reshape(-1, 12)
        moved = np.einsum("vij,vj->vi", (skin.weights @ follow).reshape(-1, 3, 4), skin.homogeneous)
        return (Body(moved, skin.faces, face_rgb=skin.face_rgb), np.eye(4)), (skin.sleeve, T)


@dataclass(frozen=True, eq=False)
class HandKey:
    """One instant of the hand; between two of them it goes the short way, at minimum jerk."""

    frame: int
    T_world_hand: FloatArray
    posture: HandPosture


def path_through(keys: list[HandKey], frames: int) -> HandPath:
    """A path through the keys; before the first and after the last the hand stands still."""
    at = np.array([key.frame for key in keys], dtype=float)
    number = np.arange(frames, dtype=float)
    index = np.clip(np.searchsorted(at, number, side="right") - 1, 0, len(keys) - 2)
    span = np.maximum(at[index + 1] - at[index], 1e-9)
    fraction = np.asarray(minimum_jerk(np.clip((number - at[index]) / span, 0.0, 1.0)))
    T = np.stack([key.T_world_hand for key in keys])
    flexion = np.stack([key.posture.flexion for key in keys])
    abduction = np.stack([key.posture.abduction for key in keys])
    first = HandPosture(flexion[index], abduction[index])
    second = HandPosture(flexion[index + 1], abduction[index + 1])
    return HandPath(interpolate_pose(T[index], T[index + 1], fraction), first.blend(second, fraction))


def held_along(T_world_object: FloatArray, T_world_hand: FloatArray) -> FloatArray:
    """The hand's poses `(T, 4, 4)` when it holds the object from the first of the object's poses on."""
    return np.asarray(T_world_object @ (inverse(T_world_object[0]) @ T_world_hand))


def grip(contact: FloatArray, outward: FloatArray, pitch_rad: float, curl_rad: float) -> tuple[FloatArray, HandPosture]:
    """A hand whose palm lies on a surface that faces sideways.

    Args:
        contact: Point `(3,)` of the world [m].
        outward: Horizontal unit normal `(3,)` there.
        pitch_rad: How steeply the fingers point down.
        curl_rad: Bending of the fingers.
    """
    up = np.array([0.0, 0.0, 1.0])
    level = np.cross(up, outward)
    x = np.cos(pitch_rad) * level - np.sin(pitch_rad) * up
    R = np.stack([x, np.cross(outward, x), outward], axis=1)
    fingers = posture(curl_rad, thumb_rad=0.5 * curl_rad + 0.2, spread_rad=0.05)
    T = pose(R, contact - R @ GRIP_POINT)
    lowest = float(joint_positions(bone_frames(T, fingers))[:, 2].min()) - 0.010
    T[2, 3] += max(0.0, 0.004 - lowest)  # fingers stay above the table
    return T, fingers


def cover(T_world_camera: FloatArray, target: FloatArray, depth_m: float, roll_rad: float) -> FloatArray:
    """The hand's pose when its back faces the camera and hides a point `(3,)` of the world.

    Args:
        T_world_camera: Pose of the optical frame.
        target: What is hidden.
        depth_m: How far before the camera the hand is.
        roll_rad: Direction of the fingers in the image, from its x axis.
    """
    seen = inverse(T_world_camera)
    point = seen[:3, :3] @ target + seen[:3, 3]
    x = np.array([np.cos(roll_rad), np.sin(roll_rad), 0.0])
    z = np.array([0.0, 0.0, -1.0])
    R = np.stack([x, np.cross(z, x), z], axis=1)
    T_camera_hand = pose(R, point / point[2] * depth_m - R @ COVER_POINT)
    return np.asarray(T_world_camera @ T_camera_hand)


@dataclass(frozen=True, eq=False)
class _ThinSkin:
    homogeneous: FloatArray
    weights: FloatArray
    inverse_bind: FloatArray
    sleeve: Body
    faces: NDArray[np.int64]
    face_rgb: FloatArray


@cache
def _thin_skin() -> _ThinSkin:
    """The skin with an eighth of its faces, since a hand is built anew in every frame; and the sleeve."""
    skin, o3d = build_skin(_BIND), open3d()
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(skin.vertices), o3d.utility.Vector3iVector(skin.faces)
    ).simplify_quadric_decimation(_FACES)
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.triangles).astype(np.int64)
    tree = o3d.geometry.KDTreeFlann(np.ascontiguousarray(skin.vertices.T))
    nearest = np.array([tree.search_knn_vector_3d(vertex, 1)[1][0] for vertex in vertices])
    sleeve, sleeve_faces = sleeve_mesh()
    shade = skin.shade[nearest][faces].mean(axis=1)[:, None]
    face_rgb = _CREASE_RGB + shade * (_SKIN_RGB - _CREASE_RGB)
    return _ThinSkin(
        np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1),
        skin.weights[nearest],
        inverse(bone_frames(np.eye(4), _BIND)),
        Body(sleeve, sleeve_faces, face_rgb=np.broadcast_to(_SLEEVE_RGB, (len(sleeve_faces), 3))),
        faces,
        face_rgb,
    )
