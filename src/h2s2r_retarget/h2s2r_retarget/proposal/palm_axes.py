"""Which finger is the thumb, and how the palm's axes lie: x out of the palm, y to the thumb, z to the fingers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_angle
from h2s2r_retarget.description.joining import below
from h2s2r_retarget.description.model import Description, Joint, Link, depth_first, joint_origin, rpy_from_rotation
from h2s2r_retarget.description.placing import link_poses
from h2s2r_retarget.proposal.fingers import Finger

FloatArray = NDArray[np.float64]

PALM_FRAME = "palm_axes"
"""Name of the frame that is added where the palm's own axes are others."""
_SAME_RAD = np.radians(12.0)
_HUMAN = ("index", "middle", "ring", "little")


@dataclass(frozen=True, eq=False)
class PalmAxes:
    """What was made of a hand."""

    human: Mapping[str, str]
    """Human finger of each tip frame, the thumb last."""
    T_palm_axes: FloatArray
    """`(4, 4)`: the frame that retargeting means, in the palm link's."""
    closes_to_palm: bool
    """The fingers bend to +x, as a right hand's do; False of a left hand."""


def find_axes(
    robot: Description, palm: str, fingers: Sequence[Finger], opened: Mapping[str, float], thumb: str | None
) -> PalmAxes:
    """Look at the hand with its joints at `opened`.

    The thumb is the finger without which the others are most nearly parallel. z is the mean direction of the others,
    y runs along the line of their first joints to the thumb's side, and the origin is where the finger next to the
    index begins.

    Args:
        robot: Links and joints.
        palm: Link.
        fingers: At most five; two of a jaw.
        opened: Position of each joint of the open hand [rad or m].
        thumb: Tip of the thumb, if the user says so.

    Raises:
        InputError: There are one finger or more than five, or no tip has the name given.
    """
    if not 2 <= len(fingers) <= 5:
        raise InputError(
            robot.name, "fingers", found=str(len(fingers)), expected="two to five", remedy="correct --palm, or --fix"
        )
    poses = link_poses(robot, opened)
    T = inverse(poses[palm])
    child = {joint.name: joint.child for joint in robot.joints}
    bases = np.stack([(T @ poses[child[finger.joints[0]]])[:3, 3] for finger in fingers])
    tips = np.stack([(T @ poses[finger.tip])[:3, 3] for finger in fingers])
    number = _thumb(fingers, bases, tips) if thumb is None else _named(robot, fingers, thumb)
    others = [index for index in range(len(fingers)) if index != number]
    along = tips - bases if len(fingers) > 2 else tips  # a jaw's fingers begin anywhere along their slide
    z = _unit(np.sum([_unit(along[index]) for index in others], axis=0))
    to_thumb = tips[number] - tips[others].mean(axis=0)
    y = _across(bases[others], z) if len(others) > 1 else to_thumb
    y = _unit(y - (y @ z) * z)
    side = (bases[number] - bases[others].mean(axis=0)) @ y
    if abs(side) < 0.005:
        side = to_thumb @ y
    y = y if side >= 0.0 else -y
    x = np.cross(y, z)
    ordered = sorted(others, key=lambda index: -float(bases[index] @ y))
    human = {fingers[index].tip: name for index, name in zip(ordered, _HUMAN, strict=False)}
    origin = bases[ordered[min(1, len(ordered) - 1)]] if len(fingers) > 2 else np.zeros(3)
    return PalmAxes(
        human={**human, fingers[number].tip: "thumb"},
        T_palm_axes=np.asarray(pose(np.stack([x, y, z], axis=1), origin)),
        closes_to_palm=bool(_closing(robot, palm, [fingers[index] for index in others], opened) @ x >= 0.0),
    )


def with_axes(robot: Description, palm: str, T_palm_axes: FloatArray) -> tuple[Description, str]:
    """The robot with a palm frame of these axes before its fingers, and that frame's name.

    The palm's own frame is taken where its axes are within 12 deg and its origin within 3 cm.
    """
    near = float(rotation_angle(np.eye(3), T_palm_axes[:3, :3])) < _SAME_RAD
    if near and np.linalg.norm(T_palm_axes[:3, 3]) < 0.03:
        return robot, palm
    moved = inverse(T_palm_axes)
    joints: list[Joint] = []
    for joint in robot.joints:
        if joint.parent == palm and any(
            other.moves and other.child in below(robot, joint.child) for other in robot.joints
        ):
            T = moved @ joint_origin(joint)
            joint = replace(joint, parent=PALM_FRAME, position=_vector(T[:3, 3]), rpy=rpy_from_rotation(T[:3, :3]))
        joints.append(joint)
    position, rpy = _vector(T_palm_axes[:3, 3]), rpy_from_rotation(T_palm_axes[:3, :3])
    joints.append(Joint(f"{PALM_FRAME}_joint", palm, PALM_FRAME, position, rpy))
    return depth_first(replace(robot, links=(*robot.links, Link(PALM_FRAME)), joints=tuple(joints))), PALM_FRAME


def _thumb(fingers: Sequence[Finger], bases: FloatArray, tips: FloatArray) -> int:
    if len(fingers) == 2:
        return 0
    directions = np.stack([_unit(tip - base) for tip, base in zip(tips, bases, strict=True)])
    spread = []
    for candidate in range(len(fingers)):
        rest = [index for index in range(len(fingers)) if index != candidate]
        spread.append(sum(1.0 - directions[a] @ directions[b] for a, b in itertools.combinations(rest, 2)))
    return int(np.argmin(spread))


def _named(robot: Description, fingers: Sequence[Finger], thumb: str) -> int:
    tips = [finger.tip for finger in fingers]
    if thumb not in tips:
        raise InputError(
            robot.name,
            f"thumb `{thumb}`",
            found="no such tip",
            expected=f"one of {', '.join(tips)}",
            remedy="correct it",
        )
    return tips.index(thumb)


def _across(bases: FloatArray, z: FloatArray) -> FloatArray:
    """The line through the fingers' first joints, across the fingers."""
    flat = bases - bases.mean(axis=0)
    flat = flat - np.outer(flat @ z, z)
    return np.asarray(np.linalg.svd(flat, full_matrices=False)[2][0])


def _closing(robot: Description, palm: str, fingers: Sequence[Finger], opened: Mapping[str, float]) -> FloatArray:
    """Where the tips go, in the palm, when each joint turns by 0.1 rad towards its farther limit."""
    joints = {joint.name: joint for joint in robot.joints}
    moved = dict(opened)
    for name in {name for finger in fingers for name in finger.joints}:
        joint, at = joints[name], opened[name]
        step = 0.1 if joint.kind == "revolute" else 0.005
        moved[name] = at + (step if joint.upper - at > at - joint.lower else -step)
    before, after = link_poses(robot, opened), link_poses(robot, moved)
    way = [(after[finger.tip] - before[finger.tip])[:3, 3] for finger in fingers]
    return np.asarray(before[palm][:3, :3].T @ np.mean(way, axis=0))


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))


def _vector(values: FloatArray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
