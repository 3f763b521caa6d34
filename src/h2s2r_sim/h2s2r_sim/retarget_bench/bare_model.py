"""The robot as the peers get it: joints and frames only, from the embodiment's own URDF.

Nothing that costs time without moving a frame (meshes, collision shapes) is left in, and `bare_urdf` can be cut at
the palm, so that a peer that is asked for the hand alone does not carry the arm. All peers read the same text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from h2s2r_retarget.embodiment import Embodiment

_MUJOCO = {"fusestatic": "false", "balanceinertia": "true", "angle": "radian"}


def bare_urdf(embodiment: Embodiment, root_link: str) -> str:
    """URDF text of `root_link` and what it carries.

    Args:
        embodiment: The robot.
        root_link: Becomes the root: the base frame for the whole robot, the palm's for the hand alone.
    """
    source = ET.parse(embodiment.urdf).getroot()
    kept, joints = {root_link}, []
    waiting = source.findall("joint")
    while True:
        next_ones = [joint for joint in waiting if _link(joint, "parent") in kept]
        if not next_ones:
            break
        joints += next_ones
        kept |= {_link(joint, "child") for joint in next_ones}
        waiting = [joint for joint in waiting if joint not in next_ones]
    robot = ET.Element("robot", name=f"{embodiment.name}_{root_link}")
    # What MuJoCo needs to keep the frames of links that do not move by themselves; others do not read it.
    ET.SubElement(ET.SubElement(robot, "mujoco"), "compiler", _MUJOCO)
    for name in [str(link.get("name")) for link in source.findall("link") if link.get("name") in kept]:
        _add_link(robot, name)
    robot.extend(joints)
    return ET.tostring(robot, encoding="unicode")


def _add_link(robot: ET.Element, name: str) -> None:
    inertial = ET.SubElement(ET.SubElement(robot, "link", name=name), "inertial")
    ET.SubElement(inertial, "mass", value="0.1")
    moments = {"ixx": "1e-4", "iyy": "1e-4", "izz": "1e-4", "ixy": "0", "ixz": "0", "iyz": "0"}
    ET.SubElement(inertial, "inertia", moments)


def _link(joint: ET.Element, role: str) -> str:
    found = joint.find(role)
    return str(found.get("link")) if found is not None else ""
