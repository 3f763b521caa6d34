"""Puts a hand on an arm: two descriptions become one."""

from __future__ import annotations

from dataclasses import replace

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.model import Description, Joint, Vector3, depth_first


def join(arm: Description, hand: Description, *, at: str, position: Vector3, rpy: Vector3, name: str) -> Description:
    """Fix a hand to a link of an arm.

    Args:
        arm: The arm.
        hand: The hand.
        at: Link of the arm.
        position: Of the hand's first link in the frame of `at` [m].
        rpy: Fixed-axis roll, pitch, yaw of the same [rad].
        name: Of the new robot.

    Raises:
        InputError: The arm has no such link, or both robots use a name.
    """
    if at not in {link.name for link in arm.links}:
        raise InputError(
            arm.name, f"link `{at}`", found="no such link", expected="a link of the arm", remedy="correct --at"
        )
    mount = Joint(f"{hand.links[0].name}_mount", at, hand.links[0].name, position, rpy)
    for what, ours, theirs in (
        ("link", {link.name for link in arm.links}, {link.name for link in hand.links}),
        ("joint", {joint.name for joint in arm.joints}, {joint.name for joint in (*hand.joints, mount)}),
    ):
        twice = sorted(ours & theirs)
        if twice:
            raise InputError(
                hand.name,
                f"{what} `{twice[0]}`",
                found=f"one in {arm.name}, too",
                expected="its own",
                remedy="rename it",
            )
    hand = _with_own_materials(hand, arm.materials)
    joined = Description(
        name=name,
        links=(*arm.links, *hand.links),
        joints=(*arm.joints, mount, *hand.joints),
        materials={**arm.materials, **hand.materials},
    )
    return depth_first(joined)


def below(robot: Description, link: str) -> set[str]:
    """Names of a link and of all that hangs on it."""
    found = {link}
    for joint in robot.joints:  # in the order of their links, so that parents come first
        if joint.parent in found:
            found.add(joint.child)
    return found


def _with_own_materials(hand: Description, taken: dict[str, tuple[float, float, float, float]]) -> Description:
    """A colour of the hand whose name means another colour on the arm gets a name of its own."""
    names = {
        name: f"{hand.name}_{name}" for name, colour in hand.materials.items() if taken.get(name, colour) != colour
    }
    links = tuple(
        replace(
            link,
            shapes=tuple(replace(shape, material=names.get(shape.material, shape.material)) for shape in link.shapes),
        )
        for link in hand.links
    )
    materials = {names.get(name, name): colour for name, colour in hand.materials.items()}
    return replace(hand, links=links, materials=materials)
