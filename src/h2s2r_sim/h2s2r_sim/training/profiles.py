"""Training profiles: every number that shapes a training run, frozen and named."""

from __future__ import annotations

from dataclasses import dataclass, field

from h2s2r_perception.artefact import InputError
from h2s2r_sim.reward import RewardSettings


@dataclass(frozen=True)
class NetworkSettings:
    """Actor (recurrent) and critic (privileged)."""

    actor_lstm: int = 64
    actor_hidden: tuple[int, ...] = (64,)
    critic_hidden: tuple[int, ...] = (128, 128)
    activation: str = "elu"
    initial_std: float = 0.3


@dataclass(frozen=True)
class PpoSettings:
    """Proximal policy optimisation (`rsl_rl.algorithms.PPO`)."""

    learning_rate: float = 1e-3
    """At the start. On a schedule and not adaptive: by KL divergence it collapses to 1e-4 at this batch size."""
    final_learning_rate: float = 2e-4
    decay_steps: int = 300_000
    """Environment steps over which the rate falls linearly; a constant 1e-3 makes success waver around 90 %."""
    horizon: int = 8
    """Twice the environments for half the steps: the same batch, but less overhead for each step of physics."""
    minibatches: int = 4
    epochs: int = 4
    gamma: float = 0.97
    lam: float = 0.95
    clip: float = 0.2
    entropy: float = 0.0
    value_coefficient: float = 1.0
    gradient_norm: float = 1.0


@dataclass(frozen=True)
class Profile:
    """One way to train."""

    name: str
    environments: int = 256
    engine: str = "mujoco_cpu"
    device: str = "cpu"
    maximum_steps: int = 1_000_000
    """Environment steps after which training ends whatever it has reached."""
    target_success: float = 0.98
    """Training ends early when the deterministic policy reaches this, strictly, in an evaluation; if it never does,
    the policy of its best evaluation is exported."""
    evaluation_interval_steps: int = 49_152
    seed: int = 1
    network: NetworkSettings = NetworkSettings()
    ppo: PpoSettings = PpoSettings()
    reward: RewardSettings = field(default_factory=RewardSettings)


QUICK = Profile("quick")
"""Two CPU cores, minutes."""

CPU = Profile(
    "cpu",
    environments=512,
    maximum_steps=3_000_000,
    target_success=0.995,
    ppo=PpoSettings(horizon=16, decay_steps=2_000_000),
    network=NetworkSettings(actor_lstm=128, actor_hidden=(128,), critic_hidden=(256, 256)),
)
"""A workstation without GPU, an hour."""

PAPER = Profile(
    "paper",
    environments=4096,
    maximum_steps=600_000_000,
    target_success=1.01,
    evaluation_interval_steps=65_536 * 100,
    seed=42,
    network=NetworkSettings(actor_lstm=1024, actor_hidden=(512, 512), critic_hidden=(1024, 512), initial_std=1.0),
    ppo=PpoSettings(
        horizon=16,
        learning_rate=1e-4,
        final_learning_rate=1e-6,
        decay_steps=2_000_000 * 65_536,
        minibatches=4,
        gamma=0.998,
        entropy=0.0,
        value_coefficient=4.0,
    ),
)
"""The published sizes and constants (Human2Sim2Robot, CoRL 2025, appendix E); never stops early."""

PROFILES = {profile.name: profile for profile in (QUICK, CPU, PAPER)}


def profile_named(name: str) -> Profile:
    """Look a profile up.

    Raises:
        InputError: There is no such profile.
    """
    if name not in PROFILES:
        raise InputError(
            "profile", "name", found=name, expected=f"one of {', '.join(PROFILES)}", remedy="correct --profile"
        )
    return PROFILES[name]
