"""The train stage: demonstration and retargeting in, policy bundle out; interrupted, it goes on where it stopped."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2s2r_perception.artefact import as_plain, content_sha256, is_current, writing
from h2s2r_policy import contract as contract_file
from h2s2r_retarget.embodiment import Embodiment, load_embodiment
from h2s2r_sim.bundle import SCHEMA, task_content, task_contract
from h2s2r_sim.reference import Reference, load_reference
from h2s2r_sim.training.checkpoint import CHECKPOINT, CURVE
from h2s2r_sim.training.profiles import QUICK, Profile

if TYPE_CHECKING:
    from h2s2r_sim.task import Task
    from h2s2r_sim.training.learner import Learner
    from h2s2r_sim.training.trainer import Progress, Trainer

Report = Callable[[float, str], None]
"""Told the fraction of the longest possible training that is done, and a line for people."""

_EVALUATION_SEED = 900_001
_EVALUATION_EPISODES = 256


def train(
    task: Task,
    demonstration_folder: Path,
    retargeting_folder: Path,
    training_folder: Path,
    bundle_folder: Path,
    profile: Profile = QUICK,
    *,
    resume: bool = True,
    progress: Report = lambda fraction, note: None,
) -> None:
    """Train a policy and write the `policy/` artefact.

    While it runs, `training_folder` holds `checkpoint.pt` (every 20 s, and at the end) and `curve.csv`. A run that
    was killed and resumed ends with the same weights, to the bit, as one that was left alone.

    Args:
        task: What is to be done.
        demonstration_folder: Demonstration.
        retargeting_folder: Retargeting.
        training_folder: Checkpoint and curve.
        bundle_folder: Where the artefact goes.
        profile: Every number of the training.
        resume: Go on from a checkpoint of the same task, inputs and profile; otherwise begin afresh.
        progress: See `Report`.

    Raises:
        InputError: An artefact is missing or malformed, or its start poses cannot be reached.
        TrainingInterruptedError: SIGINT or SIGTERM came; the state is saved.
    """
    embodiment = load_embodiment(task.embodiment)
    reference = load_reference(demonstration_folder, retargeting_folder, embodiment)
    inputs = {"demonstration": demonstration_folder, "retargeting": retargeting_folder}
    identity = {
        "inputs": {name: content_sha256(folder) for name, folder in inputs.items()},
        "configuration": as_plain(_shape(task, embodiment, profile)),
    }
    if not resume:
        shutil.rmtree(training_folder, ignore_errors=True)
    trainer, learner = make_trainer(task, embodiment, reference, profile, training_folder, identity=identity)
    trainer.resume()
    trainer.run(lambda state: progress(state.steps / state.maximum_steps, describe(state)))
    progress(1.0, "exporting the policy")
    selected = trainer.select_policy()
    with writing(bundle_folder, SCHEMA, inputs=inputs, configuration=_shape(task, embodiment, profile)) as artefact:
        artefact.quality |= write_bundle(learner, task, embodiment, training_folder, artefact.folder)
        artefact.quality |= {"steps": trainer.steps, "success_in_training": selected}


def training_is_current(
    task: Task, demonstration_folder: Path, retargeting_folder: Path, bundle_folder: Path, profile: Profile = QUICK
) -> bool:
    """Whether `train` with these arguments would make the bundle that is there already."""
    inputs = {"demonstration": demonstration_folder, "retargeting": retargeting_folder}
    shape = _shape(task, load_embodiment(task.embodiment), profile)
    return is_current(bundle_folder, SCHEMA, inputs=inputs, configuration=shape)


def make_trainer(
    task: Task,
    embodiment: Embodiment,
    reference: Reference,
    profile: Profile,
    training_folder: Path,
    *,
    identity: Any = None,
) -> tuple[Trainer, Learner]:
    """Build environment, learner and trainer of a profile.

    Args:
        task: What is to be done.
        embodiment: The robot.
        reference: The demonstration.
        profile: Every number of the training.
        training_folder: Checkpoint and curve.
        identity: What the training is of; a checkpoint of another identity is not resumed.
    """
    import torch

    from h2s2r_sim.environment import Environment
    from h2s2r_sim.rollout import run_episodes
    from h2s2r_sim.training.actor import DeterministicActor
    from h2s2r_sim.training.learner import Learner
    from h2s2r_sim.training.trainer import Trainer
    from h2s2r_sim.training.vec_env import RslRlEnvironment

    # The physics has its own threads; two pools on the same cores slow each other down. It is also one
    # condition of bit-identical resuming: sums depend on the number of threads.
    torch.set_num_threads(1)

    def make_environment(num_environments: int, seed: int) -> Environment:
        return Environment(
            task,
            embodiment,
            reference,
            num_environments=num_environments,
            seed=seed,
            reward=profile.reward,
            engine=profile.engine,
        )

    def evaluate(learner: Learner) -> float:
        environment = make_environment(_EVALUATION_EPISODES, _EVALUATION_SEED)
        return float(run_episodes(environment, DeterministicActor(learner.actor)).success.mean())

    adapter = RslRlEnvironment(make_environment(profile.environments, profile.seed), profile.device)
    learner = Learner(adapter, profile)
    return Trainer(learner, adapter, evaluate, profile, training_folder, identity=identity), learner


def write_bundle(
    learner: Learner, task: Task, embodiment: Embodiment, training_folder: Path, folder: Path
) -> dict[str, float]:
    """Fill a policy bundle's folder.

    Returns:
        Its quality figures.
    """
    from h2s2r_sim.training.export import export_policy

    contract = task_contract(task, embodiment, learner.recurrent_shape)
    contract_file.write(contract, folder)
    difference = export_policy(learner.actor, contract, folder)
    for name in (CHECKPOINT, CURVE):
        shutil.copyfile(training_folder / name, folder / name)
    return {"onnx_difference": difference}


def describe(state: Progress) -> str:
    """One line for people: success of both policies, return, speed, time left if it takes all steps."""
    left = (state.maximum_steps - state.steps) / max(state.steps_per_second, 1.0)
    return (
        f"success {100 * state.success:.0f} % exploring, {100 * state.evaluated_success:.0f} % evaluated, "
        f"return {state.episode_return:.1f}, {state.steps_per_second:.0f} steps/s, "
        f"at most {int(left // 60)}:{int(left % 60):02d} left"
    )


def _shape(task: Task, embodiment: Embodiment, profile: Profile) -> dict[str, Any]:
    return {
        "task": task_content(task),
        "embodiment_sha256": embodiment.sha256,
        "profile": dataclasses.asdict(profile),
    }
