"""Where a description's links are, and what is fixed to what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, rotation_from_vector, transform_points
from h2s2r_retarget.description.hulls import surface_points
from h2s2r_retarget.description.model import Description, Joint, joint_origin

FloatArray = NDArray[np.float64]


def motion(joint: Joint, position: float) -> FloatArray:
    """What a joint adds to its origin at a position [rad or m], `(4, 4)`."""
    T = np.eye(4)
    if joint.kind == "prismatic":
        T[:3, 3] = position * np.array(joint.axis)
    elif joint.kind == "revolute":
        T[:3, :3] = rotation_from_vector(position * np.array(joint.axis))
    return T


def link_poses(robot: Description, joint_position: Mapping[str, float]) -> dict[str, FloatArray]:
    """Pose `(4, 4)` of every link in the base's frame; a joint without a position is at zero."""
    poses = {robot.links[0].name: np.eye(4)}
    for joint in robot.joints:  # in the order of their links: a parent is placed before its children
        moved = motion(joint, joint_position.get(joint.name, 0.0))
        poses[joint.child] = poses[joint.parent] @ joint_origin(joint) @ moved
    return poses


def chain(robot: Description, link: str) -> list[Joint]:
    """The joints from the base to a link, the base's first."""
    joint_of_child = {joint.child: joint for joint in robot.joints}
    joints: list[Joint] = []
    while link in joint_of_child:
        joints.append(joint_of_child[link])
        link = joints[-1].parent
    return joints[::-1]


def rigid_root(robot: Description, link: str) -> str:
    """The link that the last moving joint before `link` carries, or the base: `link` is fixed to it."""
    moving = [joint for joint in chain(robot, link) if joint.moves]
    return moving[-1].child if moving else robot.links[0].name


def rigid_shapes(robot: Description, link: str) -> list[FloatArray]:
    """Surface points `(K, 3)` m, in the frame of `link`, of each colliding shape that moves with it."""
    root = rigid_root(robot, link)
    poses = link_poses(robot, {})
    points = []
    for other in robot.links:
        if rigid_root(robot, other.name) == root:
            T_link_other = inverse(poses[link]) @ poses[other.name]
            points += [
                np.asarray(transform_points(T_link_other, surface_points(shape.primitive)))
                for shape in other.shapes
                if shape.collides
            ]
    return points
