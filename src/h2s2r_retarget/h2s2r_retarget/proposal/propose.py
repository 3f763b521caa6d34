"""From a robot's description to the files of an embodiment."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.joining import below
from h2s2r_retarget.description.mjcf import to_mjcf
from h2s2r_retarget.description.model import Description
from h2s2r_retarget.description.placing import chain, rigid_root
from h2s2r_retarget.description.writing import urdf_files, write_files
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.proposal.fingers import Finger, find_fingers, open_posture
from h2s2r_retarget.proposal.home import choose_home
from h2s2r_retarget.proposal.palm_axes import PalmAxes, find_axes, with_axes
from h2s2r_retarget.proposal.servos import choose_servos, with_armature
from h2s2r_retarget.proposal.synergies import section_of, stand_in_synergies
from h2s2r_retarget.proposal.yaml_text import Draft, yaml_text

_TIP_FRICTION = 1.5
"""The published system's value for fingertips."""


_COMPUTED = "Computed from human hands that close round things (`python -m h2s2r_retarget.synergies`)."


@dataclass(frozen=True)
class Proposal:
    """The files of an embodiment, and what was found."""

    name: str
    files: Mapping[str, str]
    """Text by file name: YAML, URDF, MJCF, and the meshes that the URDF names."""
    remarks: tuple[str, ...]
    """What a person has to know or to look at, a line each."""


def propose(robot: Description, *, palm: str, name: str, thumb: str | None = None) -> Proposal:
    """Make an embodiment of a robot.

    Args:
        robot: An arm that carries a hand.
        palm: The link between them: what moves before it is the arm, what moves after it the hand.
        name: Of the embodiment and its files.
        thumb: Tip frame of the thumb; found by itself where not given.

    Raises:
        InputError: The robot has no such link, or is not an arm with a hand of two to five fingers.
    """
    _check(robot, palm)
    robot, fingers = find_fingers(with_armature(replace(robot, name=name)), palm)
    robot = _with_grip(robot, fingers)
    opened = open_posture(robot, fingers)
    axes = find_axes(robot, palm, fingers, opened, thumb)
    robot, palm_frame = with_axes(robot, palm, axes.T_palm_axes)
    arm = tuple(joint.name for joint in chain(robot, palm) if joint.moves)
    hand = tuple(joint.name for joint in robot.joints if joint.moves and joint.name not in arm)
    middle = {joint.name: (joint.lower + joint.upper) / 2 for joint in robot.joints}
    home = np.array([*(middle[joint] for joint in arm), *(opened[joint] for joint in hand)])
    files = urdf_files(robot)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_files(folder, files)
        urdf, names = folder / f"{name}.urdf", (*arm, *hand)
        draft = Draft(
            name=name,
            base=robot.links[0].name,
            palm=palm_frame,
            palm_remark=_palm_remark(palm, palm_frame),
            arm=arm,
            hand=hand,
            fingers=fingers,
            human=axes.human,
            servos=choose_servos(robot, urdf, names, home),
            home=home,
            home_remark="the middle of the arm joints' ranges",
            synergies=stand_in_synergies(robot, palm_frame, fingers, axes.human, opened),
            synergies_remark="LOOK: stand-ins, since the fingers do not follow a human hand that grasps.",
        )
        write_files(folder, _model_files(robot, draft))
        provisional = load_embodiment(folder / f"{name}.yaml")
        home, remark = choose_home(provisional)
        draft = replace(draft, home=home, home_remark=remark, servos=choose_servos(robot, urdf, names, home))
        computed = section_of(replace(provisional, home=home))
    if computed is not None:
        draft = replace(draft, synergies=computed, synergies_remark=_COMPUTED)
    return Proposal(name, {**files, **_model_files(robot, draft)}, _remarks(robot, draft, axes))


def _check(robot: Description, palm: str) -> None:
    if palm not in {link.name for link in robot.links}:
        known = [link.name for link in robot.links]
        raise InputError(
            robot.name,
            f"link `{palm}`",
            found="no such link",
            expected=f"one of {', '.join(known)}",
            remedy="correct --palm",
        )
    arm = {joint.name for joint in chain(robot, palm) if joint.moves}
    if not arm:
        raise InputError(
            robot.name,
            f"palm `{palm}`",
            found="no moving joint before it",
            expected="an arm",
            remedy="join the hand to an arm",
        )
    beyond = below(robot, palm)
    for joint in robot.joints:
        if joint.moves and joint.name not in arm and joint.child not in beyond:
            raise InputError(
                robot.name,
                f"joint `{joint.name}`",
                found="a joint neither of the arm nor of the hand",
                expected=f"joints between the base and {palm}, or beyond it",
                remedy=f"hold it still: --fix {joint.name}=VALUE",
            )


def _with_grip(robot: Description, fingers: tuple[Finger, ...]) -> Description:
    ends = {rigid_root(robot, finger.tip) for finger in fingers}
    links = tuple(
        replace(link, shapes=tuple(replace(shape, friction=_TIP_FRICTION) for shape in link.shapes))
        if rigid_root(robot, link.name) in ends
        else link
        for link in robot.links
    )
    return replace(robot, links=links)


def _model_files(robot: Description, draft: Draft) -> dict[str, str]:
    order = {name: index for index, name in enumerate((*draft.arm, *draft.hand))}
    rows = [order[joint.name] for joint in robot.joints if joint.moves]
    stiffness, damping, home = draft.servos.stiffness[rows], draft.servos.damping[rows], draft.home[rows]
    mjcf = to_mjcf(robot, stiffness=stiffness.tolist(), damping=damping.tolist(), home=home.tolist())
    return {f"{draft.name}.xml": mjcf, f"{draft.name}.yaml": yaml_text(draft)}


def _palm_remark(palm: str, palm_frame: str) -> str:
    if palm == palm_frame:
        return f"The axes of {palm} are about these."
    return f"{palm} has other axes: {palm_frame} was added to the URDF, from where the fingers begin and point."


def _remarks(robot: Description, draft: Draft, axes: PalmAxes) -> tuple[str, ...]:
    remarks = [
        f"arm: {len(draft.arm)} joints, {draft.arm[0]} to {draft.arm[-1]}; hand: {len(draft.hand)} joints",
        "fingers: " + ", ".join(f"{human} = {tip}" for tip, human in axes.human.items()),
        f"palm: {draft.palm_remark}",
        f"home: {draft.home_remark}",
    ]
    if len(draft.arm) < 6:
        remarks.append(f"LOOK: an arm of {len(draft.arm)} joints cannot turn the palm freely")
    if draft.synergies_remark != _COMPUTED:
        remarks.append(draft.synergies_remark)
    if len(draft.fingers) == 2:
        remarks.append("LOOK: two fingers: the first is taken as the thumb, and the palm's x as the side that pushes")
    elif not axes.closes_to_palm:
        remarks.append("LOOK: the fingers close to -x: a left hand, or another finger is the thumb (--thumb TIP)")
    bare = [link.name for link in robot.links if link.inertial is not None and not link.shapes]
    if bare:
        remarks.append(f"LOOK: links without a collision shape pass through things: {', '.join(bare)}")
    return tuple(remarks)
