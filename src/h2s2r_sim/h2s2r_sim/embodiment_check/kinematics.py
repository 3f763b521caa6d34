"""URDF, MJCF and our own kinematics put every named frame in the same place."""

from __future__ import annotations

from typing import Any

import numpy as np

from h2s2r_perception.geometry import rotation_angle
from h2s2r_sim.embodiment_check.finding import Finding, at_most, none_of
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "kinematics"
_POSTURES = 300
_BOUND_MM = 0.01
_BOUND_RAD = 1e-5


def check(subject: Subject) -> list[Finding]:
    """Compare palm, fingertips and base at random postures; pinocchio's reading of the URDF is the reference."""
    e = subject.embodiment
    frames = list(dict.fromkeys((e.base_frame, e.palm_frame, *e.fingertip_frames)))
    postures = subject.postures(_POSTURES)
    reference = _by_pinocchio(subject, frames, postures)
    findings = _ours(subject, frames, postures, reference)
    model, why = subject.simulated
    if model is None:
        return [*findings, none_of(_NAME, "MJCF that MuJoCo refuses", [why], "correct the MJCF")]
    addresses = subject.joint_addresses(model)
    missing = _missing(model, frames) + ([] if addresses is not None else ["joints of the YAML"])
    findings.append(none_of(_NAME, "joints and frames missing in the MJCF", missing, "add sites of these names"))
    if missing:
        return findings
    return findings + _differences(
        "URDF against MJCF", frames, _by_mujoco(model, addresses, frames, postures), reference, "write the MJCF afresh"
    )


def _ours(subject: Subject, frames: list[str], postures: FloatArray, reference: FloatArray) -> list[Finding]:
    hand = subject.kinematics.forward(postures)
    e = subject.embodiment
    ours = reference.copy()
    ours[:, frames.index(e.palm_frame)] = hand.T_world_palm
    for count, frame in enumerate(e.fingertip_frames):
        ours[:, frames.index(frame), :3, 3] = hand.fingertip_position[:, count]
    return _differences("URDF against our kinematics", frames, ours, reference, "an error of ours: report it")


def _differences(what: str, frames: list[str], found: FloatArray, reference: FloatArray, remedy: str) -> list[Finding]:
    position_mm = 1000.0 * np.linalg.norm(found[..., :3, 3] - reference[..., :3, 3], axis=-1).max(axis=0)
    angle = np.asarray(rotation_angle(found[..., :3, :3], reference[..., :3, :3])).max(axis=0)
    findings = []
    for values, bound, unit in ((position_mm, _BOUND_MM, "mm"), (angle, _BOUND_RAD, "rad")):
        worst = int(np.argmax(values))
        detail = f"worst at {frames[worst]}; {remedy}"
        findings.append(at_most(_NAME, f"{what}, {len(frames)} frames", float(values[worst]), bound, unit, detail))
    return findings


def _by_pinocchio(subject: Subject, frames: list[str], postures: FloatArray) -> FloatArray:
    """World poses `(N, F, 4, 4)`."""
    import pinocchio

    model: Any = pinocchio.buildModelFromUrdf(str(subject.embodiment.urdf))
    data = model.createData()
    columns = [model.joints[model.getJointId(name)].idx_q for name in subject.embodiment.joint_names]
    ids = [model.getFrameId(frame) for frame in frames]
    poses = np.empty((len(postures), len(frames), 4, 4))
    q = np.zeros(model.nq)
    for posture, row in zip(postures, poses, strict=True):
        q[columns] = posture
        pinocchio.framesForwardKinematics(model, data, q)
        row[:] = [data.oMf[index].homogeneous for index in ids]
    return poses


def _by_mujoco(model: Any, addresses: Any, frames: list[str], postures: FloatArray) -> FloatArray:
    import mujoco

    data = mujoco.MjData(model)
    poses = np.tile(np.eye(4), (len(postures), len(frames), 1, 1))
    places = [_place(model, data, frame) for frame in frames]
    for posture, row in zip(postures, poses, strict=True):
        data.qpos[addresses] = posture
        mujoco.mj_kinematics(model, data)
        for count, place in enumerate(places):
            row[count, :3, :3], row[count, :3, 3] = place.xmat.reshape(3, 3), place.xpos
    return poses


def _missing(model: Any, frames: list[str]) -> list[str]:
    import mujoco

    kinds = (mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_BODY)
    return [frame for frame in frames if all(mujoco.mj_name2id(model, kind, frame) < 0 for kind in kinds)]


def _place(model: Any, data: Any, frame: str) -> Any:
    """A view of the site or body of that name, whose `xpos` and `xmat` follow the data."""
    import mujoco

    is_site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, frame) >= 0
    return data.site(frame) if is_site else data.body(frame)
