"""What a robot description consists of: links with primitive shapes and an inertial, joined by joints."""

from __future__ import annotations

from dataclasses import dataclass
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
class Shape:
    """One primitive of a link, with its looks and its role."""

    primitive: Capsule | Box | Sphere
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
