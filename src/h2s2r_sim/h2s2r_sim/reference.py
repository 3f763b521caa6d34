"""What one demonstration asks of the robot: the object's path, and where the hand starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.demonstration import Demonstration
from h2s2r_policy.goal_path import GoalPath
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.retargeting import Retargeting

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HumanPath:
    """The retargeted human path, for the baselines.

    Attributes:
        stamp_s: `(M,)` from 0 at the pre-manipulation frame.
        joint_position: `(M, J)` [rad].
        T_world_palm: `(M, 4, 4)`.
        T_world_object: `(4, 4)` the object at the pre-manipulation frame.
    """

    stamp_s: Array
    joint_position: Array
    T_world_palm: Array
    T_world_object: Array


@dataclass(frozen=True, eq=False)
class Reference:
    """The demonstration and its retargeting as environment and baselines use them.

    Attributes:
        goal_path: The object's path from the start of its motion to the end; it is never moved.
        T_object_palm: `(4, 4)` palm at the pre-manipulation frame, in the object's frame.
        joint_position: `(J,)` robot at the pre-manipulation frame [rad].
        human_path: What the baselines follow.
    """

    goal_path: GoalPath
    T_object_palm: Array
    joint_position: Array
    human_path: HumanPath

    @property
    def T_world_object(self) -> Array:
        """`(4, 4)` where the object's motion starts."""
        return np.asarray(self.goal_path.T_world_object[0])


def load_reference(demonstration_folder: Path, retargeting_folder: Path, embodiment: Embodiment) -> Reference:
    """Read the two artefacts.

    Raises:
        InputError: One of them is missing or malformed, or was made for another robot.
    """
    demonstration = Demonstration.load(demonstration_folder)
    retargeting = Retargeting.load(retargeting_folder)
    retargeting.check_embodiment(embodiment)
    return Reference(
        GoalPath.from_poses(*demonstration.goal_trajectory()),
        retargeting.T_object_palm,
        retargeting.joint_position,
        HumanPath(
            retargeting.path_stamp_s,
            retargeting.path_joint_position,
            retargeting.path_T_world_palm,
            demonstration.premanipulation_object,
        ),
    )
