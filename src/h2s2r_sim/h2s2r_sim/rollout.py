"""One episode for each environment under any controller: policy, baseline, or a network still being trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_sim.environment import Environment, StepResult
from h2s2r_sim.success import StageWatch

Array = NDArray[np.float64]


class EpisodeController(Protocol):
    """Whoever moves the robot; it starts with all environments at the beginning of an episode."""

    def step(self, environment: Environment) -> StepResult:
        """Choose what to do from what the environment shows, and advance it by one policy step."""
        ...


@dataclass(frozen=True)
class EpisodeResults:
    """How the first episode of every environment went, arrays `(n,)`.

    Attributes:
        success: Strict success.
        credit: Share of the task's stages reached, in [0, 1]; of a task without stages, strict success.
        lost: Whether it ended because the object or the hand got lost, or time ran out.
        final_distance_m: True mean anchor distance to the goal at the end.
        episode_return: Sum of rewards.
        steps: Policy steps it took.
    """

    success: NDArray[np.bool_]
    credit: Array
    lost: NDArray[np.bool_]
    final_distance_m: Array
    episode_return: Array
    steps: NDArray[np.int64]


def run_episodes(environment: Environment, controller: EpisodeController) -> EpisodeResults:
    """Run the first episode of every environment of a fresh `environment` to its end.

    Environments whose episode is over go on with a new one, which does not count: all controllers meet the same
    draws of step noise, because those are drawn for all environments at each step.
    """
    n = environment.num_environments
    running = np.ones(n, dtype=bool)
    results = EpisodeResults(
        success=np.zeros(n, dtype=bool),
        credit=np.zeros(n),
        lost=np.zeros(n, dtype=bool),
        final_distance_m=np.zeros(n),
        episode_return=np.zeros(n),
        steps=np.zeros(n, dtype=np.int64),
    )
    has_stages = bool(environment.task.success.stages)
    watch = StageWatch(environment.task, n, step_s=1.0 / POLICY_RATE_HZ) if has_stages else None
    for step in range(1, environment.maximum_episode_steps + 1):
        result = controller.step(environment)
        ended = running & (result.terminated | result.truncated)
        if watch is not None:
            watch.note(result.T_world_object)
        results.success[ended] = result.success[ended]
        results.credit[ended] = (result.success if watch is None else watch.credit())[ended]
        results.lost[ended] = result.terminated[ended]
        results.final_distance_m[ended] = result.anchor_distance[ended]
        results.episode_return[ended] = result.episode_return[ended]
        results.steps[ended] = step
        running &= ~ended
        if not running.any():
            return results
    raise RuntimeError(f"{running.sum()} episodes outlived maximum_episode_steps")
