"""The palm's axes are those retargeting means: x out of the palm, y to the thumb's side, z towards the fingers."""

from __future__ import annotations

import numpy as np

from h2s2r_sim.embodiment_check.finding import Finding, at_least, at_most, noted
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "palm frame"
_POSTURES = 2000


def check(subject: Subject) -> list[Finding]:
    """Look at the tips from the palm, at home and over the hand's range."""
    e = subject.embodiment
    postures = np.tile(e.home, (_POSTURES + 1, 1))
    postures[1:, e.arm_dof :] = subject.postures(_POSTURES)[:, e.arm_dof :]
    hand = subject.kinematics.forward(postures)
    R = hand.T_world_palm[0, :3, :3]
    tips = (hand.fingertip_position - hand.T_world_palm[:, None, :3, 3]) @ R
    turn = "turn palm_frame: x out of the palm, y to the thumb, z to the fingers"
    findings = [
        at_most(_NAME, "axes, off a rotation", float(np.abs(R @ R.T - np.eye(3)).max()), 1e-9, "", "report it"),
        at_least(
            _NAME, "tips in front of the palm at home, mean z", 1000.0 * float(tips[0, :, 2].mean()), 0.0, "mm", turn
        ),
    ]
    thumbs = [human == "thumb" for human in e.human_fingertips]
    others = tips[:, ~np.array(thumbs)]
    if any(thumbs) and others.shape[1] >= 1:
        findings += _of_the_thumb(tips[:, thumbs.index(True)], others, turn)
    behind = [frame for frame, z in zip(e.fingertip_frames, tips[0, :, 2], strict=True) if z < 0.0]
    count = float(len(behind))
    findings.append(noted(at_most(_NAME, "tips behind the palm at home", count, 0.0, "", ", ".join(behind))))
    return findings


def _of_the_thumb(thumb: FloatArray, others: FloatArray, turn: str) -> list[Finding]:
    """Arrays `(N, 3)` and `(N, F, 3)` m in the palm; the first posture is home."""
    towards = 1000.0 * float(thumb[0, 1] - others[0, :, 1].mean())
    # How much further the fingers ever get to the palm's side than to its back.
    closing = 1000.0 * float(others[..., 0].max() + others[..., 0].min())
    left = f"a left hand, or a palm turned by 180 deg: {turn}"
    return [
        noted(at_least(_NAME, "thumb on the +y side at home", towards, 0.0, "mm", left)),
        noted(at_least(_NAME, "fingers close to the +x side, by", closing, -1.0, "mm", left)),
    ]
