"""Reads the collision geometry of a URDF's link as primitives in the link's frame."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.mesh_file import find_mesh, hull_of_mesh
from h2s2r_retarget.description.model import Box, Capsule, Cylinder, Hull, Primitive, Shape, Sphere
from h2s2r_retarget.description.urdf_elements import Owner, number, origin, point, vector

FloatArray = NDArray[np.float64]


def read_shapes(owner: Owner, link: ET.Element, material: str, package_paths: Sequence[Path]) -> tuple[Shape, ...]:
    """What the link collides with; a mesh becomes its convex hull.

    A cylinder that `collision_checking` declares a capsule is read as one.

    Args:
        owner: The link.
        link: Its element.
        material: Of all its shapes.
        package_paths: Where `package://` is looked for.

    Raises:
        InputError: A geometry is unknown or empty, or its mesh is unusable.
    """
    capsules = {capsule.get("name") for capsule in link.iterfind("collision_checking/capsule")}
    shapes: list[Shape] = []
    for collision in link.iterfind("collision"):
        geometry = collision.find("geometry")
        if geometry is None or len(geometry) == 0:
            raise owner.error(
                "<collision>", found="no geometry", expected="one", remedy="add it or remove the collision"
            )
        name = collision.get("name")
        primitive = _primitive(owner, geometry[0], origin(owner, collision), name in capsules, package_paths)
        shapes.append(Shape(primitive, material))
    return tuple(shapes)


def _primitive(
    owner: Owner, element: ET.Element, T: FloatArray, is_capsule: bool, package_paths: Sequence[Path]
) -> Primitive:
    if element.tag == "sphere":
        return Sphere(point(T[:3, 3]), _length(owner, element, "radius"))
    if element.tag in {"cylinder", "capsule"}:
        half, radius = _length(owner, element, "length") / 2 * T[:3, 2], _length(owner, element, "radius")
        ends = point(T[:3, 3] - half), point(T[:3, 3] + half)
        return Capsule(*ends, radius) if is_capsule or element.tag == "capsule" else Cylinder(*ends, radius)
    if element.tag == "box":
        size = vector(owner, element, "size", (0.0, 0.0, 0.0))
        if (size <= 0.0).any():
            raise owner.error(
                "<box> size", found=f"{size.tolist()}", expected="three lengths > 0", remedy="correct the URDF"
            )
        if np.array_equal(T[:3, :3], np.eye(3)):
            return Box(point(T[:3, 3]), point(size))
        return _hull(T, np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * size)
    if element.tag == "mesh":
        name = element.get("filename")
        if not name:
            raise owner.error("<mesh>", found="no filename", expected="one", remedy="correct the URDF")
        path = find_mesh(owner, name, package_paths)
        return _hull(T, hull_of_mesh(owner, path, vector(owner, element, "scale", (1.0, 1.0, 1.0))))
    raise owner.error(
        "<geometry>", found=f"<{element.tag}>", expected="box, cylinder, sphere, capsule or mesh", remedy="replace it"
    )


def _hull(T: FloatArray, points: FloatArray) -> Hull:
    return Hull(tuple(point(corner) for corner in points @ T[:3, :3].T + T[:3, 3]))


def _length(owner: Owner, element: ET.Element, key: str) -> float:
    value = number(owner, element, key)
    if value <= 0.0:
        raise owner.error(f"<{element.tag}> {key}", found=f"{value:g} m", expected="> 0", remedy="correct the URDF")
    return value
