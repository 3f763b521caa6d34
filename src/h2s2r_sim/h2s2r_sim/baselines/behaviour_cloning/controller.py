"""The baseline at the robot's controls: predict, execute the first joint target, predict again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.baselines.behaviour_cloning.diffusion import DiffusionPolicy
from h2s2r_sim.baselines.behaviour_cloning.settings import CloningSettings
from h2s2r_sim.baselines.behaviour_cloning.synthesis import observe, synthesise
from h2s2r_sim.environment import Environment, StepResult

Array = NDArray[np.float64]


class BehaviourCloning:
    """Trains on synthesised demonstrations when it is made; sees the object as the policy does.

    Args:
        environment: Task, robot and demonstration.
        settings: Of the baseline.
        progress: Told the fraction of the training done.
    """

    def __init__(
        self,
        environment: Environment,
        settings: CloningSettings | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> None:
        settings = settings or CloningSettings()
        self._kinematics = BatchedKinematics(environment.embodiment)
        samples = synthesise(
            environment.task,
            environment.reference,
            self._kinematics,
            demonstrations=settings.demonstrations,
            horizon=settings.horizon,
            hold_s=environment.episodes.settings.hold_s,
            rng=np.random.default_rng(settings.seed),
        )
        self._policy = DiffusionPolicy(samples, settings, progress)
        limits = environment.embodiment.limits
        self._lower, self._upper = limits.lower, limits.upper

    def step(self, environment: Environment) -> StepResult:
        """Advance every environment by one policy step."""
        joint_position, _ = environment.engine.joint_state()
        T_world_palm = np.asarray(self._kinematics.palm(joint_position).T_world_palm)
        observation = observe(joint_position, T_world_palm, environment.observed_object.pose)
        target = joint_position + self._policy.predict(observation)[:, 0]
        return environment.step_joint_target(np.clip(target, self._lower, self._upper))
