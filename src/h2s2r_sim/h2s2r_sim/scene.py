"""The task's scene as MuJoCo elements: table, fixed boxes, light, floor and the object.

Shared by everything that is simulated or rendered (the demonstrator, the robot twin, the simulated
camera), so that all of them meet the same world. World frame = robot base, z up.

Geom groups: 0 is seen and collides (table, statics), 2 is only seen, 3 only collides.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.task import Task

OBJECT_BODY = "object"
OBJECT_JOINT = "object_free"
OBJECT_COLLISION = "object_collision"
OBJECT_VISUAL = "object_visual"

VISUAL_GROUP = 2
COLLISION_GROUP = 3
FLOOR_HEIGHT_M = -0.75
"""The robot and its table stand on a pedestal; the floor is only seen, nothing touches it."""

_TABLE_RGBA = (0.80, 0.82, 0.85, 1.0)
_STATIC_RGBA = (0.40, 0.44, 0.50, 1.0)
_TORSIONAL_FRICTION_M = 0.005
_ROLLING_FRICTION_M = 0.0001


def add_scene(spec: mujoco.MjSpec, task: Task) -> None:
    """Add table, statics, lights and floor to `spec`.

    The geoms are fixed to the world and named after their `BoxSpec` (`table`, `wall_box`); their
    sliding friction is the task's. Lights cast no shadows: shadows double the cost of a software
    renderer.
    """
    _add_light(spec)
    floor = spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0.0, 0.0, 1.0],
        pos=[0.0, 0.0, FLOOR_HEIGHT_M],
        contype=0,
        conaffinity=0,
        group=VISUAL_GROUP,
    )
    floor.material = _checker_material(spec, "floor", (0.47, 0.50, 0.56), (0.43, 0.46, 0.52), repeat=2.0)
    _add_box(spec, task.scene.table, _TABLE_RGBA)
    for static in task.scene.obstacles:
        _add_box(spec, static, _STATIC_RGBA)
    _add_legs(spec, task.scene.table)


def add_object(spec: mujoco.MjSpec, task: Task, *, free: bool = True) -> Any:
    """Add the task's object as the body `object`.

    It has a textured mesh that is only seen (geom `object_visual`), collision geoms (`object_collision`:
    the mesh's bounding box or its convex hull, by `task.object.collision`; convex parts are numbered from
    `object_collision_1` on), and the mass of the task with its inertia, or that of a solid box of the mesh's size.

    Args:
        spec: The model being built.
        task: Names the mesh (metres, origin at the centre of mass), mass and friction.
        free: Add the free joint `object_free`; otherwise the body is fixed to the world.

    Returns:
        The `MjsBody`, at the world's origin.

    Raises:
        InputError: The mesh file is missing or not an OBJ of plausible size.
    """
    mesh_name = _add_mesh(spec, task.object.mesh)
    vertices = read_obj_vertices(task.object.mesh)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    half = (high - low) / 2
    body = spec.worldbody.add_body(name=OBJECT_BODY)
    if free:
        body.add_freejoint(name=OBJECT_JOINT)
    visual = body.add_geom(
        name=OBJECT_VISUAL,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=mesh_name,
        contype=0,
        conaffinity=0,
        group=VISUAL_GROUP,
        mass=0.0,
    )
    visual.material = _object_material(spec, task.object.mesh)
    shapes: list[dict[str, Any]] = [
        {"type": mujoco.mjtGeom.mjGEOM_BOX, "size": half.tolist(), "pos": ((low + high) / 2).tolist()}
    ]
    if task.object.collision == "hull":
        shapes = [{"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": mesh_name}]
    elif task.object.parts is not None:
        names = _add_parts(spec, task.object.parts)
        shapes = [{"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": name} for name in names]
    for index, shape in enumerate(shapes):
        body.add_geom(
            name=f"{OBJECT_COLLISION}_{index}" if index else OBJECT_COLLISION,
            friction=[task.object.friction, _TORSIONAL_FRICTION_M, _ROLLING_FRICTION_M],
            condim=4,
            mass=0.0,
            group=COLLISION_GROUP,
            rgba=[0.2, 0.8, 0.3, 0.4],
            **shape,
        )
    body.explicitinertial = True
    body.mass = task.object.mass_kg
    body.ipos = [0.0, 0.0, 0.0]
    if task.object.inertia_kg_m2 is None:
        body.inertia = box_inertia(task.object.mass_kg, half).tolist()
    else:
        body.fullinertia = list(task.object.inertia_kg_m2)
    return body


def box_inertia(mass_kg: float, half_size_m: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Principal moments `(3,)` [kg m^2] of a solid box: `m/3 (b^2 + c^2)` with half edges b, c."""
    squares = np.asarray(half_size_m) ** 2
    return mass_kg / 3.0 * (squares.sum() - squares)


def read_obj_vertices(mesh: Path) -> npt.NDArray[np.float64]:
    """Vertices `(V, 3)` [m] of an OBJ file.

    Raises:
        InputError: The file is missing, holds no vertices, or is larger than any tabletop object (an
            OBJ in millimetres, most likely).
    """
    try:
        lines = mesh.read_text(encoding="utf-8", errors="replace").splitlines()
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=float)
    except OSError as error:
        raise InputError(
            mesh, "mesh", found=error.strerror or str(error), expected="an OBJ file", remedy="check `object.mesh`"
        ) from error
    except ValueError as error:
        raise InputError(
            mesh, "vertices", found=str(error), expected="three numbers each", remedy="export the mesh again"
        ) from error
    if vertices.size == 0:
        raise InputError(mesh, "vertices", found="none", expected="a mesh", remedy="export the mesh again")
    extent = float(np.ptp(vertices, axis=0).max())
    if extent > 2.0:
        raise InputError(
            mesh,
            "extent",
            found=f"{extent:.4g} m",
            expected="at most 2 m",
            remedy="is the mesh in millimetres? scale it by 0.001",
        )
    return vertices


def _add_mesh(spec: mujoco.MjSpec, mesh: Path) -> str:
    read_obj_vertices(mesh)
    # The inertia is explicit, so a mesh too thin for MuJoCo's volume integral must not stop the build.
    spec.add_mesh(name=OBJECT_BODY, file=str(mesh), inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX)
    return OBJECT_BODY


def _add_parts(spec: mujoco.MjSpec, folder: Path) -> list[str]:
    """The convex parts in a folder as meshes; their names.

    Raises:
        InputError: The folder holds none, or one that is no OBJ of plausible size.
    """
    files = sorted(folder.glob("*.obj"))
    if not files:
        raise InputError(
            folder, "parts", found="no OBJ", expected="one for each convex part", remedy="make them: h2s2r twin object"
        )
    for index, file in enumerate(files):
        read_obj_vertices(file)
        spec.add_mesh(
            name=f"{OBJECT_BODY}_part_{index}", file=str(file), inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_CONVEX
        )
    return [f"{OBJECT_BODY}_part_{index}" for index in range(len(files))]


def _object_material(spec: mujoco.MjSpec, mesh: Path) -> str:
    """The texture beside the mesh (same name, `.png`) if there is one, otherwise a plain colour."""
    picture = mesh.with_suffix(".png")
    material = spec.add_material(name="object", specular=0.15, shininess=0.2)
    if picture.is_file():
        spec.add_texture(name="object", type=mujoco.mjtTexture.mjTEXTURE_2D, file=str(picture))
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "object"
    else:
        material.rgba = [0.2, 0.5, 0.8, 1.0]
    return "object"


def _add_box(spec: mujoco.MjSpec, box: BoxSpec, rgba: tuple[float, float, float, float]) -> None:
    spec.worldbody.add_geom(
        name=box.name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[edge / 2 for edge in box.size_m],
        pos=list(box.position_m),
        quat=[math.cos(box.yaw_rad / 2), 0.0, 0.0, math.sin(box.yaw_rad / 2)],
        friction=[box.friction, _TORSIONAL_FRICTION_M, _ROLLING_FRICTION_M],
        condim=4,
        rgba=list(rgba),
    )


def _add_legs(spec: mujoco.MjSpec, table: BoxSpec) -> None:
    """Table legs down to the floor: only seen."""
    top = table.position_m[2] - table.size_m[2] / 2
    half = (top - FLOOR_HEIGHT_M) / 2
    for x in (-1, 1):
        for y in (-1, 1):
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX,
                size=[0.03, 0.03, half],
                pos=[
                    table.position_m[0] + x * (table.size_m[0] / 2 - 0.05),
                    table.position_m[1] + y * (table.size_m[1] / 2 - 0.05),
                    top - half,
                ],
                contype=0,
                conaffinity=0,
                group=VISUAL_GROUP,
                rgba=[0.30, 0.32, 0.36, 1.0],
            )


def _add_light(spec: mujoco.MjSpec) -> None:
    """Soft light from everywhere, a main light from above and a weaker one from the front right."""
    spec.visual.headlight.active = 0
    for direction, diffuse, ambient, specular in (
        ((0.35, 0.45, -1.0), 0.52, 0.30, 0.20),
        ((-0.55, 0.60, -0.55), 0.34, 0.12, 0.05),
    ):
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=[0.5, 0.0, 2.5],
            dir=list(direction),
            diffuse=[diffuse] * 3,
            ambient=[ambient] * 3,
            specular=[specular] * 3,
            castshadow=False,
        )
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.70, 0.74, 0.80],
        rgb2=[0.48, 0.52, 0.60],
        width=128,
        height=768,
    )


def _checker_material(
    spec: mujoco.MjSpec,
    name: str,
    first: tuple[float, float, float],
    second: tuple[float, float, float],
    *,
    repeat: float,
) -> str:
    spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=list(first),
        rgb2=list(second),
        width=256,
        height=256,
    )
    material = spec.add_material(name=name, texrepeat=[repeat, repeat], texuniform=True, specular=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    return name
