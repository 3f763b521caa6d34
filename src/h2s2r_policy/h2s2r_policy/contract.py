"""The contract: everything a policy assumes about the robot and the software around it.

The trainer writes it beside the network. The simulator, the policy node and the evaluation compare it
with what they are about to run, and refuse with the first difference by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_perception.artefact import InputError, as_plain
from h2s2r_perception.artefact.configuration import from_mapping
from h2s2r_policy.action import ActionConfiguration
from h2s2r_policy.controller import ControllerConfiguration
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.observation import ObservationLayout
from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_policy.terms import Term, total_size

FILE_NAME = "contract.json"
SCHEMA_VERSION = 3


@dataclass(frozen=True)
class Contract:
    """What the policy was trained with; joint tables are in the order of `joint_names`.

    Joint quantities are in the joint's unit: rad, rad/s, rad/s^2, rad/s^3, Nm/rad, or m, m/s, m/s^2, m/s^3, N/m.
    """

    embodiment: str
    embodiment_hash: str
    joint_names: tuple[str, ...]
    joint_units: tuple[str, ...]
    """`rad`, or `m` for a joint that slides."""
    observation: tuple[Term, ...]
    action: tuple[Term, ...]
    physics_rate_hz: float
    position_lower: tuple[float, ...]
    position_upper: tuple[float, ...]
    velocity_limit: tuple[float, ...]
    acceleration_limit: tuple[float, ...]
    jerk_limit: tuple[float, ...]
    stiffness: tuple[float, ...]
    """Nominal position gains of the simulated joints."""
    damping: tuple[float, ...]
    recurrent_shape: tuple[int, int]
    """Layers and width of each recurrent state tensor."""
    object_symmetry: str
    object_anchors_m: tuple[tuple[float, float, float], ...]
    table_height_m: float
    """Height of the table's upper face above the robot base, for the controller and the task guard."""
    expected_latency_s: tuple[float, float]
    """Shortest and longest age of the object pose that training showed the policy."""
    goal_clock: GoalClockConfiguration
    action_configuration: ActionConfiguration
    controller: ControllerConfiguration
    controller_law: str
    """Which dynamics the joint commands had, beside their constants."""
    policy_rate_hz: float = POLICY_RATE_HZ
    normalisation: str = "inside the ONNX graph"
    schema_version: int = SCHEMA_VERSION

    @property
    def limits(self) -> JointLimits:
        """The joint limits, as controller and command guard use them."""
        return JointLimits(
            np.array(self.position_lower),
            np.array(self.position_upper),
            np.array(self.velocity_limit),
            np.array(self.acceleration_limit),
            np.array(self.jerk_limit),
        )

    @property
    def layout(self) -> ObservationLayout:
        """The observation's layout."""
        return ObservationLayout(self.observation)

    @property
    def action_size(self) -> int:
        """Length A of the action vector."""
        return total_size(self.action)


def write(contract: Contract, folder: Path) -> None:
    """Write `contract.json` into `folder` (inside an artefact being made)."""
    text = json.dumps(as_plain(contract), indent=2) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


def read(folder: Path) -> Contract:
    """Read `contract.json`.

    Raises:
        InputError: It is missing, not JSON, of another schema, or not a contract.
    """
    path = folder / FILE_NAME
    remedy = "give the folder of a policy bundle, or train one"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "file", found=str(error), expected="a policy contract", remedy=remedy) from error
    version = values.get("schema_version") if isinstance(values, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            path,
            "schema_version",
            found=str(version),
            expected=str(SCHEMA_VERSION),
            remedy="update h2s2r, or train again with this version",
        )
    return from_mapping(Contract, values, source=path)


def check(contract: Contract, other: Contract, *, source: Path | str) -> None:
    """Refuse two contracts that differ.

    Args:
        contract: The policy's.
        other: Of what it is about to meet.
        source: Where `contract` came from, for the message.

    Raises:
        InputError: Names the first difference.
    """
    theirs, ours = _flatten(as_plain(contract)), _flatten(as_plain(other))
    for field in [*ours, *(name for name in theirs if name not in ours)]:
        if theirs.get(field) != ours.get(field):
            raise InputError(
                source,
                f"contract, {field}",
                found=f"{theirs.get(field, 'nothing')!r}",
                expected=f"{ours.get(field, 'nothing')!r}",
                remedy="this policy was trained for another robot or setting: use its own, or train again",
            )


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    # Leaves by path, in the order of the fields: `observation[3].size`.
    if isinstance(value, dict):
        items = [(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{prefix}[{index}]", item) for index, item in enumerate(value)]
    else:
        return {prefix: value}
    return {name: leaf for path, item in items for name, leaf in _flatten(item, path).items()}
