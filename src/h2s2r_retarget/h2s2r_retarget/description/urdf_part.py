"""Cuts a part out of a URDF before it is read: a hand off a robot, or an arm without its gripper."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from h2s2r_perception.artefact import InputError


def keep_part(path: Path, root: ET.Element, first: str | None, last: str | None) -> None:
    """Remove the links and joints that are not wanted.

    Args:
        path: The URDF, for errors.
        root: Its `<robot>`; changed in place.
        first: Keep this link and what hangs on it; None keeps the base.
        last: Remove what hangs on this link; None removes nothing.

    Raises:
        InputError: The URDF has no such link.
    """
    names = {str(link.get("name")) for link in root.findall("link")}
    for link in (first, last):
        if link is not None and link not in names:
            raise InputError(
                path,
                f"link `{link}`",
                found="no such link",
                expected=f"one of {', '.join(sorted(names))}",
                remedy="correct the option",
            )
    kept = names if first is None else _below(root, first)
    if last is not None:
        kept = kept - (_below(root, last) - {last})
    removed = names - kept
    for element in [*root.findall("link"), *root.findall("joint")]:
        # A joint to a link that there is not stays, for its error.
        ends = (
            {str(element.get("name"))} if element.tag == "link" else {_end(element, "parent"), _end(element, "child")}
        )
        if ends & removed:
            root.remove(element)


def _below(root: ET.Element, link: str) -> set[str]:
    children: dict[str, list[str]] = {}
    for joint in root.findall("joint"):
        children.setdefault(_end(joint, "parent"), []).append(_end(joint, "child"))
    found, waiting = {link}, [link]
    while waiting:
        new = [child for child in children.get(waiting.pop(), []) if child not in found]
        found.update(new)
        waiting += new
    return found


def _end(joint: ET.Element, role: str) -> str:
    element = joint.find(role)
    return str(element.get("link")) if element is not None else ""
