"""pink, used as its README says: frame tasks, posture of cost 0.001, limits, daqp, integrated until it stands still.

As for mink the fingertips are asked for relative to the palm. Velocity limits are left out: they would only
stretch the way. The gain of the joint limits is 0.95 as in mink; with pink's own 0.5 a joint creeps to its limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.retarget_bench.bare_model import bare_urdf
from h2s2r_sim.retarget_bench.peer import MOST_ITERATIONS, MOVED_LESS_RAD, Array

POSTURE_COST = 1e-3
LM_DAMPING = 1.0
DAMPING = 1e-8
LIMIT_GAIN = 0.95
_DT_S = 1.0
"""Without velocity limits the step does not depend on it."""


class PinkPeer:
    """Differential IK by a quadratic program for each iteration, on a pinocchio model.

    Args:
        embodiment: The robot.

    Raises:
        InputError: pink is not installed.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self._hand = _Problem(embodiment, embodiment.palm_frame, embodiment.hand_joint_names)
        self._whole = _Problem(embodiment, embodiment.base_frame, embodiment.joint_names)

    def hand(self, fingertips: Array) -> Array:
        """As `Peer.hand`."""
        return self._hand.solve(None, fingertips)

    def arm_and_hand(self, T_world_palm: Array, fingertips: Array) -> Array:
        """As `Peer.arm_and_hand`."""
        return self._whole.solve(T_world_palm, fingertips)


class _Problem:
    """Model, tasks and start for one root link."""

    def __init__(self, embodiment: Embodiment, root_link: str, joint_names: tuple[str, ...]) -> None:
        pink = self._pink = _library()
        import pinocchio
        from pink.limits import ConfigurationLimit
        from pink.tasks import FrameTask, PostureTask, RelativeFrameTask

        self._model = pinocchio.buildModelFromXML(bare_urdf(embodiment, root_link))
        self._data = self._model.createData()
        self._columns = np.array([self._model.joints[self._model.getJointId(name)].idx_q for name in joint_names])
        home = dict(zip(embodiment.joint_names, embodiment.home, strict=True))
        self._start = np.zeros(self._model.nq)
        self._start[self._columns] = [home[name] for name in joint_names]
        self._posture = PostureTask(cost=POSTURE_COST)
        self._posture.set_target(self._start)
        self._palm = FrameTask(embodiment.palm_frame, 1.0, 1.0, lm_damping=LM_DAMPING)
        self._tips = [
            RelativeFrameTask(tip, embodiment.palm_frame, 1.0, 0.0, lm_damping=LM_DAMPING)
            for tip in embodiment.fingertip_frames
        ]
        self._limits = [ConfigurationLimit(self._model, LIMIT_GAIN)]
        self._configuration = pink.Configuration(self._model, self._data, self._start)

    def solve(self, T_world_palm: Array | None, fingertips: Array) -> Array:
        import pinocchio

        pink, configuration = self._pink, self._configuration
        tasks: list[Any] = [self._posture, *self._tips]
        for task, tip in zip(self._tips, fingertips, strict=True):
            task.set_target(pinocchio.SE3(np.eye(3), tip))
        if T_world_palm is not None:
            self._palm.set_target(pinocchio.SE3(T_world_palm[:3, :3], T_world_palm[:3, 3]))
            tasks.append(self._palm)
        configuration.update(self._start)
        for _ in range(MOST_ITERATIONS):
            velocity = pink.solve_ik(configuration, tasks, _DT_S, "daqp", DAMPING, limits=self._limits)
            configuration.integrate_inplace(velocity, _DT_S)
            if np.abs(velocity).max() * _DT_S < MOVED_LESS_RAD:
                break
        return np.asarray(configuration.q[self._columns])


def _library() -> Any:
    try:
        import pink
    except ImportError as error:
        raise InputError(
            "bench-retarget",
            "packages",
            found=str(error),
            expected="pin-pink and daqp",
            remedy="run `make setup-dev`",
        ) from error
    return pink
