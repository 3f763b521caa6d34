"""mink, used as in its own iiwa + Allegro example: palm in the world, fingertips relative to the palm, posture, limits.

`EXAMPLE` has that example's numbers. Its posture cost pulls the tips millimetres away from where they can be, so
`ACCURATE` has the smaller one of pink's README: the most accurate of those tried, on hands drawn by another seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.retarget_bench.bare_model import bare_urdf
from h2s2r_sim.retarget_bench.peer import MOST_ITERATIONS, MOVED_LESS_RAD, Array

_DT_S = 1.0
"""Without velocity limits the step does not depend on it."""


@dataclass(frozen=True)
class MinkSettings:
    """Costs of tasks whose others are 1."""

    posture_cost: float
    lm_damping: float = 1.0
    """Of each frame's task: the step shortens with the error that is left (Sugihara)."""
    damping: float = 1e-3


EXAMPLE = MinkSettings(posture_cost=5e-2)
ACCURATE = MinkSettings(posture_cost=1e-3, damping=1e-5)


class MinkPeer:
    """Differential IK by a quadratic program for each iteration, on a MuJoCo model.

    Args:
        embodiment: The robot.
        settings: The tasks' costs.

    Raises:
        InputError: mink is not installed.
    """

    def __init__(self, embodiment: Embodiment, settings: MinkSettings) -> None:
        self._hand = _Problem(embodiment, embodiment.palm_frame, embodiment.hand_joint_names, settings)
        self._whole = _Problem(embodiment, embodiment.base_frame, embodiment.joint_names, settings)

    def hand(self, fingertips: Array) -> Array:
        """As `Peer.hand`."""
        return self._hand.solve(None, fingertips)

    def arm_and_hand(self, T_world_palm: Array, fingertips: Array) -> Array:
        """As `Peer.arm_and_hand`."""
        return self._whole.solve(T_world_palm, fingertips)


class _Problem:
    """Model, tasks and start for one root link."""

    def __init__(
        self, embodiment: Embodiment, root_link: str, joint_names: tuple[str, ...], settings: MinkSettings
    ) -> None:
        mink = self._mink = _library()
        import mujoco

        self._model = mujoco.MjModel.from_xml_string(bare_urdf(embodiment, root_link))
        self._columns = np.array([self._model.jnt_qposadr[self._model.joint(name).id] for name in joint_names])
        home = dict(zip(embodiment.joint_names, embodiment.home, strict=True))
        self._start = np.zeros(self._model.nq)
        self._start[self._columns] = [home[name] for name in joint_names]
        self._configuration = mink.Configuration(self._model)
        self._posture = mink.PostureTask(self._model, cost=settings.posture_cost)
        self._posture.set_target(self._start)
        self._palm = mink.FrameTask(embodiment.palm_frame, "body", 1.0, 1.0, lm_damping=settings.lm_damping)
        self._tips = [
            mink.RelativeFrameTask(tip, "body", embodiment.palm_frame, "body", 1.0, 0.0, lm_damping=settings.lm_damping)
            for tip in embodiment.fingertip_frames
        ]
        self._limits = [mink.ConfigurationLimit(self._model)]
        self._damping = settings.damping

    def solve(self, T_world_palm: Array | None, fingertips: Array) -> Array:
        mink, configuration = self._mink, self._configuration
        tasks: list[Any] = [self._posture, *self._tips]
        for task, tip in zip(self._tips, fingertips, strict=True):
            task.set_target(mink.SE3.from_translation(tip))
        if T_world_palm is not None:
            self._palm.set_target(mink.SE3.from_matrix(T_world_palm))
            tasks.append(self._palm)
        configuration.update(self._start)
        for _ in range(MOST_ITERATIONS):
            velocity = mink.solve_ik(configuration, tasks, _DT_S, "daqp", self._damping, limits=self._limits)
            configuration.integrate_inplace(velocity, _DT_S)
            if np.abs(velocity).max() * _DT_S < MOVED_LESS_RAD:
                break
        return np.asarray(configuration.q[self._columns])


def _library() -> Any:
    try:
        import mink
    except ImportError as error:
        raise InputError(
            "bench-retarget",
            "packages",
            found=str(error),
            expected="mink and daqp",
            remedy="run `make setup-dev`",
        ) from error
    return mink
