"""Writes a description as MJCF, with position servos and the solver settings that were measured to hold a grasp."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_retarget.description.model import (
    Box,
    Capsule,
    Cylinder,
    Description,
    Hull,
    Joint,
    Link,
    Shape,
    Sphere,
    joint_origin,
)

_OPTIONS = {
    # The "discrete" integrator is implicit in the servo gains: stable down to 60 Hz. With the elliptic cone and
    # this impedance ratio a held box slips 0.4 mm in 2.7 s, against 19 mm with the defaults.
    "timestep": "0.00833333333333",
    "integrator": "discrete",
    "solver": "Newton",
    "iterations": "10",
    "ls_iterations": "20",
    "cone": "elliptic",
    "impratio": "10",
    "jacobian": "dense",
}


def to_mjcf(robot: Description, *, stiffness: Sequence[float], damping: Sequence[float], home: Sequence[float]) -> str:
    """The MJCF text.

    Links without an inertial become sites. Robot shapes have contype 1 and conaffinity 0: they meet everything
    of MuJoCo's default bits and never each other. Gravity is compensated, as the real controllers do.

    Args:
        robot: The description.
        stiffness: Servo gain of each moving joint [Nm/rad] or [N/m], in the order of `robot.joints`.
        damping: Servo damping of each [Nm s/rad] or [N s/m].
        home: Keyframe `home` [rad] or [m].
    """
    root = ET.Element("mujoco", model=robot.name)
    ET.SubElement(root, "compiler", angle="radian", autolimits="true")
    ET.SubElement(root, "option", _OPTIONS)
    default = ET.SubElement(root, "default")
    ET.SubElement(default, "geom", condim="3", solref="0.005 1", solimp="0.95 0.99 0.001")
    asset = ET.SubElement(root, "asset")
    for name, colour in robot.materials.items():
        ET.SubElement(asset, "material", name=name, rgba=_numbers(colour), specular="0.4", shininess="0.4")
    for link in robot.links:
        for number, shape in enumerate(link.shapes):
            if isinstance(shape.primitive, Hull):
                # Points alone: MuJoCo makes their hull, and the model stays one file.
                ET.SubElement(asset, "mesh", name=f"{link.name}_{number}", vertex=_numbers(shape.primitive.points))
    world = ET.SubElement(root, "worldbody")
    joint_of_child = {joint.child: joint for joint in robot.joints}
    carriers: dict[str, _Carrier] = {}
    for link in robot.links:
        carriers[link.name] = _add_link(world, carriers, link, joint_of_child.get(link.name))
    moving = [joint for joint in robot.joints if joint.moves]
    actuator = ET.SubElement(root, "actuator")
    for joint, kp, kd in zip(moving, stiffness, damping, strict=True):
        _add_servo(actuator, joint, kp, kd)
    keyframe = ET.SubElement(root, "keyframe")
    ET.SubElement(keyframe, "key", name="home", qpos=_numbers(home), ctrl=_numbers(home))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


@dataclass(frozen=True)
class _Carrier:
    """The MJCF body that carries a link, and the link's pose in it."""

    body: ET.Element
    T_body_link: np.ndarray


def _add_link(world: ET.Element, carriers: dict[str, _Carrier], link: Link, joint: Joint | None) -> _Carrier:
    parent, T = world, np.eye(4)
    if joint is not None:
        carrier = carriers[joint.parent]
        parent, T = carrier.body, carrier.T_body_link @ joint_origin(joint)
    placement = {"name": link.name, "pos": _numbers(T[:3, 3])}
    if not np.array_equal(T[:3, :3], np.eye(3)):
        placement["quat"] = _numbers(quat_wxyz_from_rotation(T[:3, :3]))
    if link.inertial is None:
        # A mere frame: what is fixed to it hangs on the body before it.
        ET.SubElement(parent, "site", placement, size="0.004", group="4")
        if link.shapes:
            frame = ET.SubElement(parent, "frame", {key: placement[key] for key in placement if key != "name"})
            _add_shapes(frame, link)
        return _Carrier(parent, T)
    body = ET.SubElement(parent, "body", placement, gravcomp="1")
    inertial = link.inertial
    ET.SubElement(
        body,
        "inertial",
        mass=_number(inertial.mass),
        pos=_numbers(inertial.centre),
        fullinertia=_numbers(inertial.inertia),
    )
    if joint is not None and joint.moves:
        ET.SubElement(
            body,
            "joint",
            {"type": "slide"} if joint.kind == "prismatic" else {},
            name=joint.name,
            axis=_numbers(joint.axis),
            range=_numbers((joint.lower, joint.upper)),
            armature=_number(joint.armature),
        )
    elif joint is not None:
        ET.SubElement(body, "site", name=link.name, size="0.004", group="4")
    _add_shapes(body, link)
    return _Carrier(body, np.eye(4))


def _add_shapes(element: ET.Element, link: Link) -> None:
    for number, shape in enumerate(link.shapes):
        _add_shape(element, f"{link.name}_{number}", shape)


def _add_shape(body: ET.Element, name: str, shape: Shape) -> None:
    attributes = {"name": name, "material": shape.material}
    primitive = shape.primitive
    if isinstance(primitive, Capsule | Cylinder):
        kind = "capsule" if isinstance(primitive, Capsule) else "cylinder"
        attributes |= {"type": kind, "size": _number(primitive.radius)}
        attributes["fromto"] = _numbers((*primitive.start, *primitive.end))
    elif isinstance(primitive, Box):
        attributes |= {"type": "box", "size": _numbers(np.asarray(primitive.size) / 2)}
        attributes["pos"] = _numbers(primitive.centre)
    elif isinstance(primitive, Sphere):
        attributes |= {"type": "sphere", "size": _number(primitive.radius), "pos": _numbers(primitive.centre)}
    else:
        attributes |= {"type": "mesh", "mesh": name}
    if shape.collides:
        attributes |= {"contype": "1", "conaffinity": "0", "friction": f"{_number(shape.friction)} 0.005 0.0001"}
    else:
        attributes |= {"contype": "0", "conaffinity": "0", "group": "2"}
    ET.SubElement(body, "geom", attributes)


def _add_servo(actuator: ET.Element, joint: Joint, kp: float, kd: float) -> None:
    ET.SubElement(
        actuator,
        "position",
        name=joint.name,
        joint=joint.name,
        kp=_number(kp),
        kv=_number(kd),
        ctrlrange=_numbers((joint.lower, joint.upper)),
        forcerange=_numbers((-joint.torque, joint.torque)),
    )


def _number(value: float) -> str:
    return f"{value:.12g}"


def _numbers(values: Any) -> str:
    return " ".join(_number(float(value)) for value in np.ravel(np.asarray(values, float)))
