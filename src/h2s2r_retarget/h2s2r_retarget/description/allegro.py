"""Wonik Allegro V4, right hand, on an angled bracket.

Joint origins, axes, position and velocity limits and masses: the manufacturer's right-hand URDF as distributed
with example-robot-data (which the tests compare with). Its inertia tensors are not physically possible for the
masses given, so ours are those of homogeneous boxes of the published size. Joint names are those of the V5
ROS 2 driver. Torque: the 0.7 Nm of the data sheet. Palm frame: x = palm normal, y = towards the index finger's
side, where the thumb is, z = from the palm to the middle finger.
"""

from __future__ import annotations

from h2s2r_retarget.description import bracket
from h2s2r_retarget.description.model import Box, Capsule, Joint, Link, Shape, Sphere, Vector3, box_inertial

MATERIALS = {"allegro_black": (0.13, 0.14, 0.16, 1.0), "allegro_white": (0.94, 0.94, 0.92, 1.0)}

_VELOCITY = 7.0  # [rad/s]
_TORQUE = 0.7  # [Nm]
_ARMATURE = 0.002  # [kg m^2]; geared motors, an estimate
_TIP_RADIUS = 0.012
_TIP_MASS = 0.0168
_TIP_FRICTION = 1.5
_FINGER_LENGTHS = (0.0164, 0.054, 0.0384, 0.0267)
_FINGER_MASSES = (0.0119, 0.065, 0.0355, 0.0096)
_FINGER_LIMITS = ((-0.47, 0.47), (-0.196, 1.61), (-0.174, 1.709), (-0.227, 1.618))
_THUMB_LIMITS = ((0.263, 1.396), (-0.105, 1.163), (-0.189, 1.644), (-0.162, 1.719))
_THUMB_ORIGINS: tuple[Vector3, ...] = ((-0.0182, 0.019333, -0.045987), (-0.027, 0.005, 0.0399), (0, 0, 0.0177))
_Y, _Z = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def _segment(length: float, width: float = 0.0275, depth: float = 0.0196) -> Box:
    return Box((0.0, 0.0, length / 2), (depth, width, length))


def _bone(length: float, radius: float) -> Shape:
    # Starts a radius up the link, so that neighbours overlap in the joint only.
    return Shape(Capsule((0.0, 0.0, 0.004), (0.0, 0.0, length), radius), "allegro_black")


def _fingertip(length: float) -> tuple[Shape, ...]:
    white = Sphere((0.0, 0.0, length), _TIP_RADIUS + 0.0005)
    return (
        Shape(Capsule((0.0, 0.0, 0.004), (0.0, 0.0, length), _TIP_RADIUS), "allegro_black", friction=_TIP_FRICTION),
        Shape(white, "allegro_white", collides=False),
    )


def _joint(number: int, parent: str, position: Vector3, axis: Vector3, limits: tuple[float, float]) -> Joint:
    return Joint(
        name=f"joint_{number}_0",
        parent=parent,
        child=f"link_{number}_0",
        position=position,
        kind="revolute",
        axis=axis,
        lower=limits[0],
        upper=limits[1],
        velocity=_VELOCITY,
        torque=_TORQUE,
        armature=_ARMATURE,
    )


def _finger(first: int, y: float, z: float, roll: float) -> tuple[tuple[Link, ...], tuple[Joint, ...]]:
    base, proximal, medial, distal = (f"link_{first + i}_0" for i in range(4))
    l0, l1, l2, l3 = _FINGER_LENGTHS
    m0, m1, m2, m3 = _FINGER_MASSES
    knuckle = Shape(Capsule((0.0, 0.0, 0.0), (0.0, 0.0, l0), 0.0105), "allegro_black", collides=False)
    links = (
        Link(base, box_inertial(m0, _segment(l0)), (knuckle,)),
        Link(proximal, box_inertial(m1, _segment(l1)), (_bone(l1, 0.0115),)),
        Link(medial, box_inertial(m2, _segment(l2)), (_bone(l2, 0.0115),)),
        Link(distal, box_inertial(m3 + _TIP_MASS, _segment(l3 + _TIP_RADIUS)), _fingertip(l3)),
        Link(f"{distal}_tip"),
    )
    root = Joint(**{**vars(_joint(first, "palm_link", (0.0, y, z), _Z, _FINGER_LIMITS[0])), "rpy": (roll, 0.0, 0.0)})
    joints = (
        root,
        _joint(first + 1, base, (0.0, 0.0, l0), _Y, _FINGER_LIMITS[1]),
        _joint(first + 2, proximal, (0.0, 0.0, l1), _Y, _FINGER_LIMITS[2]),
        _joint(first + 3, medial, (0.0, 0.0, l2), _Y, _FINGER_LIMITS[3]),
        Joint(f"joint_{first + 3}_0_tip", distal, f"{distal}_tip", (0.0, 0.0, l3)),
    )
    return links, joints


def _thumb() -> tuple[tuple[Link, ...], tuple[Joint, ...]]:
    bulk = Box((-0.0179, 0.009, 0.0145), (0.0358, 0.034, 0.0455))
    links = (
        Link("link_12_0", box_inertial(0.0176, bulk), (Shape(bulk, "allegro_black"),)),
        Link("link_13_0", box_inertial(0.0119, _segment(0.0177))),
        Link("link_14_0", box_inertial(0.038, _segment(0.0514)), (_bone(0.0514, 0.0115),)),
        Link("link_15_0", box_inertial(0.0388 + _TIP_MASS, _segment(0.0423 + _TIP_RADIUS)), _fingertip(0.0423)),
        Link("link_15_0_tip"),
    )
    root = _joint(12, "palm_link", _THUMB_ORIGINS[0], (-1.0, 0.0, 0.0), _THUMB_LIMITS[0])
    joints = (
        Joint(**{**vars(root), "rpy": (0.0, -1.65806278845, -1.5707963259)}),
        _joint(13, "link_12_0", _THUMB_ORIGINS[1], _Z, _THUMB_LIMITS[1]),
        _joint(14, "link_13_0", _THUMB_ORIGINS[2], _Y, _THUMB_LIMITS[2]),
        _joint(15, "link_14_0", (0.0, 0.0, 0.0514), _Y, _THUMB_LIMITS[3]),
        Joint("joint_15_0_tip", "link_15_0", "link_15_0_tip", (0.0, 0.0, 0.0423)),
    )
    return links, joints


_PALM = Box((-0.0093, 0.0, -0.0475), (0.0408, 0.113, 0.095))

_INDEX, _MIDDLE, _RING = (
    _finger(0, 0.0435, -0.001542, -0.08726646255),
    _finger(4, 0, 0.0007, 0),
    _finger(8, -0.0435, -0.001542, 0.08726646255),
)
_THUMB = _thumb()

LINKS = (
    Link("palm_link", box_inertial(0.4154, _PALM), (Shape(_PALM, "allegro_black"), bracket.SHAPE)),
    *_INDEX[0],
    *_MIDDLE[0],
    *_RING[0],
    *_THUMB[0],
)

JOINTS = (
    bracket.mount("allegro_mount", "palm_link"),
    *_INDEX[1],
    *_MIDDLE[1],
    *_RING[1],
    *_THUMB[1],
)
