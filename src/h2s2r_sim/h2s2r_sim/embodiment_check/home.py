"""The home posture keeps away from the limits, and is the MJCF's keyframe."""

from __future__ import annotations

import mujoco
import numpy as np

from h2s2r_sim.embodiment_check.finding import Finding, at_least, at_most, none_of
from h2s2r_sim.embodiment_check.subject import Subject

_NAME = "home"
_MARGIN_PERCENT = 2.0


def check(subject: Subject) -> list[Finding]:
    """Measure the margin to the nearest limit, and the difference to the keyframe `home`."""
    e = subject.embodiment
    span = e.limits.upper - e.limits.lower
    margin = 100.0 * np.minimum(e.home - e.limits.lower, e.limits.upper - e.home) / span
    worst = int(np.argmin(margin))
    detail = f"{e.joint_names[worst]} at {e.home[worst]:.3g}; move it inwards"
    findings = [
        at_least(_NAME, "margin to the limits, of the range", float(margin[worst]), _MARGIN_PERCENT, "%", detail)
    ]
    model, _ = subject.simulated
    if model is None:
        return findings
    key, addresses = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_KEY, "home"), subject.joint_addresses(model)
    if key < 0 or addresses is None:
        return [*findings, none_of(_NAME, "keyframes missing in the MJCF", ["home"], "add <key name=home>")]
    difference = np.abs(model.key_qpos[key][addresses] - e.home)
    worst = int(np.argmax(difference))
    detail = f"worst at {e.joint_names[worst]}; write the MJCF afresh, or copy the YAML's values"
    return [*findings, at_most(_NAME, "keyframe `home` and YAML", float(difference[worst]), 1e-6, "rad or m", detail)]
