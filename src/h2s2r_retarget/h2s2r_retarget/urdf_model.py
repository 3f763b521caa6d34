"""Reads what kinematics needs from a URDF: joints, their origins, axes and limits."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.urdf_elements import Owner, number, origin, read_root, vector

_MOVING = {"revolute", "continuous", "prismatic"}


@dataclass(frozen=True)
class UrdfJoint:
    """A joint as the URDF states it."""

    name: str
    kind: str
    parent: str
    child: str
    T_parent_child: np.ndarray
    """Pose of the child frame in the parent's at joint position zero, `(4, 4)`, m."""
    axis: np.ndarray
    """Unit vector `(3,)` in the child frame: turned about, or slid along."""
    lower: float
    """[rad], as is `upper`; [rad/s] `velocity`; [Nm] `torque`. Of a prismatic joint m, m/s and N."""
    upper: float
    velocity: float
    torque: float

    @property
    def slides(self) -> bool:
        """Whether its position is a length [m] and not an angle [rad]."""
        return self.kind == "prismatic"


@dataclass(frozen=True)
class UrdfModel:
    """All joints of a URDF, by the link they carry."""

    path: Path
    joint_of_child: dict[str, UrdfJoint]
    link_names: frozenset[str]
    meshes: tuple[str, ...] = ()
    """File names of the collision shapes' meshes, as they stand there."""

    def chain(self, frame: str) -> list[UrdfJoint]:
        """The joints from the root to `frame`, the root's first.

        Raises:
            InputError: The URDF has no such link.
        """
        if frame not in self.link_names:
            raise InputError(
                self.path,
                f"link `{frame}`",
                found="no such link",
                expected="a link of the URDF",
                remedy="correct the frame's name in the embodiment's YAML",
            )
        joints: list[UrdfJoint] = []
        while frame in self.joint_of_child:
            joints.append(self.joint_of_child[frame])
            frame = joints[-1].parent
        return joints[::-1]


def read_urdf(path: Path) -> UrdfModel:
    """Parse a URDF file.

    Raises:
        InputError: It is missing, is not XML, or has a joint type other than fixed, revolute, continuous or
            prismatic.
    """
    root = read_root(path)
    joints = [_joint(path, element) for element in root.findall("joint")]
    links = frozenset(str(element.get("name")) for element in root.findall("link"))
    meshes = tuple(str(mesh.get("filename")) for mesh in root.iterfind("link/collision/geometry/mesh"))
    return UrdfModel(path, {joint.child: joint for joint in joints}, links, meshes)


def _joint(path: Path, element: ET.Element) -> UrdfJoint:
    name, kind = str(element.get("name")), str(element.get("type"))
    if kind not in _MOVING | {"fixed"}:
        raise InputError(
            path,
            f"joint `{name}`",
            found=f"type {kind}",
            expected="revolute, continuous, prismatic or fixed",
            remedy="replace it by joints of these types",
        )
    owner = Owner(path, f"joint `{name}`")
    axis = vector(owner, element.find("axis"), "xyz", (1.0, 0.0, 0.0))
    limit = element.find("limit")
    limits = {key: np.nan if limit is None or limit.get(key) is None else number(owner, limit, key) for key in _LIMITS}
    return UrdfJoint(
        name=name,
        kind=kind,
        parent=_link(element, "parent"),
        child=_link(element, "child"),
        T_parent_child=origin(owner, element),
        axis=axis / np.linalg.norm(axis),
        lower=-np.inf if kind == "continuous" else limits["lower"],
        upper=np.inf if kind == "continuous" else limits["upper"],
        velocity=limits["velocity"],
        torque=limits["effort"],
    )


_LIMITS = ("lower", "upper", "velocity", "effort")


def _link(element: ET.Element, role: str) -> str:
    found = element.find(role)
    return str(found.get("link")) if found is not None else ""
