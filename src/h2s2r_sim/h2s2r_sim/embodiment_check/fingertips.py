"""Fingertips: whose they are, that the hand moves them, that they lie in matter, and that the thumb meets them."""

from __future__ import annotations

import numpy as np

from h2s2r_retarget.description.hulls import depth_inside
from h2s2r_retarget.description.placing import rigid_shapes
from h2s2r_retarget.urdf_model import read_urdf
from h2s2r_sim.embodiment_check.finding import Finding, Verdict, at_most, none_of, noted
from h2s2r_sim.embodiment_check.subject import Subject

_NAME = "fingertips"
_THUMB = "thumb"
_POSTURES = 4000
_PINCH_MM = 20.0
_SURFACE_MM = 6.0


def check(subject: Subject) -> list[Finding]:
    """Judge the map of robot tips to human fingers; `load_embodiment` has refused tips off the hand."""
    e = subject.embodiment
    findings = []
    followed = [name for tip in e.human_fingertips for name in tip.split("+")]
    twice = sorted({name for name in followed if followed.count(name) > 1})
    findings.append(none_of(_NAME, "human fingers followed twice", twice, "give each tip a finger of its own"))
    no_thumb = [] if _THUMB in e.human_fingertips else [_THUMB]
    findings.append(none_of(_NAME, "human fingers that must be followed and are not", no_thumb, "map a tip to `thumb`"))
    hand = set(e.hand_joint_names)
    model = read_urdf(e.urdf)
    still = [tip for tip in e.fingertip_frames if not any(joint.name in hand for joint in model.chain(tip))]
    findings.append(none_of(_NAME, "tips that no hand joint moves", still, "name a link at the end of a finger"))
    findings.append(_in_matter(subject))
    if not no_thumb and len(e.fingertip_frames) > 1:
        findings.append(_pinch(subject))
    return findings


def _in_matter(subject: Subject) -> Finding:
    """A tip is the centre of a ball of its radius: the finger's surface must be about that far from it."""
    e = subject.embodiment
    worst, where = 0.0, ""
    for frame, radius in zip(e.fingertip_frames, e.fingertip_radius, strict=True):
        shapes = rigid_shapes(subject.description, frame)
        if not shapes:
            return Finding(
                _NAME,
                "tips without a shape",
                frame,
                "none",
                "FAIL",
                "nothing would touch: give its link a collision shape",
            )
        depth = max(depth_inside(shape, np.zeros(3)) for shape in shapes)
        if abs(depth - radius) >= worst:
            worst, where = abs(depth - float(radius)), f"{frame}, {1000 * depth:.1f} mm below the surface"
    detail = f"{where}; correct radius_m, or move the frame"
    return noted(at_most(_NAME, "surface of the tip, off its ball", 1000.0 * worst, _SURFACE_MM, "mm", detail))


def _pinch(subject: Subject) -> Finding:
    e = subject.embodiment
    postures = np.tile(e.home, (_POSTURES, 1))
    postures[:, e.arm_dof :] = subject.postures(_POSTURES)[:, e.arm_dof :]
    tips = subject.kinematics.forward(postures).fingertip_position
    thumb = e.human_fingertips.index(_THUMB)
    gaps = {}
    for other, frame in enumerate(e.fingertip_frames):
        if other != thumb:
            between = np.linalg.norm(tips[:, other] - tips[:, thumb], axis=1)
            gaps[frame] = 1000.0 * float(between.min() - e.fingertip_radius[other] - e.fingertip_radius[thumb])
    nearest = min(gaps, key=lambda frame: gaps[frame])
    measured = max(gaps[nearest], 0.0)
    verdict: Verdict = "pass" if measured <= _PINCH_MM else "FAIL"
    detail = "" if verdict == "pass" else f"{nearest} comes nearest; is the right tip mapped to the thumb?"
    return Finding(
        _NAME,
        "gap of the thumb to the nearest tip, closed",
        f"{measured:.3g} mm",
        f"<= {_PINCH_MM:g} mm",
        verdict,
        detail,
    )
