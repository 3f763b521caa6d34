"""Torque that holds the fingers against their weight, from a small table of links.

The table is the hand's URDF, read once; the palm's orientation comes from whoever knows the arm.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.errors import DriverError

Array = NDArray[np.float64]

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class Link:
    """One joint and the link behind it.

    Attributes:
        joint_name: The joint.
        parent: Place of the parent joint in the table; -1: the palm.
        T_parent_joint: `(4, 4)` joint frame at zero position, in the parent link.
        axis: `(3,)` of rotation, in the joint frame.
        mass_kg: Of everything rigid behind the joint.
        centre_m: `(3,)` its centre of mass, in the link frame.
    """

    joint_name: str
    parent: int
    T_parent_joint: Array
    axis: Array
    mass_kg: float
    centre_m: Array


def gravity_torque(links: Sequence[Link], joint_position: Array, up: Array) -> Array:
    """Torque `(J,)` [Nm] that balances the weight.

    Args:
        links: The table; a parent comes before its children.
        joint_position: `(J,)` [rad], in the table's order.
        up: `(3,)` unit vector against gravity, in the palm frame.
    """
    poses: list[Array] = []
    origins, axes, centres = (np.zeros((len(links), 3)) for _ in range(3))
    for place, link in enumerate(links):
        base = link.T_parent_joint if link.parent < 0 else poses[link.parent] @ link.T_parent_joint
        origins[place], axes[place] = base[:3, 3], base[:3, :3] @ link.axis
        pose = base.copy()
        pose[:3, :3] = base[:3, :3] @ _rotation(link.axis, joint_position[place])
        poses.append(pose)
        centres[place] = pose[:3, :3] @ link.centre_m + pose[:3, 3]
    torque = np.zeros(len(links))
    for place, link in enumerate(links):
        weight = link.mass_kg * GRAVITY_M_S2 * up  # the force that holds the link
        joint = place
        while joint >= 0:
            torque[joint] += axes[joint] @ np.cross(centres[place] - origins[joint], weight)
            joint = links[joint].parent
    return torque


def read_links(urdf: Path, palm: str, joint_names: Sequence[str]) -> tuple[Link, ...]:
    """The table of a hand.

    Args:
        urdf: Holds the hand.
        palm: Link that the fingers start from.
        joint_names: Revolute joints, parents before children; fixed joints are welded to their parents.

    Raises:
        DriverError: The file or a joint is missing, or a joint does not lead to the palm.
    """
    try:
        root = ElementTree.parse(urdf).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise DriverError(f"{urdf}: no URDF that can be read ({error})") from None
    joints = {str(joint.get("name")): joint for joint in root.findall("joint")}
    place_of_link = {palm: -1}
    table = []
    for place, name in enumerate(joint_names):
        joint = joints.get(name)
        parent = None if joint is None else place_of_link.get(_link_name(joint, "parent"))
        if joint is None or parent is None:
            raise DriverError(f"{urdf}: joint `{name}` is not there, or not behind link `{palm}` by the named joints")
        place_of_link[_link_name(joint, "child")] = place
        mass_kg, centre = _rigid(root, _link_name(joint, "child"))
        axis = _numbers(joint.find("axis"), "xyz", "1 0 0")
        table.append(Link(name, parent, _origin(joint), axis, mass_kg, centre))
    return tuple(table)


def _rigid(root: ElementTree.Element, link_name: str) -> tuple[float, Array]:
    mass_kg, moment = 0.0, np.zeros(3)
    link = next((link for link in root.findall("link") if link.get("name") == link_name), None)
    inertial = None if link is None else link.find("inertial")
    mass = None if inertial is None else inertial.find("mass")
    if inertial is not None and mass is not None:
        mass_kg = float(mass.get("value", "0"))
        moment = mass_kg * _origin(inertial)[:3, 3]
    for joint in root.findall("joint"):
        if joint.get("type") == "fixed" and _link_name(joint, "parent") == link_name:
            T = _origin(joint)
            child_kg, centre = _rigid(root, _link_name(joint, "child"))
            mass_kg += child_kg
            moment = moment + child_kg * (T[:3, :3] @ centre + T[:3, 3])
    return mass_kg, moment / mass_kg if mass_kg > 0.0 else moment


def _link_name(joint: ElementTree.Element, end: str) -> str:
    element = joint.find(end)
    return "" if element is None else str(element.get("link"))


def _numbers(element: ElementTree.Element | None, attribute: str, default: str) -> Array:
    text = default if element is None else element.get(attribute, default)
    return np.array([float(value) for value in text.split()])


def _origin(element: ElementTree.Element) -> Array:
    origin = element.find("origin")
    roll, pitch, yaw = _numbers(origin, "rpy", "0 0 0")
    x, y, z = np.eye(3)
    T = np.eye(4)
    T[:3, :3] = _rotation(z, yaw) @ _rotation(y, pitch) @ _rotation(x, roll)
    T[:3, 3] = _numbers(origin, "xyz", "0 0 0")
    return T


def _rotation(axis: Array, angle_rad: float) -> Array:
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    R: Array = np.eye(3) + np.sin(angle_rad) * cross + (1.0 - np.cos(angle_rad)) * (cross @ cross)
    return R
