"""Reads what kinematics needs from a URDF: joints, their origins, axes and limits."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.model import rotation_from_rpy

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
    try:
        root = ET.fromstring(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            path, "file", found=error.strerror or str(error), expected="a readable URDF", remedy="check the path"
        ) from error
    except ET.ParseError as error:
        raise InputError(path, "syntax", found=str(error), expected="XML", remedy="mend the line named") from error
    joints = [_joint(path, element) for element in root.findall("joint")]
    links = frozenset(str(element.get("name")) for element in root.findall("link"))
    return UrdfModel(path, {joint.child: joint for joint in joints}, links)


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
    axis = _vector(element.find("axis"), "xyz", (1.0, 0.0, 0.0))
    limit = element.find("limit")
    limits = {key: float(limit.get(key, "nan")) if limit is not None else np.nan for key in _LIMITS}
    T = np.eye(4)
    T[:3, 3] = _vector(element.find("origin"), "xyz", (0.0, 0.0, 0.0))
    roll, pitch, yaw = _vector(element.find("origin"), "rpy", (0.0, 0.0, 0.0)).tolist()
    if roll or pitch or yaw:
        T[:3, :3] = rotation_from_rpy((roll, pitch, yaw))
    return UrdfJoint(
        name=name,
        kind=kind,
        parent=_link(element, "parent"),
        child=_link(element, "child"),
        T_parent_child=T,
        axis=axis / np.linalg.norm(axis),
        lower=-np.inf if kind == "continuous" else limits["lower"],
        upper=np.inf if kind == "continuous" else limits["upper"],
        velocity=limits["velocity"],
        torque=limits["effort"],
    )


_LIMITS = ("lower", "upper", "velocity", "effort")


def _vector(element: ET.Element | None, key: str, default: tuple[float, float, float]) -> np.ndarray:
    text = element.get(key) if element is not None else None
    return np.array(default if text is None else [float(part) for part in text.split()], dtype=float)


def _link(element: ET.Element, role: str) -> str:
    found = element.find(role)
    return str(found.get("link")) if found is not None else ""
