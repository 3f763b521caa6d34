"""Puts a hand on an arm: two descriptions become one."""

from __future__ import annotations

from dataclasses import replace

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.model import Description, Joint, Vector3, depth_first


def join(
    arm: Description,
    hand: Description,
    *,
    at: str,
    hand_root: str,
    position: Vector3,
    rpy: Vector3,
    name: str,
) -> tuple[Description, tuple[str, ...]]:
    """Hang a hand on a link of an arm.

    Args:
        arm: What hangs at `at` already (its own gripper) is taken off.
        hand: What lies before `hand_root` (an arm of its own) is left out.
        at: Link of the arm.
        hand_root: Link of the hand.
        position: Of the hand's root in the frame of `at` [m].
        rpy: Fixed-axis roll, pitch, yaw of the same [rad].
        name: Of the new robot.

    Returns:
        The new robot, and the arm's links that were taken off.

    Raises:
        InputError: One of the links does not exist, or both robots use a name.
    """
    for robot, link, option in ((arm, at, "--at"), (hand, hand_root, "--hand-root")):
        if link not in {each.name for each in robot.links}:
            raise InputError(
                robot.name,
                f"link `{link}`",
                found="no such link",
                expected="a link of this robot",
                remedy=f"correct {option}",
            )
    off = below(arm, at) - {at}
    carried = _part(arm, {link.name for link in arm.links} - off)
    fingers = _part(hand, below(hand, hand_root))
    mount = Joint(f"{hand_root}_mount", at, hand_root, position, rpy)
    for what, ours, theirs in (
        ("link", {link.name for link in carried.links}, {link.name for link in fingers.links}),
        ("joint", {joint.name for joint in carried.joints}, {joint.name for joint in (*fingers.joints, mount)}),
    ):
        twice = sorted(ours & theirs)
        if twice:
            raise InputError(
                hand.name,
                f"{what} `{twice[0]}`",
                found=f"one in {arm.name}, too",
                expected="its own name",
                remedy="rename it",
            )
    clashing = [
        key for key in fingers.materials if carried.materials.get(key, fingers.materials[key]) != fingers.materials[key]
    ]
    fingers = _renamed_materials(fingers, {key: f"{hand.name}_{key}" for key in clashing})
    joined = Description(
        name=name,
        links=(*carried.links, *fingers.links),
        joints=(*carried.joints, mount, *fingers.joints),
        materials={**carried.materials, **fingers.materials},
    )
    return depth_first(joined), tuple(link.name for link in arm.links if link.name in off)


def below(robot: Description, link: str) -> set[str]:
    """Names of a link and of all that hangs on it."""
    found = {link}
    for joint in robot.joints:  # in the order of their links, so that parents come first
        if joint.parent in found:
            found.add(joint.child)
    return found


def _part(robot: Description, names: set[str]) -> Description:
    links = tuple(link for link in robot.links if link.name in names)
    joints = tuple(joint for joint in robot.joints if joint.parent in names and joint.child in names)
    used = {shape.material for link in links for shape in link.shapes}
    materials = {key: colour for key, colour in robot.materials.items() if key in used}
    return Description(robot.name, links, joints, materials)


def _renamed_materials(robot: Description, names: dict[str, str]) -> Description:
    links = tuple(
        replace(
            link,
            shapes=tuple(replace(shape, material=names.get(shape.material, shape.material)) for shape in link.shapes),
        )
        for link in robot.links
    )
    materials = {names.get(key, key): colour for key, colour in robot.materials.items()}
    return replace(robot, links=links, materials=materials)
