"""What the controller node must know of the robot: from a policy's contract, or, where no policy is, from the robot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy import contract as contract_file
from h2s2r_policy.controller import Controller, ControllerConfiguration
from h2s2r_policy.interface import joint_limits, make_controller, open_controller
from h2s2r_retarget.embodiment import Embodiment


@dataclass(frozen=True, eq=False)
class ControlledRobot:
    """Arrays `(J,)` in the order of `joint_names`."""

    joint_names: tuple[str, ...]
    joint_units: tuple[str, ...]
    """`rad` or `m`."""
    limits: JointLimits
    stiffness: NDArray[np.float64]
    """[Nm/rad or N/m]."""
    rate_hz: float
    """Commands per second."""
    controller: Controller


def robot_of_policy(folder: Path) -> ControlledRobot:
    """As the policy in this folder was trained with it.

    Raises:
        InputError: There is no policy, or robot or controller are others now.
    """
    contract = contract_file.read(folder)
    return ControlledRobot(
        contract.joint_names,
        contract.joint_units,
        contract.limits,
        np.array(contract.stiffness),
        contract.controller.rate_hz,
        open_controller(contract, source=folder),
    )


def robot_of_embodiment(embodiment: Embodiment, table_height_m: float) -> ControlledRobot:
    """As a policy that is trained now would be: for teleoperation, which has none."""
    configuration = ControllerConfiguration()
    return ControlledRobot(
        embodiment.joint_names,
        embodiment.joint_units,
        joint_limits(embodiment),
        np.array(embodiment.stiffness),
        configuration.rate_hz,
        make_controller(embodiment, configuration, table_height_m),
    )
