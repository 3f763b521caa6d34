"""The evaluation: the policy and the baselines on the same episodes, counted strictly.

Every contender meets the same start poses, physical parameters, delays and noise, drawn from one seed. The
physics runs at twice the rate of training, so that a policy that lives on an artefact of the solver fails.

evaluation/
  evaluation.json   the figures, flat
  episodes.csv      one row for each episode and contender
  meta.json         the figures under `quality`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError, Schema, is_current, writing
from h2s2r_policy import contract as contract_file
from h2s2r_policy.inference import OnnxPolicy, PolicyBundle
from h2s2r_retarget.embodiment import Embodiment, load_embodiment
from h2s2r_sim.baselines import BehaviourCloning, ObjectAwareReplay, Replay
from h2s2r_sim.bundle import task_content, task_contract
from h2s2r_sim.environment import Environment, StepResult
from h2s2r_sim.reference import Reference, load_reference
from h2s2r_sim.rollout import EpisodeController, EpisodeResults, run_episodes
from h2s2r_sim.task import Task
from h2s2r_sim.twin import PhysicsSettings

SCHEMA = Schema("evaluation", 1)
CONTENDERS = ("policy", "replay", "object_aware_replay", "behaviour_cloning")
_SEED_OFFSET = 7_000_000
"""Training seeds are small numbers: no evaluated episode has been trained on."""


@dataclass(frozen=True)
class EvaluationConfiguration:
    """How much is evaluated, and on which physics."""

    episodes: int = 300
    seed: int = 0
    physics_rate_hz: float = 120.0
    contenders: tuple[str, ...] = CONTENDERS[:3]
    """Of `CONTENDERS`. Behaviour cloning trains first, about a minute."""

    def __post_init__(self) -> None:
        """Refuse a contender that nobody knows."""
        for name in self.contenders:
            if name not in CONTENDERS:
                raise InputError(
                    "evaluation",
                    "contenders",
                    found=repr(name),
                    expected=f"some of {', '.join(CONTENDERS)}",
                    remedy="correct --contender",
                )


class TrainedPolicy:
    """The policy of a bundle, deterministic, through ONNX as on the robot."""

    def __init__(self, policy: OnnxPolicy) -> None:
        self._policy = policy
        policy.reset()

    def step(self, environment: Environment) -> StepResult:
        """Act on the present observation."""
        observation, _ = environment.observation()
        return environment.step(self._policy.step(observation).astype(np.float64))


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    from scipy.stats import binomtest

    interval = binomtest(successes, count).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def evaluate_contender(
    make_controller: Callable[[Environment], EpisodeController],
    task: Task,
    embodiment: Embodiment,
    reference: Reference,
    configuration: EvaluationConfiguration,
) -> EpisodeResults:
    """Run one contender on the evaluation's episodes."""
    environment = Environment(
        task,
        embodiment,
        reference,
        num_environments=configuration.episodes,
        seed=configuration.seed + _SEED_OFFSET,
        physics=PhysicsSettings(rate_hz=configuration.physics_rate_hz),
    )
    return run_episodes(environment, make_controller(environment))


def figures(contender: str, results: EpisodeResults) -> dict[str, float]:
    """Flat figures of one contender: success with its interval and count, final distances, lost share."""
    count, successes = len(results.success), int(results.success.sum())
    low, high = wilson_interval(successes, count)
    return {
        f"success_{contender}": successes / count,
        f"success_{contender}_lo": low,
        f"success_{contender}_hi": high,
        f"success_{contender}_n": count,
        f"credit_{contender}": float(results.credit.mean()),
        f"final_distance_mm_mean_{contender}": 1e3 * float(results.final_distance_m.mean()),
        f"final_distance_mm_median_{contender}": 1e3 * float(np.median(results.final_distance_m)),
        f"lost_{contender}": float(results.lost.mean()),
    }


def evaluate(
    task: Task,
    demonstration_folder: Path,
    retargeting_folder: Path,
    bundle_folder: Path,
    evaluation_folder: Path,
    configuration: EvaluationConfiguration | None = None,
    *,
    progress: Callable[[float, str], None] = lambda fraction, note: None,
) -> dict[str, float]:
    """Evaluate a policy bundle against the baselines and write the `evaluation/` artefact.

    Args:
        task: What is to be done.
        demonstration_folder: Demonstration.
        retargeting_folder: Retargeting.
        bundle_folder: Policy bundle.
        evaluation_folder: Where the artefact goes.
        configuration: Episodes, seed, physics.
        progress: Told the fraction done, and who is running.

    Returns:
        The figures.

    Raises:
        InputError: An artefact is missing or malformed, or the policy was trained for something else.
    """
    configuration = configuration or EvaluationConfiguration()
    embodiment = load_embodiment(task.embodiment)
    reference = load_reference(demonstration_folder, retargeting_folder, embodiment)
    bundle = PolicyBundle.load(bundle_folder)
    expected = task_contract(task, embodiment, bundle.contract.recurrent_shape)
    contract_file.check(bundle.contract, expected, source=bundle_folder)
    controllers: Mapping[str, Callable[[Environment], EpisodeController]] = {
        "policy": lambda _: TrainedPolicy(bundle.policy),
        "replay": Replay,
        "object_aware_replay": ObjectAwareReplay,
        "behaviour_cloning": BehaviourCloning,
    }
    controllers = {name: controllers[name] for name in configuration.contenders}
    values: dict[str, float] = {}
    rows: list[str] = ["contender,episode,success,credit,lost,final_distance_m,steps"]
    inputs = _inputs(demonstration_folder, retargeting_folder, bundle_folder)
    with writing(evaluation_folder, SCHEMA, inputs=inputs, configuration=_shape(task, configuration)) as artefact:
        for index, (contender, make) in enumerate(controllers.items()):
            progress(index / len(controllers), contender.replace("_", " "))
            results = evaluate_contender(make, task, embodiment, reference, configuration)
            values |= figures(contender, results)
            rows += _rows(contender, results)
        artefact.quality |= values
        (artefact.folder / "evaluation.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        (artefact.folder / "episodes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    progress(1.0, "done")
    return values


def evaluation_is_current(
    task: Task,
    demonstration_folder: Path,
    retargeting_folder: Path,
    bundle_folder: Path,
    evaluation_folder: Path,
    configuration: EvaluationConfiguration | None = None,
) -> bool:
    """Whether `evaluate` with these arguments would make what is there already."""
    inputs = _inputs(demonstration_folder, retargeting_folder, bundle_folder)
    shape = _shape(task, configuration or EvaluationConfiguration())
    return is_current(evaluation_folder, SCHEMA, inputs=inputs, configuration=shape)


def _inputs(demonstration_folder: Path, retargeting_folder: Path, bundle_folder: Path) -> dict[str, Path]:
    return {"demonstration": demonstration_folder, "retargeting": retargeting_folder, "policy": bundle_folder}


def _shape(task: Task, configuration: EvaluationConfiguration) -> dict[str, Any]:
    return {"task": task_content(task), "evaluation": configuration}


def _rows(contender: str, results: EpisodeResults) -> list[str]:
    columns = zip(results.success, results.credit, results.lost, results.final_distance_m, results.steps, strict=True)
    return [
        f"{contender},{episode},{int(success)},{credit:.3f},{int(lost)},{distance:.5f},{steps}"
        for episode, (success, credit, lost, distance, steps) in enumerate(columns)
    ]
