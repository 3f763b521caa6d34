"""The stages of the pipeline: which function makes which artefact from which others.

A stage's package is imported when the stage is asked for, so that the command starts quickly and works
without the parts that other stages need.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from h2s2r_bringup.pipeline import Stage
from h2s2r_bringup.progress import StageProgress
from h2s2r_bringup.run_folder import RunFolder

if TYPE_CHECKING:
    from h2s2r_bringup.node_table import GraphSettings
    from h2s2r_perception.recording import Prompt
    from h2s2r_sim.task import Task

T = TypeVar("T")


def demonstrate_stage(task: Task, run: RunFolder, config: Path | None = None) -> Stage:
    """Recording and ground truth, rendered."""
    from h2s2r_sim.demonstrator.demonstrate import DemonstratorConfiguration, demonstrate, is_demonstrated

    configuration = configured(DemonstratorConfiguration, config)

    def make(progress: StageProgress) -> None:
        demonstrate(task, run.recording, run.ground_truth, configuration, progress.update)

    def current() -> bool:
        return is_demonstrated(task, run.recording, run.ground_truth, configuration)

    return Stage("demonstrate", "Filming the human", run.recording, current, make)


@dataclass(frozen=True)
class PerceptionInput:
    """What perception looks at."""

    recording: Path
    mesh: Path | None = None
    """The task's when None."""
    prompt: Prompt | None = None
    """The recording's own when None."""


def perceive_stage(task: Task, given: PerceptionInput, output: Path, config: Path | None = None) -> Stage:
    """The Demonstration, from a Recording."""
    from h2s2r_perception.artefact import read_meta
    from h2s2r_perception.demonstration import SCHEMA
    from h2s2r_perception.perceive import PerceiveConfiguration, perceive, perceive_is_current

    # The object's symmetry is declared by the task and nowhere else.
    configuration = configured(PerceiveConfiguration, config)
    declared = dataclasses.replace(configuration.object, symmetry=task.object.symmetry)
    configuration = dataclasses.replace(configuration, object=declared)
    mesh = given.mesh or task.object.mesh

    def make(progress: StageProgress) -> None:
        def tell(part: str, fraction: float) -> None:
            progress.update(fraction, part)

        perceive(given.recording, mesh, output, configuration, given.prompt, tell)
        for finding in read_meta(output, SCHEMA)["quality"]["findings"]:
            progress.say(finding)

    def current() -> bool:
        return perceive_is_current(given.recording, mesh, output, configuration, given.prompt)

    return Stage("perceive", "Perceiving object and hand", output, current, make)


def retarget_stage(task: Task, run: RunFolder, config: Path | None = None) -> Stage:
    """The Retargeting, from the Demonstration, for the task's robot in the task's scene."""
    from h2s2r_bringup.collision_scene import collision_world
    from h2s2r_bringup.hand_pictures import hand_pictures
    from h2s2r_retarget.embodiment import load_embodiment
    from h2s2r_retarget.stage import RetargetConfiguration, retarget, retarget_is_current

    configuration = configured(RetargetConfiguration, config)
    embodiment, world = load_embodiment(task.embodiment), collision_world(task)

    def make(progress: StageProgress) -> None:
        illustrate = hand_pictures(task, embodiment, run, progress.say)
        retarget(run.demonstration, embodiment, world, run.retargeting, configuration, illustrate)

    def current() -> bool:
        return retarget_is_current(run.demonstration, embodiment, world, run.retargeting, configuration)

    return Stage("retarget", "Retargeting to the robot", run.retargeting, current, make)


def train_stage(task: Task, run: RunFolder, *, profile: str, steps: int | None = None, resume: bool = True) -> Stage:
    """The policy bundle, by learning in simulation.

    Args:
        task: What is to be learned.
        run: Where the artefacts lie.
        profile: Name of the training profile.
        steps: Environment steps at most; the profile's when None.
        resume: Go on from the checkpoint, or begin afresh.
    """
    from h2s2r_sim.training.profiles import profile_named
    from h2s2r_sim.training.train import train, training_is_current

    settings = profile_named(profile)
    if steps is not None:
        settings = dataclasses.replace(settings, maximum_steps=steps)

    def make(progress: StageProgress) -> None:
        from h2s2r_sim.training.trainer import TrainingInterruptedError

        folders = (run.demonstration, run.retargeting, run.training, run.policy)
        try:
            train(task, *folders, settings, resume=resume, progress=progress.update)
        except TrainingInterruptedError as interruption:
            raise KeyboardInterrupt from interruption

    def current() -> bool:
        return training_is_current(task, run.demonstration, run.retargeting, run.policy, settings)

    return Stage("train", f"Training ({profile})", run.policy, current, make)


def evaluate_stage(
    task: Task, run: RunFolder, *, episodes: int, seed: int = 0, contenders: tuple[str, ...] = ()
) -> Stage:
    """Success of the policy and of the baselines on the same episodes."""
    from h2s2r_sim.evaluation import EvaluationConfiguration, evaluate, evaluation_is_current

    configuration = EvaluationConfiguration(episodes, seed)
    if contenders:
        configuration = dataclasses.replace(configuration, contenders=contenders)
    folders = (run.demonstration, run.retargeting, run.policy, run.evaluation)

    def make(progress: StageProgress) -> None:
        evaluate(task, *folders, configuration, progress=progress.update)

    def current() -> bool:
        return evaluation_is_current(task, *folders, configuration)

    return Stage("evaluate", "Evaluating", run.evaluation, current, make)


def deploy_stage(task: str, run: RunFolder, *, trials: int, seed: int = 0, embodiment: str | None = None) -> Stage:
    """Trials through the ROS graph with a simulated robot and camera.

    Args:
        task: Name or file of the task, as the nodes load it themselves.
        run: Where the artefacts lie.
        trials: How many.
        seed: Start poses and randomisation follow from it.
        embodiment: Name or file of a robot in the place of the task's own.
    """
    from h2s2r_bringup.deployment import DeploymentConfiguration, up_to_date
    from h2s2r_bringup.deployment import run as run_trials

    configuration = DeploymentConfiguration(task, trials, seed, embodiment=embodiment or "")

    def make(progress: StageProgress) -> None:
        _demand_fitting_policy(task, run, embodiment)
        code = run_trials(
            run.path,
            task,
            trials,
            seed=seed,
            embodiment=embodiment or "",
            progress=lambda done, _: progress.update(done),
            report=progress.say,
        )
        _end_with(code)

    return Stage("up simulated", "Deploying", run.deployment, lambda: up_to_date(run.path, configuration), make)


def run_graph(graph: str, settings: GraphSettings, run: RunFolder) -> int:
    """Start a graph and leave it running until Ctrl-C; nothing is kept but logs, and takes that were recorded.

    Args:
        graph: Name in the node table.
        settings: What distinguishes this start from another.
        run: Where the artefacts lie.

    Returns:
        The graph's exit code.
    """
    from h2s2r_bringup.node_table import nodes_of
    from h2s2r_bringup.up import up

    nodes = nodes_of(graph, settings)  # refuses an unknown name before the policy is looked at
    if any(node.name == "policy" for node in nodes):
        require_run(run)
        _demand_fitting_policy(settings.task, run, settings.embodiment or None)
    if any(node.name == "hand_playback" for node in nodes):
        from h2s2r_perception.demonstration import Demonstration

        require_run(run)
        Demonstration.load(run.demonstration)  # refused here in one line, not by two nodes in their logs
    return up(graph, settings)


def _demand_fitting_policy(task: str, run: RunFolder, embodiment: str | None) -> None:
    """Refuse a policy made for another robot before any node is started; the nodes would refuse it one by one."""
    from h2s2r_policy.interface import open_policy
    from h2s2r_retarget.embodiment import load_embodiment
    from h2s2r_sim.task import load_task

    open_policy(run.policy, load_embodiment(load_task(task, embodiment).embodiment))


def _end_with(code: int) -> None:
    """Turn a graph's exit code into ours; the graph has already said in words what happened."""
    from h2s2r_bringup.up import EXIT_INTERRUPTED

    if code == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise SystemExit(code)


def configured(kind: type[T], file: Path | None) -> T:
    """The stage's configuration: its defaults, or a YAML file over them."""
    from h2s2r_perception.artefact import load_configuration

    return kind() if file is None else load_configuration(kind, file)


def perceive_object_stage(task: Task, given: PerceptionInput, output: Path) -> Stage:
    """The object alone, for recordings in which nobody demonstrates."""
    from h2s2r_perception.perceive_object import ObjectConfiguration, perceive_object, perceive_object_is_current

    mesh, configuration = given.mesh or task.object.mesh, ObjectConfiguration(task.object.symmetry)

    def make(progress: StageProgress) -> None:
        def tell(part: str, fraction: float) -> None:
            progress.update(fraction, part)

        perceive_object(given.recording, mesh, output, configuration, given.prompt, tell)

    def current() -> bool:
        return perceive_object_is_current(given.recording, mesh, output, configuration, given.prompt)

    return Stage("perceive --object-only", "Perceiving the object", output, current, make)


def report_stage(run: RunFolder, task: Task | None) -> Stage:
    """The HTML page, from whatever artefacts there are."""
    from h2s2r_bringup.report import report_is_current, write_report

    def make(progress: StageProgress) -> None:
        write_report(run, run.path.name, task)

    return Stage("report", "Writing the report", run.report, lambda: report_is_current(run, task), make)


def require_run(run: RunFolder) -> None:
    """Refuse a run folder that does not exist.

    Raises:
        InputError: There is none.
    """
    from h2s2r_perception.artefact import InputError

    if not run.path.is_dir():
        remedy = "make one with `h2s2r demo`, or give --root"
        raise InputError(run.path, "run folder", found="nothing", expected="a run", remedy=remedy)
