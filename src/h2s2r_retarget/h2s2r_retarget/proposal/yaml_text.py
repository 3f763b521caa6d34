"""The embodiment's YAML, with what a person has to look at beside each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.proposal.fingers import Finger
from h2s2r_retarget.proposal.servos import RULES, Servos

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draft:
    """Everything that stands in the YAML."""

    name: str
    base: str
    palm: str
    palm_remark: str
    arm: tuple[str, ...]
    hand: tuple[str, ...]
    fingers: Sequence[Finger]
    human: Mapping[str, str]
    servos: Servos
    home: FloatArray
    home_remark: str
    synergies: str
    """That section of the file."""
    synergies_remark: str


def yaml_text(draft: Draft) -> str:
    """The file. `LOOK` marks what no rule can know."""
    order = list(draft.human)
    fingers = sorted(draft.fingers, key=lambda finger: order.index(finger.tip))
    acceleration, arm = draft.servos.acceleration, len(draft.arm)
    jerk = np.concatenate([acceleration[:arm] / 0.05, acceleration[arm:] / 0.01])
    lines = [
        f"# {draft.name}: proposed from its URDF by `h2s2r embodiment new`. LOOK at what is marked, then run",
        f"# `h2s2r embodiment check {draft.name}.yaml`. Position, velocity and effort limits are read from the URDF.",
        f"name: {draft.name}",
        f"urdf: {draft.name}.urdf",
        f"mjcf: {draft.name}.xml",
        f"base_frame: {draft.base} # z up; the table stands before it, in +x",
        "# LOOK: x out of the palm, y to the thumb's side, z from the palm to the middle finger.",
        f"# {draft.palm_remark}",
        f"palm_frame: {draft.palm}",
        f"arm_joint_names: [{', '.join(draft.arm)}]",
        "hand_joint_names:",
        *[f"  - {name}" for name in draft.hand],
        "# LOOK: centre and radius of each fingertip, and the human finger that it follows.",
        "fingertips:",
        *[_fingertip(finger, draft.human[finger.tip]) for finger in fingers],
        "# rad/s^2 (m/s^2): a quarter of the effort, at most what is usual. LOOK in the data sheet.",
        f"acceleration: {_list(acceleration)}",
        "# rad/s^3 (m/s^3): full acceleration is built up in 50 ms by the arm, in 10 ms by the hand.",
        f"jerk: {_list(jerk)}",
        f"# Nm/rad and Nm s/rad (N/m and N s/m) of the simulated servos: {RULES}.",
        f"stiffness: {_list(draft.servos.stiffness)}",
        f"damping: {_list(draft.servos.damping)}",
        f"# rad (m): {draft.home_remark}; the hand open.",
        f"home: {_list(draft.home)}",
        f"# {draft.synergies_remark}",
        "# hand = mean + coordinate x row; coordinate = centre + half_range x action.",
    ]
    return "\n".join(lines) + "\n" + draft.synergies


def _fingertip(finger: Finger, human: str) -> str:
    remark = " # added: a radius before the end of the shape" if finger.invented else ""
    return f"  - {{ frame: {finger.tip}, human: {human}, radius_m: {finger.radius_m:.4f} }}{remark}"


def _list(values: FloatArray) -> str:
    return "[" + ", ".join(f"{value + 0.0:.5g}" for value in values) + "]"
