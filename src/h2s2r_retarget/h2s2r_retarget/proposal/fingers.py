"""Finds the fingers that hang on a palm, and where their tips are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse
from h2s2r_retarget.description.hulls import depth_inside
from h2s2r_retarget.description.joining import below
from h2s2r_retarget.description.model import Description, Joint, Link, depth_first
from h2s2r_retarget.description.placing import chain, link_poses, rigid_root, rigid_shapes

FloatArray = NDArray[np.float64]

_RADIUS_M = (0.004, 0.020)
"""Of a fingertip: thinner and thicker ones are taken as these."""
_OPEN = 0.1
"""Share of a joint's range that the open hand keeps from its limits."""
_END_M = 0.015
"""What counts as the end of a finger."""
_FRAME_BEYOND_M = 0.005
"""A frame this far beyond the last joint is a tip's."""


@dataclass(frozen=True)
class Finger:
    """A chain of hand joints with a tip."""

    joints: tuple[str, ...]
    """From the palm to the tip."""
    tip: str
    """Link whose origin is the centre of the fingertip."""
    radius_m: float
    invented: bool
    """The URDF has no frame there: `tip` was added."""


def find_fingers(robot: Description, palm: str) -> tuple[Description, tuple[Finger, ...]]:
    """The fingers beyond the palm, and the robot with the tip frames it lacked.

    A tip is the furthest fixed frame after a finger's last joint (a link without mass and shape); where there is
    none, one is put a radius before the far end of the finger's last shape.

    Raises:
        InputError: Nothing moves beyond the palm, or a finger has neither a frame nor a shape at its end.
    """
    hand = [joint for joint in robot.joints if joint.moves and joint.child in below(robot, palm) - {palm}]
    if not hand:
        raise InputError(
            robot.name, f"palm `{palm}`", found="no moving joint beyond it", expected="a hand", remedy="correct --palm"
        )
    last = [joint for joint in hand if not any(other.parent in below(robot, joint.child) for other in hand)]
    fingers: list[Finger] = []
    for joint in last:
        names = {each.name for each in hand}
        joints = tuple(each.name for each in chain(robot, joint.child) if each.name in names)
        tip = _tip_frame(robot, joint.child)
        if tip is None:
            robot, tip, radius = _with_tip(robot, joint)
            fingers.append(Finger(joints, tip, radius, invented=True))
        else:
            fingers.append(Finger(joints, tip, _radius(robot, tip), invented=False))
    return robot, tuple(fingers)


def open_posture(robot: Description, fingers: Sequence[Finger]) -> dict[str, float]:
    """Position [rad or m] of every moving joint with the hand open, none near a limit.

    A joint that turns is at zero, or as near to it as it may. One that slides is at the end where its finger is
    further from the others.
    """
    opened = {joint.name: float(np.clip(0.0, *_inner(joint))) for joint in robot.joints if joint.moves}
    for joint in robot.joints:
        mine = [finger for finger in fingers if joint.name in finger.joints]
        if joint.kind == "prismatic" and mine and len(fingers) > len(mine):

            def apart(position: float, joint: Joint = joint, mine: Sequence[Finger] = mine) -> float:
                poses = link_poses(robot, {**opened, joint.name: position})
                others = np.mean([poses[each.tip][:3, 3] for each in fingers if each not in mine], axis=0)
                return float(np.linalg.norm(poses[mine[0].tip][:3, 3] - others))

            opened[joint.name] = max(_inner(joint), key=apart)
    return opened


def _inner(joint: Joint) -> tuple[float, float]:
    margin = _OPEN * (joint.upper - joint.lower)
    return joint.lower + margin, joint.upper - margin


def _tip_frame(robot: Description, link: str) -> str | None:
    """The frame furthest from `link` among those fixed to it."""
    poses, parents = link_poses(robot, {}), {joint.parent for joint in robot.joints}
    frames = {
        other.name: float(np.linalg.norm((inverse(poses[link]) @ poses[other.name])[:3, 3]))
        for other in robot.links
        if other.inertial is None and not other.shapes and other.name not in parents
        if rigid_root(robot, other.name) == link
    }
    furthest = max(frames, key=lambda name: frames[name], default=None)
    return furthest if furthest is not None and frames[furthest] > _FRAME_BEYOND_M else None


def _radius(robot: Description, tip: str) -> float:
    depths = [depth_inside(points, np.zeros(3)) for points in rigid_shapes(robot, tip)]
    return float(np.clip(max(depths, default=0.0), *_RADIUS_M))


def _with_tip(robot: Description, joint: Joint) -> tuple[Description, str, float]:
    shapes = rigid_shapes(robot, joint.child)
    if not shapes:
        raise InputError(
            robot.name,
            f"link `{joint.child}`",
            found="the end of a finger with neither a collision shape nor a frame",
            expected="one of them",
            remedy="add a link at the fingertip, by a fixed joint",
        )
    points = np.concatenate(shapes)
    along = points.mean(axis=0) if joint.kind == "revolute" else _longest(points)
    along = along / np.linalg.norm(along)
    # The end of the finger decides: it may be bent, and thicker where it begins.
    end = points[points @ along > (points @ along).max() - _END_M]
    across = np.linalg.svd(np.eye(3) - np.outer(along, along))[0][:, :2]
    low, high = (end @ across).min(axis=0), (end @ across).max(axis=0)
    radius = float(np.clip((high - low).min() / 2, *_RADIUS_M))
    centre = across @ (low + high) / 2 + ((points @ along).max() - radius) * along
    tip = f"{joint.child}_tip"
    x, y, z = (float(value) for value in centre)
    links, joints = (*robot.links, Link(tip)), (*robot.joints, Joint(f"{tip}_joint", joint.child, tip, (x, y, z)))
    return depth_first(replace(robot, links=links, joints=joints)), tip, radius


def _longest(points: FloatArray) -> FloatArray:
    """The direction in which the points extend furthest, away from the origin."""
    direction = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
    return np.asarray(direction * np.sign(direction @ points.mean(axis=0) or 1.0))
