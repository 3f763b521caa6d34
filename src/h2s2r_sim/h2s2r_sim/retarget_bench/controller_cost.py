"""What the 60 Hz controller costs: of an environment step in training, and for one robot."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact.figures import Figure
from h2s2r_policy import bench
from h2s2r_policy.controller import ControllerState
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim.environment import Environment, JointController
from h2s2r_sim.scripted_push import scripted_push
from h2s2r_sim.task import Task
from h2s2r_sim.training.profiles import QUICK

Array = NDArray[np.float64]

STEPS = 60
_WARM_UP = 10


def controller_cost(task: Task, steps: int = STEPS) -> dict[str, Figure]:
    """Figures of the controller at work on the task, in as many environments as the profile `quick` has.

    `controller_share_of_step` is with the physics on one thread, work against work; with the physics on all threads
    a step takes less wall time, and the controller more of it.
    """
    alone = bench.measure(1, load_embodiment(task.embodiment))
    return {
        "controller_us_single": 1e3 * alone["controller_tick_1_ms"],
        "controller_share_of_step": share_of_step(task, QUICK.environments, steps, num_threads=1),
        "controller_share_of_step_all_threads": share_of_step(task, QUICK.environments, steps, num_threads=0),
        "controller_environments": QUICK.environments,
    }


def share_of_step(task: Task, environments: int, steps: int, *, num_threads: int) -> float:
    """Share of the wall time of policy steps that the controller takes, goals made reachable and all ticks."""
    embodiment = load_embodiment(task.embodiment)
    environment = Environment(
        task,
        embodiment,
        scripted_push(embodiment),
        num_environments=environments,
        seed=0,
        num_threads=num_threads,
    )
    timed = _Timed(environment.joint_controller)
    environment.joint_controller = timed
    random, step_s = np.random.default_rng(0), 0.0
    for step in range(-_WARM_UP, steps):
        if step == 0:
            timed.seconds = 0.0
        action = random.normal(0.0, 0.3, (environments, environment.num_actions))
        action[:, 1] += 0.3  # push: contacts are what physics costs in training
        started = time.perf_counter()
        environment.step(action)
        step_s += time.perf_counter() - started if step >= 0 else 0.0
    return timed.seconds / step_s


class _Timed:
    """Stands between environment and controller with a watch."""

    def __init__(self, controller: JointController) -> None:
        self._controller = controller
        self.seconds = 0.0

    def reachable(self, goal: Array) -> Array:
        """The controller's."""
        started = time.perf_counter()
        inside: Array = self._controller.reachable(goal)
        self.seconds += time.perf_counter() - started
        return inside

    def step(self, state: ControllerState, goal: Array, *, dt_s: float) -> ControllerState:
        """The controller's."""
        started = time.perf_counter()
        state = self._controller.step(state, goal, dt_s=dt_s)
        self.seconds += time.perf_counter() - started
        return state
