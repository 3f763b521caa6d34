"""What a robot description consists of: links with primitive shapes and an inertial, joined by joints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class Inertial:
    """Mass [kg], centre of mass [m] and inertia about it [kg m^2], in the link frame."""

    mass: float
    centre: Vector3
    inertia: tuple[float, float, float, float, float, float]
    """ixx, iyy, izz, ixy, ixz, iyz."""


@dataclass(frozen=True)
class Capsule:
    """A segment with a radius [m], in the link frame."""

    start: Vector3
    end: Vector3
    radius: float


@dataclass(frozen=True)
class Box:
    """An axis-aligned box [m], in the link frame."""

    centre: Vector3
    size: Vector3
    """Full edge lengths."""


@dataclass(frozen=True)
class Sphere:
    """A ball [m], in the link frame."""

    centre: Vector3
    radius: float


@dataclass(frozen=True)
class Cylinder:
    """A cylinder between two points [m], in the link frame."""

    start: Vector3
    end: Vector3
    radius: float


@dataclass(frozen=True)
class Hull:
    """The convex hull of points [m], in the link frame; what a mesh becomes."""

    points: tuple[Vector3, ...]


Primitive = Capsule | Box | Sphere | Cylinder | Hull


@dataclass(frozen=True)
class Shape:
    """One primitive of a link, with its looks and its role."""

    primitive: Primitive
    material: str
    collides: bool = True
    friction: float = 0.5
    """Sliding coefficient (the published system's nominal value; fingertips have 1.5)."""


@dataclass(frozen=True)
class Link:
    """A rigid body, or a mere frame when it has no inertial."""

    name: str
    inertial: Inertial | None = None
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class Joint:
    """The child link's frame in the parent's, turning about `axis` of the child frame or sliding along it."""

    name: str
    parent: str
    child: str
    position: Vector3
    """[m]."""
    rpy: Vector3 = (0.0, 0.0, 0.0)
    """Fixed-axis roll, pitch, yaw [rad], as in a URDF."""
    kind: Literal["revolute", "prismatic", "fixed"] = "fixed"
    axis: Vector3 = (0.0, 0.0, 1.0)
    lower: float = 0.0
    """[rad]; of a prismatic joint [m]."""
    upper: float = 0.0
    """[rad]; [m]."""
    velocity: float = 0.0
    """[rad/s]; [m/s]."""
    torque: float = 0.0
    """[Nm]; a force [N]."""
    armature: float = 0.0
    """Rotor inertia seen at the joint [kg m^2]; a mass [kg]. Only the simulator needs it."""

    @property
    def moves(self) -> bool:
        """Whether it is a degree of freedom."""
        return self.kind != "fixed"


@dataclass(frozen=True)
class Description:
    """A whole robot; links in depth-first order, the base first."""

    name: str
    links: tuple[Link, ...]
    joints: tuple[Joint, ...]
    materials: dict[str, tuple[float, float, float, float]]
    """Colours (red, green, blue, opacity)."""


def depth_first(robot: Description) -> Description:
    """The same robot with its links in depth-first order, the base first, and its joints in that of their links."""
    joint_of_child = {joint.child: joint for joint in robot.joints}
    links = {link.name: link for link in robot.links}
    ordered: list[Link] = []
    waiting = [link.name for link in robot.links if link.name not in joint_of_child]
    while waiting:
        name = waiting.pop()
        ordered.append(links[name])
        waiting += [joint.child for joint in reversed(robot.joints) if joint.parent == name]
    joints = tuple(joint_of_child[link.name] for link in ordered if link.name in joint_of_child)
    return replace(robot, links=tuple(ordered), joints=joints)


def joint_origin(joint: Joint) -> np.ndarray:
    """Pose of the child's frame in the parent's at joint position zero, `(4, 4)` m."""
    T = np.eye(4)
    T[:3, :3] = rotation_from_rpy(joint.rpy) if any(joint.rpy) else np.eye(3)
    T[:3, 3] = joint.position
    return T


def box_inertial(mass: float, box: Box) -> Inertial:
    """Inertial of a homogeneous box: `m / 12 (b^2 + c^2)` about each axis."""
    a, b, c = (edge * edge for edge in box.size)
    twelfth = mass / 12.0
    return Inertial(mass, box.centre, (twelfth * (b + c), twelfth * (a + c), twelfth * (a + b), 0.0, 0.0, 0.0))


def rotation_from_rpy(rpy: Vector3) -> np.ndarray:
    """`R = Rz(yaw) Ry(pitch) Rx(roll)`, the URDF convention, `(3, 3)`."""
    (cr, cp, cy), (sr, sp, sy) = np.cos(rpy), np.sin(rpy)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )


def rpy_from_rotation(R: np.ndarray) -> Vector3:
    """The inverse of `rotation_from_rpy`; at a pitch of 90 deg the yaw is 0."""
    pitch = np.arctan2(-R[2, 0], np.hypot(R[0, 0], R[1, 0]))
    if np.hypot(R[0, 0], R[1, 0]) < 1e-9:
        return float(np.arctan2(-R[1, 2], R[1, 1])), float(pitch), 0.0
    return float(np.arctan2(R[2, 1], R[2, 2])), float(pitch), float(np.arctan2(R[1, 0], R[0, 0]))
