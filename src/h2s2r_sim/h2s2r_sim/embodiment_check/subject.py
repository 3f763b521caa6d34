"""The robot under test, as every part of the workspace reads it: our kinematics, pinocchio and MuJoCo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Description
from h2s2r_retarget.description.urdf_reading import read_description
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subject:
    """An embodiment with its models, each made when first asked for."""

    embodiment: Embodiment
    seed: int = 0
    """Of random postures."""

    @cached_property
    def kinematics(self) -> BatchedKinematics:
        """Ours."""
        return BatchedKinematics(self.embodiment)

    @cached_property
    def description(self) -> Description:
        """Links, inertials and shapes of the URDF."""
        return read_description(self.embodiment.urdf)

    @cached_property
    def simulated(self) -> tuple[Any, str]:
        """The `mujoco.MjModel`, or None and why it cannot be made."""
        import mujoco

        try:
            return mujoco.MjModel.from_xml_path(str(self.embodiment.mjcf)), ""
        except ValueError as error:
            return None, " ".join(str(error).split())

    def postures(self, count: int) -> FloatArray:
        """Random joint positions within the limits, `(count, J)` rad or m; the same ones at every call."""
        limits = self.embodiment.limits
        lower, upper = np.maximum(limits.lower, -np.pi), np.minimum(limits.upper, np.pi)
        return np.random.default_rng(self.seed).uniform(lower, upper, (count, self.embodiment.dof))

    def joint_addresses(self, model: Any) -> NDArray[np.int64] | None:
        """Where each joint of the embodiment is in the simulation's `qpos`; None if one is missing."""
        import mujoco

        ids = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in self.embodiment.joint_names]
        return None if min(ids) < 0 else np.array([model.jnt_qposadr[index] for index in ids])
