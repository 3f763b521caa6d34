"""Synergies of a new hand: computed, or stand-ins where the hand cannot follow a human's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Description, Joint
from h2s2r_retarget.description.placing import link_poses
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.human_grasps import human_grasps
from h2s2r_retarget.proposal.fingers import Finger
from h2s2r_retarget.synergies import compute_synergies, yaml_section

FloatArray = NDArray[np.float64]

_CLOSED = 0.7
"""Share of the way from open to the limit."""
_ALONG = 0.35
"""A joint takes part in closing if its tip sets out within about 70 deg of where closing goes."""
_BEFORE_PALM_M = 0.04


def section_of(embodiment: Embodiment) -> str | None:
    """The computed `synergies:` section of the YAML; None of a hand that stays where it is."""
    with np.errstate(invalid="ignore", divide="ignore"):
        computed = compute_synergies(embodiment, human_grasps())
    still = not np.isfinite(computed.centre).all() or np.linalg.norm(computed.basis[0]) < 1e-3
    return None if still else yaml_section(computed)


def stand_in_synergies(
    robot: Description, palm: str, fingers: Sequence[Finger], human: Mapping[str, str], opened: Mapping[str, float]
) -> str:
    """A `synergies:` section from the open hand at coordinate 0 to the closed one at 1: a start, not what hands do."""
    joints = {joint.name: joint for joint in robot.joints}
    hand = [joint.name for joint in robot.joints if joint.name in {name for f in fingers for name in f.joints}]
    closing = np.zeros(len(hand))
    for finger in fingers:
        for name in finger.joints:
            is_thumb = human[finger.tip] == "thumb"
            closing[hand.index(name)] = _way(robot, palm, fingers, finger, joints[name], opened, is_thumb)
    thumb = np.array([any(name in f.joints and human[f.tip] == "thumb" for f in fingers) for name in hand])
    rows = {"closure": closing}
    if len(fingers) > 2:
        rows["thumb"] = np.where(thumb, closing, 0.0)
        index = np.array([any(name in f.joints and human[f.tip] == "index" for f in fingers) for name in hand])
        rows["index_against_others"] = np.where(thumb, 0.0, np.where(index, closing, -closing))
    lines = ["synergies:", f"  mean: {_list([opened[name] for name in hand])}", "  basis:"]
    for name, row in rows.items():
        centre, half_range = (0.5, 0.6) if name == "closure" else (0, 0.4)
        lines.append(f"    - {{ name: {name}, row: {_list(row)}, centre: {centre}, half_range: {half_range} }}")
    return "\n".join(lines) + "\n"


def _list(values: Iterable[float]) -> str:
    return "[" + ", ".join(f"{value + 0.0:.4g}" for value in values) + "]"


def _way(
    robot: Description,
    palm: str,
    fingers: Sequence[Finger],
    finger: Finger,
    joint: Joint,
    opened: Mapping[str, float],
    is_thumb: bool,
) -> float:
    """How far [rad or m] the joint turns to close the hand, with its sign; 0 if it does not."""
    at, step = opened[joint.name], 0.01 * (joint.upper - joint.lower)
    poses, moved = link_poses(robot, opened), link_poses(robot, {**opened, joint.name: at + step})
    tip = poses[finger.tip][:3, 3]
    others = np.mean([poses[each.tip][:3, 3] for each in fingers if each is not finger], axis=0)
    x, centre = poses[palm][:3, 0], poses[palm][:3, 3]
    if len(fingers) == 2:
        closing = others - tip
    elif is_thumb:  # it goes before the palm, under the fingers
        closing = (others + centre) / 2 + _BEFORE_PALM_M * x - tip
    else:
        closing = x
    way = moved[finger.tip][:3, 3] - tip
    along = way @ closing / max(float(np.linalg.norm(way) * np.linalg.norm(closing)), 1e-12)
    if abs(along) < _ALONG:
        return 0.0
    return _CLOSED * ((joint.upper if along > 0.0 else joint.lower) - at)
