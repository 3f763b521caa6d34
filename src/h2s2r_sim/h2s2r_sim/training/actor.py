"""A network still being trained as a controller: deterministic, with a recurrent state of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rsl_rl.models import RNNModel

from h2s2r_sim.environment import Environment, StepResult


class DeterministicActor:
    """Runs the mean action of an actor; remembers its own recurrent state and leaves the actor's alone."""

    def __init__(self, actor: RNNModel) -> None:
        self._export = actor.as_onnx(verbose=False)
        self._export.eval()
        self._state: tuple[torch.Tensor, torch.Tensor] | None = None

    def step(self, environment: Environment) -> StepResult:
        """Act on the present observation."""
        observation, _ = environment.observation()
        return environment.step(self.act(observation).astype(np.float64))

    def act(self, observation: Any) -> Any:
        """Mean actions `(n, A)` for observations `(n, D)`, both float32."""
        with torch.inference_mode():
            given = torch.from_numpy(observation)
            if self._state is None:
                shape = (self._export.num_layers, given.shape[0], self._export.hidden_size)
                self._state = (torch.zeros(shape), torch.zeros(shape))
            action, h, c = self._export(given, *self._state)
            self._state = (h, c)
            return action.numpy()
