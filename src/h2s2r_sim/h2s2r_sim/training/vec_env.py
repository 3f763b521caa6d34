"""The environment as rsl_rl wants it: torch tensors, fresh at every step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rsl_rl.env import VecEnv
from tensordict import TensorDict


class BatchedEnvironment(Protocol):
    """What the adapter needs of an environment (`h2s2r_sim.environment.Environment` has it)."""

    num_environments: int
    num_actions: int
    maximum_episode_steps: int

    def observation(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return current observation of the policy and the critic's privileged addition."""
        ...

    def step(self, action: NDArray[Any]) -> Any:
        """Advance one policy step.

        The result has `reward`, `terminated`, `truncated`, `success` and `episode_return`, each `(n,)`; the last
        two mean something where the episode ended.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything the next step depends on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        ...


class RslRlEnvironment(VecEnv):
    """Adapter to `rsl_rl.env.VecEnv`, observation groups `policy` and `privileged`.

    Every tensor is new: rsl_rl keeps references until after the next step, so a reused buffer would store the
    next observation as this one.
    """

    def __init__(self, environment: BatchedEnvironment, device: str = "cpu") -> None:
        self._environment = environment
        self.num_envs = environment.num_environments
        self.num_actions = environment.num_actions
        self.max_episode_length = environment.maximum_episode_steps
        self.episode_length_buf = torch.zeros(self.num_envs, dtype=torch.long, device=device)
        self.device = device
        self.cfg: dict[str, Any] = {}
        self._finished: list[tuple[float, float]] = []

    def get_observations(self) -> TensorDict:
        """Return the current observation as new float32 tensors."""
        policy, privileged = self._environment.observation()
        return TensorDict(
            {"policy": self._tensor(policy), "privileged": self._tensor(privileged)}, batch_size=[self.num_envs]
        )

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Apply actions `(n, A)`; environments whose episode ended have been reset already."""
        result = self._environment.step(actions.cpu().numpy().astype(np.float64))
        ended = result.terminated | result.truncated
        self._finished += zip(result.success[ended].astype(float), result.episode_return[ended], strict=True)
        done = torch.from_numpy(ended).to(self.device)
        self.episode_length_buf = torch.where(done, 0, self.episode_length_buf + 1)
        # No `time_outs`: the end of the path is part of the task, and the critic sees the clock.
        return self.get_observations(), self._tensor(result.reward), done, {}

    def finished_episodes(self) -> list[tuple[float, float]]:
        """Strict success (0 or 1) and return of the episodes that ended since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def state_dict(self) -> dict[str, Any]:
        """Return the environment's state and the running episodes' lengths."""
        return {"environment": self._environment.state_dict(), "length": self.episode_length_buf.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._environment.load_state_dict(state["environment"])
        self.episode_length_buf = state["length"].clone()

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32, device=self.device)
