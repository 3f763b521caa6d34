"""The learner: rsl_rl's PPO with an LSTM actor and a privileged critic, and its whole state."""

from __future__ import annotations

from typing import Any

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.models import MLPModel, RNNModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict

from h2s2r_sim.training.profiles import Profile
from h2s2r_sim.training.vec_env import RslRlEnvironment

_OBSERVATION_GROUPS = {"actor": ["policy"], "critic": ["policy", "privileged"]}


class Learner:
    """Collects rollouts and updates the policy; remembers networks, optimiser and recurrent states.

    Args:
        environment: Where to act.
        profile: Sizes and constants.
    """

    def __init__(self, environment: RslRlEnvironment, profile: Profile) -> None:
        torch.manual_seed(profile.seed)
        self._environment = environment
        self._ppo, self._steps = profile.ppo, 0
        self._observation = environment.get_observations()
        self.algorithm = _make_ppo(self._observation, environment, profile)
        self.algorithm.train_mode()

    @property
    def actor(self) -> RNNModel:
        """The policy network, observation normaliser included."""
        actor = self.algorithm.get_policy()
        assert isinstance(actor, RNNModel)
        return actor

    @property
    def recurrent_shape(self) -> tuple[int, int]:
        """Layers and width of the actor's recurrent state."""
        lstm = self.actor.rnn.rnn
        return (int(lstm.num_layers), int(lstm.hidden_size))

    def iterate(self) -> dict[str, float]:
        """Collect one rollout and update on it.

        Returns:
            Mean losses, mean reward of the rollout and mean standard deviation of the policy.
        """
        self._set_learning_rate()
        total_reward = 0.0
        with torch.inference_mode():
            for _ in range(self._ppo.horizon):
                action = self.algorithm.act(self._observation)
                self._observation, reward, done, extras = self._environment.step(action)
                self.algorithm.process_env_step(self._observation, reward, done, extras)
                total_reward += float(reward.mean())
            self.algorithm.compute_returns(self._observation)
        losses = self.algorithm.update()
        self._steps += self._ppo.horizon * self._environment.num_envs
        return {
            **{f"loss_{name}": float(value) for name, value in losses.items()},
            "reward": total_reward / self._ppo.horizon,
            "policy_std": float(self.actor.distribution.params[1].detach().mean()) if self.actor.distribution else 0.0,
        }

    def policy_state(self) -> dict[str, torch.Tensor]:
        """A copy of the actor's weights and observation normaliser."""
        return {name: value.detach().clone() for name, value in self.actor.state_dict().items()}

    def load_policy_state(self, state: dict[str, torch.Tensor]) -> None:
        """Put a `policy_state` into the actor."""
        self.actor.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Networks, normalisers, optimiser, recurrent states, current observation, torch's generator."""
        return {
            **self.algorithm.save(),
            "hidden_state": _clone(self.actor.get_hidden_state()),
            "observation": {key: value.clone() for key, value in self._observation.items()},
            "steps": self._steps,
            "torch_rng": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self.algorithm.load(state, None, strict=True)
        self.actor.reset(hidden_state=_clone(state["hidden_state"]))
        observation = {key: value.clone() for key, value in state["observation"].items()}
        self._observation = TensorDict(observation, batch_size=self._observation.batch_size)
        self._steps = state["steps"]
        torch.set_rng_state(state["torch_rng"])

    def _set_learning_rate(self) -> None:
        ppo = self._ppo
        left = max(0.0, 1.0 - self._steps / ppo.decay_steps)
        self.algorithm.learning_rate = ppo.final_learning_rate + left * (ppo.learning_rate - ppo.final_learning_rate)
        for group in self.algorithm.optimizer.param_groups:
            group["lr"] = self.algorithm.learning_rate


def _make_ppo(observation: TensorDict, environment: RslRlEnvironment, profile: Profile) -> PPO:
    network, ppo, device = profile.network, profile.ppo, profile.device
    actor = RNNModel(
        observation,
        _OBSERVATION_GROUPS,
        "actor",
        environment.num_actions,
        hidden_dims=network.actor_hidden,
        activation=network.activation,
        obs_normalization=True,
        distribution_cfg={
            "class_name": "rsl_rl.modules.distribution:GaussianDistribution",
            "init_std": network.initial_std,
            "std_type": "log",
        },
        rnn_type="lstm",
        rnn_hidden_dim=network.actor_lstm,
    )
    critic = MLPModel(
        observation,
        _OBSERVATION_GROUPS,
        "critic",
        1,
        hidden_dims=network.critic_hidden,
        activation=network.activation,
        obs_normalization=True,
    )
    storage = RolloutStorage("rl", environment.num_envs, ppo.horizon, observation, [environment.num_actions], device)
    return PPO(
        actor,
        critic,
        storage,
        num_learning_epochs=ppo.epochs,
        num_mini_batches=ppo.minibatches,
        clip_param=ppo.clip,
        gamma=ppo.gamma,
        lam=ppo.lam,
        value_loss_coef=ppo.value_coefficient,
        entropy_coef=ppo.entropy,
        learning_rate=ppo.learning_rate,
        max_grad_norm=ppo.gradient_norm,
        use_clipped_value_loss=False,  # returns are near 20: a clip of 0.2 would freeze the critic
        schedule="fixed",
        device=device,
    )


def _clone(hidden_state: Any) -> Any:
    if hidden_state is None:
        return None
    return tuple(part.clone() for part in hidden_state)
