"""LEAP hand, right, on the angled bracket.

Joint origins, axes, limits, masses, velocity and torque: the right-hand URDF of the LEAP hand's authors (Shaw,
Agarwal and Pathak 2023), as kept in dex-urdf; joint names and the places of the servos' boxes: MuJoCo Menagerie's
`leap_hand`. The tests hold the origins against that table. All link frames are parallel to the palm's at zero
angles: x = palm normal, y = towards the index finger's side, where the thumb is, z = from the palm to the middle
finger; the origin is where the middle finger begins. The published inertia tensors are about the servo frames; ours
are those of homogeneous boxes of the published sizes and masses. Shapes are ours.
"""

from __future__ import annotations

from h2s2r_retarget.description import bracket
from h2s2r_retarget.description.model import Box, Capsule, Joint, Link, Shape, Sphere, Vector3, box_inertial

MATERIALS = {"leap_black": (0.16, 0.16, 0.17, 1.0), "leap_white": (0.93, 0.93, 0.90, 1.0)}

_VELOCITY = 8.48  # [rad/s]
_TORQUE = 0.95  # [Nm]
_ARMATURE = 0.001  # [kg m^2]; of LEAP_Hand_Sim
_TIP_RADIUS = 0.012  # [m]; the white tip ends 48 mm (thumb: 60 mm) after the last joint
_TIP_FRICTION = 1.5  # rubber; the published system's value for fingertips
_BONE_RADIUS = 0.0125  # [m]; half the width of the servos
_MCP, _ROT, _PIP, _DIP = (-0.314, 2.23), (-1.047, 1.047), (-0.506, 1.885), (-0.366, 2.042)  # [rad]
_CMC, _AXL, _THUMB_MCP, _IPL = (-0.349, 2.094), (-0.47, 2.443), (-1.2, 1.9), (-1.34, 1.88)  # [rad]
_X, _Y, _MINUS_Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)


def _joint(name: str, parent: str, child: str, position: Vector3, axis: Vector3, limits: tuple[float, float]) -> Joint:
    return Joint(
        name=name,
        parent=parent,
        child=child,
        position=position,
        kind="revolute",
        axis=axis,
        lower=limits[0],
        upper=limits[1],
        velocity=_VELOCITY,
        torque=_TORQUE,
        armature=_ARMATURE,
    )


def _bone(start: Vector3, end: Vector3) -> Shape:
    return Shape(Capsule(start, end, _BONE_RADIUS), "leap_black")


def _tip(start: Vector3, end: Vector3) -> tuple[Shape, ...]:
    return (
        Shape(Capsule(start, end, _TIP_RADIUS), "leap_black", friction=_TIP_FRICTION),
        Shape(Sphere(end, _TIP_RADIUS + 0.0005), "leap_white", collides=False),
    )


def _finger(name: str, y: float) -> tuple[tuple[Link, ...], tuple[Joint, ...]]:
    """A long finger in the plane `y` [m]: flexion, abduction and two more flexions."""
    base, proximal, medial, distal, tip = (f"{name}_{part}" for part in ("bs", "px", "md", "ds", "tip"))
    # The first servo sits on the back of the finger.
    servo = Box((-0.027, 0.0, 0.042), (0.028, 0.020, 0.040))
    links = (
        Link(base, box_inertial(0.044, servo), (Shape(servo, "leap_black"),)),
        Link(
            proximal,
            box_inertial(0.032, Box((0.011, 0.0, 0.0075), (0.022, 0.026, 0.034))),
            (_bone((0.0122, 0.0, 0.0), (0.0122, 0.0, 0.015)),),
        ),
        Link(
            medial,
            box_inertial(0.037, Box((-0.0055, 0.0, 0.0295), (0.030, 0.026, 0.034))),
            (_bone((0.0, 0.0, 0.004), (0.0, 0.0, 0.0361)),),
        ),
        Link(
            distal,
            box_inertial(0.016, Box((0.0, 0.0, 0.024), (0.020, 0.020, 0.048))),
            _tip((0.0, 0.0, 0.004), (0.0, 0.0, 0.036)),
        ),
        Link(tip),
    )
    joints = (
        _joint(f"{name}_mcp", "leap_palm", base, (-0.0008, y, 0.0), _Y, _MCP),
        _joint(f"{name}_rot", base, proximal, (-0.0122, 0.0009, 0.0381), _X, _ROT),
        _joint(f"{name}_pip", proximal, medial, (0.0130, -0.0009, 0.0150), _Y, _PIP),
        _joint(f"{name}_dip", medial, distal, (0.0, 0.0, 0.0361), _Y, _DIP),
        Joint(f"{name}_end", distal, tip, (0.0, 0.0, 0.036)),
    )
    return links, joints


def _thumb() -> tuple[tuple[Link, ...], tuple[Joint, ...]]:
    """It points to +y at zero angles; opposition turns it to the palm's normal."""
    servo = Box((-0.0075, 0.0, -0.011), (0.034, 0.026, 0.022))
    links = (
        Link("th_mp", box_inertial(0.032, servo), (Shape(servo, "leap_black"),)),
        Link("th_bs", box_inertial(0.003, Box((0.0, 0.009, 0.0), (0.018, 0.020, 0.033)))),
        Link(
            "th_px",
            box_inertial(0.038, Box((0.0, 0.0185, 0.0), (0.030, 0.045, 0.024))),
            (_bone((0.0, 0.004, 0.0), (0.0, 0.0466, 0.0)),),
        ),
        Link(
            "th_ds",
            box_inertial(0.049, Box((0.0, 0.0255, 0.0), (0.026, 0.069, 0.026))),
            _tip((0.0, 0.004, 0.0), (0.0, 0.048, 0.0)),
        ),
        Link("th_tip"),
    )
    joints = (
        _joint("th_cmc", "leap_palm", "th_mp", (0.0021, 0.0364, -0.0623), _MINUS_Z, _CMC),
        _joint("th_axl", "th_mp", "th_bs", (0.0, 0.0143, -0.0130), _Y, _AXL),
        _joint("th_mcp", "th_bs", "th_px", (0.0, 0.0170, 0.0), _X, _THUMB_MCP),
        _joint("th_ipl", "th_px", "th_ds", (0.0, 0.0466, 0.0), _X, _IPL),
        Joint("th_end", "th_ds", "th_tip", (0.0003, 0.048, 0.0)),
    )
    return links, joints


_FRAME = Box((-0.008, 0.0, -0.022), (0.046, 0.116, 0.062))
_HEEL = Box((-0.008, -0.0197, -0.073), (0.046, 0.062, 0.040))

_INDEX, _MIDDLE, _RING = _finger("if", 0.0452), _finger("mf", -0.0002), _finger("rf", -0.0456)
_THUMB = _thumb()

LINKS = (
    Link(
        "leap_palm",
        box_inertial(0.237, Box((-0.008, 0.0, -0.042), (0.046, 0.116, 0.102))),
        (Shape(_FRAME, "leap_black"), Shape(_HEEL, "leap_black"), bracket.SHAPE),
    ),
    *_INDEX[0],
    *_MIDDLE[0],
    *_RING[0],
    *_THUMB[0],
)

JOINTS = (bracket.mount("leap_mount", "leap_palm"), *_INDEX[1], *_MIDDLE[1], *_RING[1], *_THUMB[1])
