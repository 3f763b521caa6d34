"""The policy bundle: what the trainer writes when it is finished, and under which contract.

policy/
  policy.onnx     the network with its normalisation, recurrent state in and out
  contract.json   what it was trained with
  checkpoint.pt   everything, to go on training
  curve.csv       the training curve
  meta.json
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2s2r_perception.artefact import Schema, content_sha256
from h2s2r_policy.contract import Contract
from h2s2r_policy.controller import ControllerConfiguration
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.interface import make_contract, make_runner
from h2s2r_policy.rates import CAMERA_RATE_HZ, CONTROL_RATE_HZ
from h2s2r_sim.randomisation import TABLE
from h2s2r_sim.twin import PhysicsSettings

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_sim.task import Task

SCHEMA = Schema("policy", 1)


def task_contract(task: Task, embodiment: Embodiment, recurrent_shape: tuple[int, int]) -> Contract:
    """The contract of a policy trained by this code for a task and a robot."""
    delay = next(row for row in TABLE if row.name == "pose_delay")
    return make_contract(
        embodiment,
        make_runner(embodiment, task.object.symmetry),
        symmetry=task.object.symmetry,
        recurrent_shape=recurrent_shape,
        physics_rate_hz=PhysicsSettings().rate_hz,
        table_height_m=task.scene.table_height_m,
        expected_latency_s=(delay.low / CAMERA_RATE_HZ, delay.high / CAMERA_RATE_HZ),
        goal_clock=GoalClockConfiguration(),
        controller=ControllerConfiguration(rate_hz=CONTROL_RATE_HZ),
    )


def task_content(task: Task) -> dict[str, Any]:
    """A task as plain values, its mesh and parts by content: the same task in another folder is the same."""
    mesh: Path = task.object.mesh
    content = dataclasses.asdict(dataclasses.replace(task, script=None))  # how it was shown is no part of it
    del content["script"]
    content["object"]["mesh"] = content_sha256(mesh)
    if task.object.parts is not None:
        content["object"]["parts"] = content_sha256(task.object.parts)
    return content
