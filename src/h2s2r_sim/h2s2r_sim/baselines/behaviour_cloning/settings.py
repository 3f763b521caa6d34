"""Numbers of the behaviour-cloning baseline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CloningSettings:
    """Those of the paper (appendix H) unless said otherwise."""

    demonstrations: int = 30
    """Synthesised from the one demonstration, over the task's start range."""
    horizon: int = 8
    """Joint targets predicted at once, one for each policy step; the first is executed."""
    batch: int = 128
    diffusion_steps: int = 50
    denoising_steps: int = 10
    """At run time, by DDIM (ours: a fifth of the steps for the same picture)."""
    weight_decay: float = 1e-6
    learning_rate: float = 5e-4
    """The paper's 1e-4 is for its larger network and longer training; at this size it underfits."""
    training_steps: int = 4000
    hidden: int = 256
    average_decay: float = 0.995
    """Of the running average of the weights, which is what acts."""
    seed: int = 0
