"""Limits and gains are there, finite, and the same in YAML, URDF and MJCF."""

from __future__ import annotations

from typing import Any

import numpy as np

from h2s2r_sim.embodiment_check.finding import Finding, at_most, none_of
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "limits"
_RELATIVE = 1e-6


def check(subject: Subject) -> list[Finding]:
    """Look at every joint's limits; `load_embodiment` has seen to it that they are positive and not empty."""
    e = subject.embodiment
    limits = e.limits
    tables = (limits.lower, limits.upper, limits.velocity, limits.acceleration, limits.jerk, limits.torque)
    finite = np.isfinite(np.stack(tables))
    endless = [name for name, good in zip(e.joint_names, finite.all(axis=0), strict=True) if not good]
    findings = [none_of(_NAME, "joints without finite limits", endless, "give the URDF's joint revolute limits")]
    model, _ = subject.simulated
    if model is None:
        return findings
    missing = [name for name in e.joint_names if not _has_servo(model, name)]
    findings.append(
        none_of(_NAME, "joints without a position servo in the MJCF", missing, "add <position> of its name")
    )
    if missing:
        return findings
    for what, found, expected, remedy in _pairs(subject, model):
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)
        worst = int(np.argmax(difference.reshape(e.dof, -1).max(axis=1)))
        detail = f"{e.joint_names[worst]}: {_row(found, worst)} in the MJCF, {_row(expected, worst)} {remedy}"
        findings.append(at_most(_NAME, f"{what}, relative difference", float(difference.max()), _RELATIVE, "", detail))
    return findings


def _pairs(subject: Subject, model: Any) -> list[tuple[str, FloatArray, FloatArray, str]]:
    e = subject.embodiment
    joints = [model.joint(name).id for name in e.joint_names]
    servos = [model.actuator(name).id for name in e.joint_names]
    ranges = np.stack([e.limits.lower, e.limits.upper], axis=1)
    forces = np.stack([-e.limits.torque, e.limits.torque], axis=1)
    return [
        ("joint ranges, MJCF and URDF", model.jnt_range[joints], ranges, "in the URDF"),
        ("servo ranges, MJCF and URDF", model.actuator_ctrlrange[servos], ranges, "in the URDF"),
        ("effort limits, MJCF and URDF", model.actuator_forcerange[servos], forces, "in the URDF"),
        ("stiffness, MJCF and YAML", model.actuator_gainprm[servos, 0], e.stiffness, "in the YAML"),
        ("damping, MJCF and YAML", -model.actuator_biasprm[servos, 2], e.damping, "in the YAML"),
    ]


def _has_servo(model: Any, name: str) -> bool:
    import mujoco

    servo = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_ACTUATOR, name)
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
    if min(servo, joint) < 0 or int(model.actuator_trnid[servo, 0]) != joint:
        return False
    return bool(model.actuator_biasprm[servo, 1] == -model.actuator_gainprm[servo, 0] < 0.0)


def _row(values: FloatArray, index: int) -> str:
    return " to ".join(f"{value:.6g}" for value in np.ravel(values[index]))
