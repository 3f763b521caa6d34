"""The robot's surface at a posture, sampled from the geometry of its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment

FloatArray = NDArray[np.float64]


def robot_mesh(embodiment: Embodiment, joint_position: FloatArray) -> trimesh.Trimesh:
    """All shapes of the embodiment's MJCF at joint positions `(J,)` [rad], in the robot's base frame [m].

    Raises:
        InputError: The model has no shape that can be sampled.
    """
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(embodiment.mjcf))
    data = mujoco.MjData(model)
    for name, value in zip(embodiment.joint_names, joint_position, strict=True):
        data.joint(name).qpos = value
    mujoco.mj_kinematics(model, data)
    meshes = []
    for geom in range(model.ngeom):
        shape = _shape(model, geom)
        if shape is None:
            continue
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = data.geom_xmat[geom].reshape(3, 3), data.geom_xpos[geom]
        shape.apply_transform(T)
        meshes.append(shape)
    if not meshes:
        raise InputError(
            embodiment.mjcf, "geoms", found="none", expected="the robot's shapes", remedy="give --robot-mesh instead"
        )
    whole: trimesh.Trimesh = trimesh.util.concatenate(meshes)  # type: ignore[assignment]
    return whole


def sample_outside(mesh: trimesh.Trimesh, count: int = 20_000, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Points `(N, 3)` and outward normals `(N, 3)` of the outer surface; what lies inside another shape is left out."""
    from h2s2r_sim.twin_building.open3d_library import Surface

    points, face = trimesh.sample.sample_surface(mesh, count, seed=seed)
    points, normals = np.asarray(points), np.asarray(mesh.face_normals[face])
    parts = mesh.split(only_watertight=True)
    hidden = np.zeros(len(points), dtype=bool)
    for part in parts:
        inside_box = np.all((points > part.bounds[0]) & (points < part.bounds[1]), axis=1)
        if inside_box.any():
            depth = Surface(part.vertices, part.faces).signed_distance(points[inside_box])
            hidden[np.flatnonzero(inside_box)] |= depth < -0.002
    return points[~hidden], normals[~hidden]


def read_robot_mesh(path: Path) -> trimesh.Trimesh:
    """A mesh [m] of the robot, or of its base alone, in the robot's base frame.

    Raises:
        InputError: It cannot be read or is not in metres.
    """
    try:
        mesh: Any = trimesh.load(path, force="mesh")
    except Exception as error:
        raise InputError(
            path, "robot mesh", found=f"{type(error).__name__}: {error}", expected="a mesh", remedy="export it again"
        ) from error
    largest = float(np.max(mesh.extents)) if len(mesh.vertices) else 0.0
    if not 0.05 < largest < 5.0:
        raise InputError(
            path, "extent", found=f"{largest:g}", expected="0.05 to 5 m", remedy="scale the mesh to metres"
        )
    result: trimesh.Trimesh = mesh
    return result


def _shape(model: Any, geom: int) -> trimesh.Trimesh | None:
    import mujoco

    kind, size = int(model.geom_type[geom]), model.geom_size[geom]
    kinds = mujoco.mjtGeom
    if kind == kinds.mjGEOM_SPHERE:
        return trimesh.creation.icosphere(subdivisions=3, radius=size[0])
    if kind == kinds.mjGEOM_CAPSULE:
        return trimesh.creation.capsule(height=2 * size[1], radius=size[0], count=[24, 24])
    if kind == kinds.mjGEOM_CYLINDER:
        return trimesh.creation.cylinder(radius=size[0], height=2 * size[1])
    if kind == kinds.mjGEOM_BOX:
        return trimesh.creation.box(2 * size[:3])
    if kind == kinds.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
        vertices = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])]
        faces = model.mesh_face[face : face + int(model.mesh_facenum[mesh])]
        return trimesh.Trimesh(vertices.copy(), faces.copy(), process=False)
    return None
