"""The servo gains are stable in simulation: every joint takes a step, at the rates of training and of evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

from h2s2r_sim.embodiment_check.finding import Finding, at_most
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "servos"
_RATES_HZ = (60.0, 120.0)
_SECONDS = 2.0
_STEP = 0.1
"""A tenth of what counts as a radian, or of the range where that is less."""
_SETTLED = 0.05
"""Of the step: within it from the time given on."""
_SETTLING_S = 1.5
_OVERSHOOT_PERCENT = 30.0
_STEADY_PERCENT = 5.0
_SWINGING_PERCENT = 2.0
_SAG = 0.01
"""Of what counts as a radian, under the weight that the MJCF does not compensate."""


def check(subject: Subject) -> list[Finding]:
    """Hold home, then step each joint on its own towards the middle of its range."""
    model, _ = subject.simulated
    addresses = None if model is None else subject.joint_addresses(model)
    if model is None or addresses is None or model.nu != subject.embodiment.dof:
        return [Finding(_NAME, "simulation", "none", "one", "FAIL", "the MJCF is refused, or lacks joints or servos")]
    findings: list[Finding] = []
    for rate_hz in _RATES_HZ:
        findings += _at(subject, model, addresses, rate_hz)
    return findings


def _at(subject: Subject, model: Any, addresses: Any, rate_hz: float) -> list[Finding]:
    e = subject.embodiment
    step = np.minimum(_STEP * e.like_a_radian, 0.1 * (e.limits.upper - e.limits.lower))
    step = np.where(e.home > (e.limits.lower + e.limits.upper) / 2, -step, step)
    targets = np.concatenate([e.home[None], e.home + np.diag(step)])
    path = _simulated(subject, model, addresses, targets, 1.0 / rate_hz)
    at = f"at {rate_hz:g} Hz"
    if not np.isfinite(path).all():
        wild = e.joint_names[int(np.argmax(~np.isfinite(path).all(axis=(0, 1))))]
        return [Finding(_NAME, f"states {at}", "not finite", "finite", "FAIL", f"{wild}; lower stiffness or damping")]
    sag = np.abs(path[0, -1] - e.home) / e.like_a_radian
    # `(J, T)`: share of its step that each joint has made.
    own = np.stack([path[j + 1, :, j] - path[0, :, j] for j in range(e.dof)]) / step[:, None]
    tail = own[:, -int(0.3 * rate_hz) :]
    outside = np.abs(own - tail[:, -1:]) > _SETTLED
    settling = np.where(outside.any(axis=1), own.shape[1] - np.argmax(outside[:, ::-1], axis=1), 0) / rate_hz
    return [
        _worst(e, f"sag at home {at}", sag, _SAG, "rad", "raise its stiffness, or compensate gravity (gravcomp)"),
        _worst(e, f"settling {at}", settling, _SETTLING_S, "s", "raise its damping, or lower both gains"),
        _worst(
            e, f"overshoot {at}", 100 * (own.max(axis=1) - tail[:, -1]), _OVERSHOOT_PERCENT, "%", "raise its damping"
        ),
        _worst(
            e,
            f"swinging in the last 0.3 s {at}",
            100 * np.ptp(tail, axis=1),
            _SWINGING_PERCENT,
            "%",
            "raise its damping",
        ),
        _worst(e, f"steady error {at}", 100 * np.abs(tail[:, -1] - 1), _STEADY_PERCENT, "%", "raise its stiffness"),
    ]


def _simulated(subject: Subject, model: Any, addresses: Any, targets: FloatArray, timestep_s: float) -> FloatArray:
    """Joint positions `(N, T, J)` from home at rest, for servo targets `(N, J)` held constant."""
    import mujoco

    servos = [model.actuator(name).id for name in subject.embodiment.joint_names]
    nominal, model.opt.timestep = model.opt.timestep, timestep_s
    steps = round(_SECONDS / timestep_s)
    path = np.empty((len(targets), steps, targets.shape[1]))
    data = mujoco.MjData(model)
    for target, row in zip(targets, path, strict=True):
        mujoco.mj_resetData(model, data)
        data.qpos[addresses], data.ctrl[servos] = subject.embodiment.home, target
        for position in row:
            mujoco.mj_step(model, data)
            position[:] = data.qpos[addresses]
        if (
            data.warning[mujoco.mjtWarning.mjWARN_BADQACC].number
            or data.warning[mujoco.mjtWarning.mjWARN_BADQPOS].number
        ):
            row[:] = np.nan  # MuJoCo starts afresh when a state explodes
    model.opt.timestep = nominal
    return path


def _worst(e: Any, what: str, values: FloatArray, bound: float, unit: str, remedy: str) -> Finding:
    index = int(np.argmax(values))
    return at_most(_NAME, what, float(values[index]), bound, unit, f"{e.joint_names[index]}; {remedy}")
