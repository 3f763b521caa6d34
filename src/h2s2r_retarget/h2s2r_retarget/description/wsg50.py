"""Weiss WSG 50-110 parallel jaw with soft fingers as on the robots of UMI (Chi et al. 2024), on the angled bracket.

Body 146 x 72.5 x 50 mm of 0.989 kg, fingers of 50 g, stroke 55 mm each, 80 N, friction 1: Drake's
`wsg_50_description`. Fingers 132.5 mm long: UMI's `tcp_offset` of 235 mm less body and a 30 mm adapter. Speed 420 mm/s
between the fingers: the gripper's data sheet. Finger width and the motor's mass seen at a finger are estimates; shapes
are ours. UMI mounts the gripper along the flange axis; held so, the elbow is out of range where the bundled box is
pushed, so here the bracket of the hands holds it by its side.

Palm frame: z along the fingers, y from one finger to the other, x = y cross z, the side that leads when the gripper
pushes as a flat hand would. The finger on the +y side stands for the thumb. A finger's position is its opening [m].
"""

from __future__ import annotations

from h2s2r_retarget.description import bracket
from h2s2r_retarget.description.model import Box, Capsule, Joint, Link, Shape, Vector3, box_inertial

MATERIALS = {"jaw_grey": (0.62, 0.63, 0.65, 1.0), "jaw_orange": (0.93, 0.55, 0.20, 1.0)}

_STROKE = 0.055  # [m]
_SPEED = 0.21  # [m/s] of one finger
_FORCE = 80.0  # [N]
_MOTOR_MASS = 0.5  # [kg] seen at one finger; an estimate
_FINGER_MASS = 0.05  # [kg]
_FRICTION = 1.0
_FINGER_RADIUS = 0.012  # [m]
_TIP = 0.115  # [m] from the palm frame to the end of a finger, as far as the human's fingertips are
_FINGER_LENGTH = 0.1325  # [m] from the body to the end
_CLOSED = 0.0125  # [m] from the middle: closed fingers all but touch

_BODY = Box((0.0, 0.0, _TIP - _FINGER_LENGTH - 0.0725 / 2), (0.050, 0.146, 0.0725))


def _finger(side: str, direction: float) -> tuple[tuple[Link, ...], tuple[Joint, ...]]:
    """The finger on the side `direction` (+1 or -1) of y."""
    finger, tip = f"wsg_{side}_finger", f"wsg_{side}_tip"
    axis: Vector3 = (0.0, direction, 0.0)
    end: Vector3 = (0.0, 0.0, _TIP - _FINGER_RADIUS)
    pad = Capsule((0.0, 0.0, _TIP - _FINGER_LENGTH + _FINGER_RADIUS), end, _FINGER_RADIUS)
    middle = Box((0.0, 0.0, _TIP - _FINGER_LENGTH / 2), (2 * _FINGER_RADIUS, 2 * _FINGER_RADIUS, _FINGER_LENGTH))
    inertial = box_inertial(_FINGER_MASS, middle)
    links = (Link(finger, inertial, (Shape(pad, "jaw_orange", friction=_FRICTION),)), Link(tip))
    joints = (
        Joint(
            f"{finger}_joint",
            "wsg_palm",
            finger,
            (0.0, direction * _CLOSED, 0.0),
            kind="prismatic",
            axis=axis,
            lower=0.0,
            upper=_STROKE,
            velocity=_SPEED,
            torque=_FORCE,
            armature=_MOTOR_MASS,
        ),
        Joint(f"{tip}_joint", finger, tip, end),
    )
    return links, joints


_LEFT, _RIGHT = _finger("left", 1.0), _finger("right", -1.0)

LINKS = (
    Link(
        "wsg_palm",
        box_inertial(0.988882, _BODY),
        (Shape(_BODY, "jaw_grey"), bracket.SHAPE),
    ),
    *_LEFT[0],
    *_RIGHT[0],
)

JOINTS = (
    bracket.mount("wsg_mount", "wsg_palm"),
    *_LEFT[1],
    *_RIGHT[1],
)
