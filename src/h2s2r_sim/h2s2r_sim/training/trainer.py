"""The training loop: iterate, evaluate, save; interrupted at any moment it continues to the same weights."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from h2s2r_sim.training.checkpoint import load_checkpoint, save_checkpoint, write_curve
from h2s2r_sim.training.learner import Learner
from h2s2r_sim.training.profiles import Profile
from h2s2r_sim.training.vec_env import RslRlEnvironment

CHECKPOINT_INTERVAL_S = 20.0
_WINDOW = 200
"""Episodes over which the training success shown is counted."""

_WORTH_EVALUATING = 0.4
"""An evaluation costs as much as four iterations: not before the exploring policy succeeds this often."""


@dataclass(frozen=True)
class Progress:
    """What a progress line shows after an iteration."""

    steps: int
    maximum_steps: int
    success: float
    """Share of strict successes among the last episodes of the exploring policy."""
    evaluated_success: float
    """Of the deterministic policy, in the last evaluation; 0 before the first."""
    episode_return: float
    steps_per_second: float
    """Mean of the whole training, evaluations included, so that the time left does not jump."""


class TrainingInterruptedError(Exception):
    """Ctrl-C: the state is saved, training can be resumed."""


class Trainer:
    """Trains one policy in one folder.

    Args:
        learner: Networks and optimiser.
        environment: The training environment; its state is part of the checkpoint.
        evaluate: Deterministic strict success of the learner's present policy, in [0, 1]. It must not touch
            the training environment or any random generator of it.
        profile: Length, evaluation interval and target.
        folder: Where checkpoint and curve live.
        identity: What is being trained, as plain values; a checkpoint of something else is not resumed.
    """

    def __init__(
        self,
        learner: Learner,
        environment: RslRlEnvironment,
        evaluate: Callable[[Learner], float],
        profile: Profile,
        folder: Path,
        *,
        identity: Any = None,
    ) -> None:
        self._identity = identity
        self._learner, self._environment, self._evaluate = learner, environment, evaluate
        self._profile, self._folder = profile, folder
        self._steps_per_iteration = profile.environments * profile.ppo.horizon
        self._iteration = 0
        self._evaluated_success = 0.0
        self._best_success, self._best_policy = -1.0, learner.policy_state()
        self._curve: list[dict[str, float]] = []
        self._episodes: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._training_seconds = 0.0

    @property
    def steps(self) -> int:
        """Environment steps so far."""
        return self._iteration * self._steps_per_iteration

    @property
    def finished(self) -> bool:
        """Whether the target is reached or the steps are spent."""
        return self._evaluated_success >= self._profile.target_success or self.steps >= self._profile.maximum_steps

    @property
    def evaluated_success(self) -> float:
        """Strict success of the deterministic policy in the last evaluation."""
        return self._evaluated_success

    def select_policy(self) -> float | None:
        """Put the policy that did best in an evaluation into the learner: success still swings late in training.

        Returns:
            Its success in that evaluation; None when none took place, and the last policy stays.
        """
        if self._best_success < 0.0:
            return None
        self._learner.load_policy_state(self._best_policy)
        return self._best_success

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if it has one and it is of the same training.

        Returns:
            Whether it did.

        Raises:
            InputError: There is a checkpoint that cannot be read.
        """
        state = load_checkpoint(self._folder)
        if state is None or state["identity"] != self._identity:
            return False
        self.load_state_dict(state)
        return True

    def run(self, report: Callable[[Progress], None] = lambda _: None, *, iterations: int | None = None) -> None:
        """Train until finished, or for so many more iterations.

        Raises:
            TrainingInterruptedError: SIGINT or SIGTERM came; the state is saved.
        """
        last_save = time.monotonic()
        remaining = iterations
        with _interruptible() as interrupted:
            while not self.finished and remaining != 0:
                report(self._iterate())
                remaining = None if remaining is None else remaining - 1
                if interrupted.is_set() or time.monotonic() - last_save > CHECKPOINT_INTERVAL_S:
                    self.save()
                    last_save = time.monotonic()
                if interrupted.is_set():
                    raise TrainingInterruptedError(f"stopped at {self.steps} steps; the state is saved")
        self.save()

    def save(self) -> None:
        """Write checkpoint and curve."""
        write_curve(self._folder, self._curve)
        save_checkpoint(self._folder, self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next iteration depends on."""
        return {
            "identity": self._identity,
            "learner": self._learner.state_dict(),
            "environment": self._environment.state_dict(),
            "iteration": self._iteration,
            "evaluated_success": self._evaluated_success,
            "best_success": self._best_success,
            "best_policy": self._best_policy,
            "curve": list(self._curve),
            "episodes": list(self._episodes),
            "training_seconds": self._training_seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._learner.load_state_dict(state["learner"])
        self._environment.load_state_dict(state["environment"])
        self._iteration = state["iteration"]
        self._evaluated_success = state["evaluated_success"]
        self._best_success, self._best_policy = state["best_success"], state["best_policy"]
        self._curve = list(state["curve"])
        self._episodes = deque(state["episodes"], maxlen=_WINDOW)
        self._training_seconds = state["training_seconds"]

    def _iterate(self) -> Progress:
        started = time.monotonic()
        figures = self._learner.iterate()
        self._iteration += 1
        self._episodes.extend(self._environment.finished_episodes())
        count = max(len(self._episodes), 1)
        success = sum(episode[0] for episode in self._episodes) / count
        mean_return = sum(episode[1] for episode in self._episodes) / count
        due = self.steps % self._profile.evaluation_interval_steps < self._steps_per_iteration
        if due and success >= _WORTH_EVALUATING:
            self._evaluated_success = self._evaluate(self._learner)
            if self._evaluated_success >= self._best_success:
                self._best_success, self._best_policy = self._evaluated_success, self._learner.policy_state()
        elapsed = time.monotonic() - started
        self._training_seconds += elapsed
        self._curve.append(
            {
                "steps": self.steps,
                "seconds": self._training_seconds,
                "success": success,
                "evaluated_success": self._evaluated_success,
                "episode_return": mean_return,
                **figures,
            }
        )
        return Progress(
            self.steps,
            self._profile.maximum_steps,
            success,
            self._evaluated_success,
            mean_return,
            self.steps / self._training_seconds,
        )


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event while inside; a second one interrupts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def remember(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    previous = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
