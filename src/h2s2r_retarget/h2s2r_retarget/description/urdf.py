"""Writes a description as URDF."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

from h2s2r_retarget.description.hulls import hull_file
from h2s2r_retarget.description.model import (
    Box,
    Capsule,
    Cylinder,
    Description,
    Hull,
    Inertial,
    Joint,
    Link,
    Shape,
    Sphere,
)


def to_urdf(robot: Description) -> str:
    """The URDF text.

    A capsule is written as the cylinder between its end points and declared under `collision_checking`, which
    makes pinocchio read it as a capsule; programs that ignore the declaration see the cylinder. A hull is a mesh
    file (`hull_files`), declared there as convex.
    """
    root = ET.Element("robot", name=robot.name)
    for name, colour in robot.materials.items():
        material = ET.SubElement(root, "material", name=name)
        ET.SubElement(material, "color", rgba=_numbers(colour))
    for link in robot.links:
        _add_link(root, link)
    for joint in robot.joints:
        _add_joint(root, joint)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_link(root: ET.Element, link: Link) -> None:
    element = ET.SubElement(root, "link", name=link.name)
    if link.inertial is not None:
        _add_inertial(element, link.inertial)
    for number, shape in enumerate(link.shapes):
        visual = ET.SubElement(element, "visual")
        _add_geometry(visual, shape, hull_file(link, number))
        ET.SubElement(visual, "material", name=shape.material)
        if isinstance(shape.primitive, Capsule):
            for end in (shape.primitive.start, shape.primitive.end):
                cap = ET.SubElement(element, "visual")
                _add_geometry(cap, Shape(Sphere(end, shape.primitive.radius), shape.material), "")
                ET.SubElement(cap, "material", name=shape.material)
    checking = ET.Element("collision_checking")
    colliding = [(number, shape) for number, shape in enumerate(link.shapes) if shape.collides]
    for count, (number, shape) in enumerate(colliding):
        name = f"{link.name}_{count}"
        _add_geometry(ET.SubElement(element, "collision", name=name), shape, hull_file(link, number))
        if isinstance(shape.primitive, Capsule | Hull):
            declared = "capsule" if isinstance(shape.primitive, Capsule) else "convex"
            ET.SubElement(checking, declared, name=name)
    if len(checking):
        element.append(checking)


def _add_inertial(element: ET.Element, inertial: Inertial) -> None:
    inertial_element = ET.SubElement(element, "inertial")
    ET.SubElement(inertial_element, "origin", xyz=_numbers(inertial.centre), rpy="0 0 0")
    ET.SubElement(inertial_element, "mass", value=_numbers((inertial.mass,)))
    names = ("ixx", "iyy", "izz", "ixy", "ixz", "iyz")
    values = dict(zip(names, map(_number, inertial.inertia), strict=True))
    ET.SubElement(inertial_element, "inertia", values)


def _add_geometry(element: ET.Element, shape: Shape, mesh: str) -> None:
    primitive = shape.primitive
    if isinstance(primitive, Hull):
        ET.SubElement(element, "origin", xyz="0 0 0", rpy="0 0 0")
        ET.SubElement(ET.SubElement(element, "geometry"), "mesh", filename=mesh)
        return
    if isinstance(primitive, Capsule | Cylinder):
        start, end = np.asarray(primitive.start, float), np.asarray(primitive.end, float)
        axis = end - start
        length = float(np.linalg.norm(axis))
        # Roll and pitch that turn z into the axis.
        pitch = np.arctan2(axis[0], axis[2])
        roll = -np.arcsin(np.clip(axis[1] / length, -1.0, 1.0))
        # URDF applies roll first: z -> (0, -sin r, cos r) -> turned by pitch about y.
        ET.SubElement(element, "origin", xyz=_numbers((start + end) / 2), rpy=_numbers((roll, pitch, 0.0)))
        geometry = ET.SubElement(element, "geometry")
        ET.SubElement(geometry, "cylinder", radius=_number(primitive.radius), length=_number(length))
        return
    ET.SubElement(element, "origin", xyz=_numbers(primitive.centre), rpy="0 0 0")
    geometry = ET.SubElement(element, "geometry")
    if isinstance(primitive, Box):
        ET.SubElement(geometry, "box", size=_numbers(primitive.size))
    else:
        ET.SubElement(geometry, "sphere", radius=_number(primitive.radius))


def _add_joint(root: ET.Element, joint: Joint) -> None:
    element = ET.SubElement(root, "joint", name=joint.name, type=joint.kind)
    ET.SubElement(element, "parent", link=joint.parent)
    ET.SubElement(element, "child", link=joint.child)
    ET.SubElement(element, "origin", xyz=_numbers(joint.position), rpy=_numbers(joint.rpy))
    if joint.moves:
        ET.SubElement(element, "axis", xyz=_numbers(joint.axis))
        limits = {"lower": joint.lower, "upper": joint.upper, "velocity": joint.velocity, "effort": joint.torque}
        ET.SubElement(element, "limit", {name: _number(value) for name, value in limits.items()})


def _number(value: float) -> str:
    return f"{value:.12g}"


def _numbers(values: Any) -> str:
    return " ".join(_number(float(value)) for value in np.ravel(values))
