"""A small diffusion policy: a network that takes the noise out of action sequences (Chi et al. 2023).

Training and sampling follow `diffusers`' schedulers: DDPM with a squared-cosine schedule, and DDIM at run time. The
network predicts the clean sequence, not the noise: at this size it learns in a minute what the other needs an hour for.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from h2s2r_perception.artefact import InputError

if TYPE_CHECKING:
    from h2s2r_sim.baselines.behaviour_cloning.settings import CloningSettings
    from h2s2r_sim.baselines.behaviour_cloning.synthesis import Samples

Array = NDArray[np.float64]

_TIME_FEATURES = 32


class Denoiser(nn.Module):
    """The clean action sequence, from a noisy one, the observation and the diffusion step."""

    def __init__(self, observations: int, actions: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(observations + actions + _TIME_FEATURES, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, actions),
        )
        # With little noise left the clean sequence is nearly the noisy one; the layers need only tell the difference.
        self.straight = nn.Linear(actions, actions, bias=False)

    def forward(self, noisy: Tensor, observation: Tensor, step: Tensor) -> Tensor:
        """Clean sequences `(B, A)` for noisy sequences `(B, A)`, observations `(B, D)` and steps `(B,)`."""
        frequency = torch.exp(torch.linspace(0.0, -6.0, _TIME_FEATURES // 2, dtype=noisy.dtype))
        phase = step.to(noisy.dtype)[:, None] * frequency
        correction: Tensor = self.layers(torch.cat([noisy, observation, phase.sin(), phase.cos()], dim=-1))
        return correction + self.straight(noisy)


class DiffusionPolicy:
    """Trained on samples; gives joint targets relative to the present joints.

    Args:
        samples: What to imitate.
        settings: Sizes and training.
        progress: Told the fraction of the training done.

    Raises:
        InputError: `diffusers` is not installed.
    """

    def __init__(
        self, samples: Samples, settings: CloningSettings, progress: Callable[[float], None] = lambda fraction: None
    ) -> None:
        self.settings = settings
        self._horizon, self._joints = samples.action.shape[1:]
        self._observation_range = _Range(samples.observation)
        actions = samples.action.reshape(len(samples.action), -1)
        self._action_range = _Range(actions)
        self._training, self._sampling = _schedulers(settings)
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._network = self._trained(
            self._observation_range.to_unit(samples.observation), self._action_range.to_unit(actions), progress
        )

    def predict(self, observation: Array) -> Array:
        """Joint targets `(n, H, J)` relative to the present joints, for observations `(n, D)`."""
        given = self._observation_range.to_unit(observation)
        n = len(observation)
        sequence = torch.randn((n, int(self._action_range.varies.sum())), generator=self._generator)
        self._sampling.set_timesteps(self.settings.denoising_steps)
        with torch.inference_mode():
            for step in self._sampling.timesteps:
                clean = self._network(sequence, given, step.expand(n))
                sequence = self._sampling.step(clean, step, sequence).prev_sample
        return self._action_range.from_unit(sequence).reshape(n, self._horizon, self._joints)

    def _trained(self, observation: Tensor, action: Tensor, progress: Callable[[float], None]) -> Denoiser:
        s = self.settings
        with torch.random.fork_rng():
            torch.manual_seed(s.seed)
            network = Denoiser(observation.shape[1], action.shape[1], s.hidden)
        average = copy.deepcopy(network)
        optimiser = torch.optim.AdamW(network.parameters(), lr=s.learning_rate, weight_decay=s.weight_decay)
        for done in range(s.training_steps):
            rows = torch.randint(len(action), (s.batch,), generator=self._generator)
            noise = torch.randn((s.batch, action.shape[1]), generator=self._generator)
            steps = torch.randint(s.diffusion_steps, (s.batch,), generator=self._generator)
            noisy = self._training.add_noise(action[rows], noise, steps)
            loss = nn.functional.mse_loss(network(noisy, observation[rows], steps), action[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            # Early on the average has little to average: it starts quickly and settles.
            decay = min(s.average_decay, (1.0 + done) / (10.0 + done))
            with torch.no_grad():
                for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                    kept.lerp_(new, 1.0 - decay)
            if done % 100 == 0:
                progress(done / s.training_steps)
        return average


class _Range:
    """The columns that vary, each mapped from its range to [-1, 1], and back to all columns."""

    def __init__(self, values: Array) -> None:
        low, high = values.min(axis=0), values.max(axis=0)
        self.varies = high - low > 1e-6
        self._centre, self._half = 0.5 * (low + high), 0.5 * (high - low)

    def to_unit(self, values: Array) -> Tensor:
        unit = (values - self._centre)[:, self.varies] / self._half[self.varies]
        return torch.from_numpy(unit.astype(np.float32))

    def from_unit(self, unit: Tensor) -> Array:
        values = np.tile(self._centre, (len(unit), 1))
        values[:, self.varies] += self._half[self.varies] * unit.numpy()
        return values


def _schedulers(settings: CloningSettings) -> tuple[Any, Any]:
    try:
        from diffusers import DDIMScheduler, DDPMScheduler
    except ImportError as error:
        raise InputError(
            "behaviour cloning",
            "diffusers",
            found=f"an import that fails ({error})",
            expected="the package",
            remedy="pip install -c constraints.txt diffusers",
        ) from error
    shape = {
        "num_train_timesteps": settings.diffusion_steps,
        "beta_schedule": "squaredcos_cap_v2",
        "clip_sample": True,
        "prediction_type": "sample",
    }
    return DDPMScheduler(**shape), DDIMScheduler(**shape)
