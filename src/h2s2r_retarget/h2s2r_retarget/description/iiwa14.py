"""KUKA LBR iiwa 14 R820.

Joint origins, axes and inertials: `lbr_description` of lbr_fri_ros2_stack (Apache-2.0), whose joint and link
names are kept, so that its drivers fit. Lengths add up to KUKA's 0.360, 0.420, 0.400 and 0.126 m.
Position and velocity limits are those of the same source and of KUKA's data sheet; torques are the data sheet's.
Capsules are ours.
"""

from __future__ import annotations

from math import radians

from h2s2r_retarget.description.model import Capsule, Inertial, Joint, Link, Shape, Sphere, Vector3

MATERIALS = {"kuka_orange": (0.96, 0.45, 0.07, 1.0), "kuka_grey": (0.78, 0.79, 0.80, 1.0)}

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_ARMATURE = 0.1  # [kg m^2]; with it the nominal gains are stable at 60 Hz (measured)


def _joint(number: int, position: Vector3, axis: Vector3, limit: float, velocity: float, torque: float) -> Joint:
    return Joint(
        name=f"lbr_A{number}",
        parent=f"lbr_link_{number - 1}",
        child=f"lbr_link_{number}",
        position=position,
        kind="revolute",
        axis=axis,
        lower=-radians(limit),
        upper=radians(limit),
        velocity=radians(velocity),
        torque=torque,
        armature=_ARMATURE,
    )


def _capsule(start: Vector3, end: Vector3, radius: float, material: str) -> tuple[Shape, ...]:
    return (Shape(Capsule(start, end, radius), material),)


LINKS = (
    Link(
        "lbr_link_0",
        Inertial(7.050378, (-0.012822, 0.0, 0.071507), (0.031226, 0.039697, 0.043102, 0.0, 0.000871, 0.0)),
        _capsule((-0.01, 0.0, 0.10), (0.0, 0.0, 0.12), 0.10, "kuka_grey"),
    ),
    Link(
        "lbr_link_1",
        Inertial(5.289529, (0.0, -0.033795, 0.132404), (0.042462, 0.042838, 0.01587, 0.0, 0.0, 0.006341)),
        _capsule((0.0, 0.0, 0.05), (0.0, 0.0, 0.2025), 0.085, "kuka_grey"),
    ),
    Link(
        "lbr_link_2",
        Inertial(5.688888, (0.000136, 0.047548, 0.076322), (0.055182, 0.053983, 0.016523, -3.3e-05, 5.6e-05, 0.010034)),
        _capsule((0.0, 0.01, 0.0), (0.0, 0.01, 0.19), 0.088, "kuka_orange"),
    ),
    Link(
        "lbr_link_3",
        Inertial(3.461245, (0.0, 0.034913, 0.123108), (0.02172, 0.02073, 0.007701, 0.0, 0.0, -0.003845)),
        _capsule((0.0, 0.0, 0.01), (0.0, 0.0, 0.192), 0.075, "kuka_grey"),
    ),
    Link(
        "lbr_link_4",
        Inertial(4.122995, (0.0, -0.039793, 0.086944), (0.03241, 0.030758, 0.009883, 0.0, 0.0, -0.006022)),
        _capsule((0.0, -0.0105, 0.0), (0.0, -0.0105, 0.17), 0.078, "kuka_orange"),
    ),
    Link(
        "lbr_link_5",
        Inertial(1.563756, (0.0, -0.029824, 0.076267), (0.008677, 0.007297, 0.003935, 0.0, 0.0, 0.002869)),
        _capsule((0.0, -0.012, 0.01), (0.0, -0.055, 0.165), 0.055, "kuka_grey"),
    ),
    Link(
        "lbr_link_6",
        Inertial(2.457878, (0.0, 0.07102, 0.00495), (0.007227, 0.006958, 0.004734, 0.0, 0.0, 0.000318)),
        (Shape(Sphere((0.0, 0.0707, 0.0), 0.08), "kuka_orange"),),
    ),
    Link(
        "lbr_link_7",
        Inertial(0.265331, (3.0e-06, -2.0e-06, 1.3782e-02), (0.000175, 0.000175, 0.000306, 0.0, 0.0, 0.0)),
        (Shape(Sphere((0.0, 0.0, -0.01), 0.058), "kuka_grey"),),
    ),
    Link("lbr_link_ee"),
)

JOINTS = (
    _joint(1, (0.0, 0.0, 0.1475), _Z, 170.0, 85.0, 320.0),
    _joint(2, (0.0, -0.01, 0.2125), _Y, 120.0, 85.0, 320.0),
    _joint(3, (0.0, 0.01, 0.228), _Z, 170.0, 100.0, 176.0),
    _joint(4, (0.0, 0.0105, 0.192), (0.0, -1.0, 0.0), 120.0, 75.0, 176.0),
    _joint(5, (0.0, -0.0105, 0.2075), _Z, 170.0, 130.0, 110.0),
    _joint(6, (0.0, -0.0707, 0.1925), _Y, 120.0, 135.0, 40.0),
    _joint(7, (0.0, 0.0707, 0.091), _Z, 175.0, 135.0, 40.0),
    Joint("lbr_joint_ee", "lbr_link_7", "lbr_link_ee", (0.0, 0.0, 0.035)),
)
