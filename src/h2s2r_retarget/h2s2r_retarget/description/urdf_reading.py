"""Reads a whole URDF, anybody's, as a description: links with inertials and convex shapes, joints with limits."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_retarget.description.model import Description, Inertial, Joint, Link, depth_first, rpy_from_rotation
from h2s2r_retarget.description.urdf_elements import FloatArray, Owner, number, origin, point, read_root, vector
from h2s2r_retarget.description.urdf_part import keep_part
from h2s2r_retarget.description.urdf_shapes import read_shapes

_GREY = (0.70, 0.71, 0.73, 1.0)
_Colour = tuple[float, float, float, float]


def read_description(
    path: Path,
    *,
    package_paths: Sequence[Path] = (),
    fixed: Mapping[str, float] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> Description:
    """Read a URDF.

    Args:
        path: The file.
        package_paths: Where `package://` is looked for.
        fixed: Joints to hold still, at what position [rad or m].
        first: Read only this link and what hangs on it.
        last: Leave out what hangs on this link.

    Raises:
        InputError: The file, or an element of it, is unusable; a moving link weighs nothing; a joint copies another.
    """
    root = read_root(path)
    keep_part(path, root, first, last)
    fixed = dict(fixed or {})
    materials = _materials(path, root)
    links = tuple(_link(path, element, materials, package_paths) for element in root.findall("link"))
    joints = tuple(_joint(path, element, fixed) for element in root.findall("joint"))
    for name in fixed:
        raise Owner(path, f"joint `{name}`").error(
            "", found="no such moving joint", expected="a joint of the URDF", remedy="correct --fix"
        )
    _check_tree(path, links, joints)
    robot = depth_first(Description(str(root.get("name") or path.stem), links, joints, materials))
    _check_masses(path, robot)
    return robot


def _materials(path: Path, root: ET.Element) -> dict[str, _Colour]:
    """Every colour of the file by its name; links without one are grey."""
    colours: dict[str, _Colour] = {"grey": _GREY}
    for material in root.iter("material"):
        colour = material.find("color")
        if colour is not None and material.get("name"):
            values = [float(part) for part in str(colour.get("rgba", "")).split()]
            if len(values) == 4:
                colours[str(material.get("name"))] = (values[0], values[1], values[2], values[3])
    return colours


def _link(path: Path, element: ET.Element, colours: Mapping[str, _Colour], package_paths: Sequence[Path]) -> Link:
    name = str(element.get("name"))
    owner = Owner(path, f"link `{name}`")
    material = element.find("visual/material")
    looks = str(material.get("name")) if material is not None else "grey"
    shapes = read_shapes(owner, element, looks if looks in colours else "grey", package_paths)
    return Link(name, _inertial(owner, element.find("inertial")), shapes)


def _inertial(owner: Owner, element: ET.Element | None) -> Inertial | None:
    """None for a mere frame: no inertial, or a mass of zero."""
    if element is None:
        return None
    mass, tensor = element.find("mass"), element.find("inertia")
    if mass is None or tensor is None:
        raise owner.error("<inertial>", found="no mass or no inertia", expected="both", remedy="add what is missing")
    value = number(owner, mass, "value")
    if value == 0.0:
        return None
    xx, yy, zz, xy, xz, yz = (number(owner, tensor, key, 0.0) for key in ("ixx", "iyy", "izz", "ixy", "ixz", "iyz"))
    T = origin(owner, element)
    about = T[:3, :3] @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ T[:3, :3].T
    entries = (about[0, 0], about[1, 1], about[2, 2], about[0, 1], about[0, 2], about[1, 2])
    a, b, c, d, e, f = (float(entry) for entry in entries)
    return Inertial(value, point(T[:3, 3]), (a, b, c, d, e, f))


def _joint(path: Path, element: ET.Element, fixed: dict[str, float]) -> Joint:
    name, kind = str(element.get("name")), str(element.get("type"))
    owner = Owner(path, f"joint `{name}`")
    ends = {role: element.find(role) for role in ("parent", "child")}
    parent, child = (str(end.get("link")) if end is not None else "" for end in ends.values())
    T = origin(owner, element)
    if kind == "fixed":
        return Joint(name, parent, child, point(T[:3, 3]), rpy_from_rotation(T[:3, :3]))
    if kind not in {"revolute", "prismatic", "continuous"}:
        raise owner.error("type", found=kind, expected="fixed, revolute or prismatic", remedy="replace the joint")
    axis = vector(owner, element.find("axis"), "xyz", (1.0, 0.0, 0.0))
    if not np.linalg.norm(axis) > 1e-6:
        raise owner.error("axis", found="a zero vector", expected="a direction", remedy="correct the URDF")
    axis = axis / np.linalg.norm(axis)
    if name in fixed:
        T = T @ _moved(kind, axis, fixed.pop(name))
        return Joint(name, parent, child, point(T[:3, 3]), rpy_from_rotation(T[:3, :3]))
    mimic = element.find("mimic")
    if mimic is not None:
        raise owner.error(
            "mimic",
            found=f"a joint that copies `{mimic.get('joint')}`",
            expected="joints that move on their own",
            remedy=f"hold it still (--fix {name}=VALUE), or drive it by itself: remove <mimic>",
        )
    if kind == "continuous":
        raise owner.error(
            "type", found="continuous, without limits", expected="revolute", remedy="make it revolute, or --fix it"
        )
    limits = _limits(owner, element)
    return Joint(
        name=name,
        parent=parent,
        child=child,
        position=point(T[:3, 3]),
        rpy=rpy_from_rotation(T[:3, :3]),
        kind="prismatic" if kind == "prismatic" else "revolute",
        axis=point(axis),
        lower=limits["lower"],
        upper=limits["upper"],
        velocity=limits["velocity"],
        torque=limits["effort"],
    )


def _limits(owner: Owner, element: ET.Element) -> dict[str, float]:
    limit = element.find("limit")
    if limit is None:
        raise owner.error("<limit>", found="none", expected="lower, upper, velocity, effort", remedy="add them")
    values = {key: number(owner, limit, key, 0.0) for key in ("lower", "upper", "velocity", "effort")}
    if not values["lower"] < values["upper"]:
        found = f"lower {values['lower']:g}, upper {values['upper']:g}"
        raise owner.error("<limit>", found=found, expected="lower < upper", remedy="correct the URDF")
    for key in ("velocity", "effort"):
        if values[key] <= 0.0:
            raise owner.error(
                f"<limit> {key}", found=f"{values[key]:g}", expected="> 0", remedy="take it from the data sheet"
            )
    return values


def _moved(kind: str, axis: FloatArray, value: float) -> FloatArray:
    """What a joint at `value` adds to its origin, `(4, 4)`."""
    T = np.eye(4)
    if kind == "prismatic":
        T[:3, 3] = value * axis
    else:
        T[:3, :3] = rotation_from_vector(value * axis)
    return T


def _check_tree(path: Path, links: Sequence[Link], joints: Sequence[Joint]) -> None:
    for what, names in (("link", [link.name for link in links]), ("joint", [joint.name for joint in joints])):
        name, count = Counter(names).most_common(1)[0] if names else ("", 1)
        if count > 1:
            raise InputError(
                path, f"{what} `{name}`", found=f"{count} of them", expected="one", remedy="give each its own name"
            )
    known = {link.name for link in links}
    for joint in joints:
        for role, name in (("parent", joint.parent), ("child", joint.child)):
            if name not in known:
                raise Owner(path, f"joint `{joint.name}`").error(
                    role, found=f"`{name}`", expected="a link of the URDF", remedy="correct the name"
                )
    carried = Counter(joint.child for joint in joints)
    roots = [link.name for link in links if link.name not in carried]
    if len(roots) != 1 or any(count > 1 for count in carried.values()):
        found = f"{len(roots)} links without a parent: {', '.join(roots[:5])}" if len(roots) != 1 else "a loop"
        raise InputError(path, "links", found=found, expected="one tree with one base", remedy="join or remove links")


def _check_masses(path: Path, robot: Description) -> None:
    massless = {link.name for link in robot.links if link.inertial is None}
    for joint in robot.joints:
        if joint.moves and joint.child in massless:
            raise Owner(path, f"link `{joint.child}`").error(
                "<inertial>",
                found="none, or a mass of 0",
                expected=f"a mass and an inertia, since joint `{joint.name}` moves the link",
                remedy="add them: those of a homogeneous box of its size and weight will do",
            )
