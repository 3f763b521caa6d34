"""The demonstrator's arm in a MuJoCo model: bones moved from outside, flesh that touches, skin that is seen."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt
from PIL import Image

from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_sim.demonstrator.hand_mesh import SkinMesh, build_skin
from h2s2r_sim.demonstrator.hand_model import BONE_COUNT, FINGERS, MODEL, HandPosture, bone_frames
from h2s2r_sim.demonstrator.sleeve import sleeve_mesh

Array = npt.NDArray[np.float64]

FLESH_PREFIX = "flesh_"
"""Collision geoms of the hand are named `flesh_<finger>_<bone>` and `flesh_palm_<n>`."""

_SKIN_RGB = np.array([224.0, 172.0, 138.0])
_CREASE_RGB = np.array([176.0, 116.0, 88.0])
_NAIL_RGB = np.array([240.0, 198.0, 184.0])
_SLEEVE_RGBA = (0.27, 0.34, 0.47, 1.0)


def add_hand(spec: mujoco.MjSpec, bind_posture: HandPosture) -> None:
    """Add sixteen kinematic (mocap) bones with their flesh, one skin over them, and a sleeved forearm.

    Args:
        spec: The model being built.
        bind_posture: The posture in which the skin is made; best the one seen most.
    """
    frames = bone_frames(np.eye(4), bind_posture)
    bodies = [spec.worldbody.add_body(name=f"bone_{number}", mocap=True) for number in range(BONE_COUNT)]
    for number, body in enumerate(bodies[1:]):
        index, bone = divmod(number, 3)
        finger = MODEL[index]
        radius = min(finger.radii[bone], finger.radii[bone + 1] + 0.0005)
        _add_flesh(body, f"{FINGERS[index]}_{bone}", np.zeros(3), np.array([finger.lengths[bone], 0, 0]), radius)
    for index in range(1, 5):
        base = np.array(MODEL[index].base)
        _add_flesh(bodies[0], f"palm_{index}", 0.2 * base, base, 0.013)
    _add_sleeve(spec, bodies[0])
    _add_skin(spec, build_skin(bind_posture), frames)


def move_hand(data: mujoco.MjData, frames: Array) -> None:
    """Put the bones at `bone_frames`' result `(16, 4, 4)` (before stepping or forward kinematics)."""
    first = int(data.model.body("bone_0").mocapid[0])
    data.mocap_pos[first : first + BONE_COUNT] = frames[:, :3, 3]
    data.mocap_quat[first : first + BONE_COUNT] = quat_wxyz_from_rotation(frames[:, :3, :3])


def _add_flesh(body: Any, name: str, first: Array, second: Array, radius: float) -> None:
    body.add_geom(
        name=FLESH_PREFIX + name,
        type=mujoco.mjtGeom.mjGEOM_CAPSULE,
        fromto=[*first.tolist(), *second.tolist()],
        size=[radius, 0.0, 0.0],
        friction=[0.8, 0.005, 0.0001],
        condim=4,
        group=3,
    )


def _add_sleeve(spec: mujoco.MjSpec, wrist: Any) -> None:
    vertices, faces = sleeve_mesh()
    mesh = spec.add_mesh(name="sleeve", inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
    mesh.uservert, mesh.userface = vertices.ravel(), faces.ravel()
    wrist.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="sleeve",
        contype=0,
        conaffinity=0,
        group=2,
        rgba=list(_SLEEVE_RGBA),
    )


def _add_skin(spec: mujoco.MjSpec, mesh: SkinMesh, frames: Array) -> None:
    palette, coordinate = _colours(mesh)
    texture = spec.add_texture(name="skin", type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.width, texture.height, texture.nchannel = palette.shape[1], palette.shape[0], 3
    texture.data = palette.tobytes()
    material = spec.add_material(name="skin", specular=0.12, shininess=0.25)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "skin"
    used = [np.flatnonzero(mesh.weights[:, bone]) for bone in range(BONE_COUNT)]
    skin = spec.add_skin(name="hand_skin", material="skin")
    skin.vert = mesh.vertices.ravel()
    skin.face = mesh.faces.ravel()
    skin.texcoord = coordinate.ravel()
    skin.bodyname = [f"bone_{bone}" for bone in range(BONE_COUNT)]
    skin.bindpos = frames[:, :3, 3].ravel()
    skin.bindquat = np.asarray(quat_wxyz_from_rotation(frames[:, :3, :3])).ravel()
    skin.vertid = [ids.tolist() for ids in used]
    skin.vertweight = [mesh.weights[ids, bone].tolist() for bone, ids in enumerate(used)]


def _colours(mesh: SkinMesh) -> tuple[npt.NDArray[np.uint8], Array]:
    """A palette as texture (left crease, right skin; upper half nail) and each vertex' place in it."""
    shade = np.linspace(0.0, 1.0, 64)[None, :, None]
    palette = np.repeat(_CREASE_RGB + shade * (_SKIN_RGB - _CREASE_RGB), 64, axis=0)
    palette[32:] = _NAIL_RGB
    u = 0.02 + 0.96 * mesh.shade
    v = np.where(mesh.nail, 0.9, 0.1)
    image = Image.fromarray(np.rint(palette).astype(np.uint8))
    return np.asarray(image), np.stack([u, v], axis=1)
