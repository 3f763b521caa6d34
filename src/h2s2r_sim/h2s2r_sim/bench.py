"""What the environment costs beyond its physics: `python -m h2s2r_sim.bench`.

Both are timed in one interleaved run on the same trajectory: a full environment step, whose joint commands are
noted, then the bare physics from the same state with the same commands. Prints a table, writes a flat JSON.

`overhead_percent` compares work with work: both on one thread. The physics spreads over all cores and the rest of
the step does not, so on more cores its share of the wall time grows; `..._all_threads` says how much.
`controller_share_of_step` is the time within the joint controller.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_policy.controller import ControllerState
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim.engines import Engine, make_engine
from h2s2r_sim.environment import TICKS, Environment, JointController
from h2s2r_sim.scripted_push import scripted_push
from h2s2r_sim.task import load_task
from h2s2r_sim.training.profiles import QUICK
from h2s2r_sim.twin import build_twin

OUTPUT = Path("build/bench/environment.json")
STEPS = 150
_WARM_UP = 20


class _Timed:
    """Stands between environment and controller and sums up the time spent in it."""

    def __init__(self, controller: JointController) -> None:
        self._controller = controller
        self.seconds = 0.0

    def reachable(self, goal: NDArray[np.float64]) -> Any:
        """As the controller's."""
        started = time.perf_counter()
        result = self._controller.reachable(goal)
        self.seconds += time.perf_counter() - started
        return result

    def step(self, state: ControllerState, goal: NDArray[np.float64], *, dt_s: float) -> ControllerState:
        """As the controller's."""
        started = time.perf_counter()
        result = self._controller.step(state, goal, dt_s=dt_s)
        self.seconds += time.perf_counter() - started
        return result


class _Recorder:
    """Stands between environment and engine and notes the joint targets of each tick."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.targets: list[NDArray[np.float64]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def set_joint_target(self, joint_position: NDArray[np.float64]) -> None:
        """Note and pass on."""
        self.targets.append(joint_position)
        self._engine.set_joint_target(joint_position)


def measure(environments: int = QUICK.environments, steps: int = STEPS, num_threads: int = 1) -> dict[str, float]:
    """Time full steps and their physics alone, one after the other.

    Args:
        environments: How many side by side.
        steps: How many steps are timed.
        num_threads: Physics threads; 0 for all cores.

    Returns:
        Medians and their ratio. Episodes that end are reset within the step, as in training.
    """
    task = load_task("snackbox_push")
    embodiment = load_embodiment(task.embodiment)
    reference = scripted_push(embodiment)
    environment = Environment(
        task, embodiment, reference, num_environments=environments, seed=0, num_threads=num_threads
    )
    alone = make_engine("mujoco_cpu", build_twin(task, embodiment), environments, num_threads=num_threads)
    recorder = _Recorder(environment.engine)
    environment.engine = recorder
    controller = _Timed(environment.joint_controller)
    environment.joint_controller = controller
    rng = np.random.default_rng(0)
    full_s, physics_s = np.zeros(steps), np.zeros(steps)
    for step in range(-_WARM_UP, steps):
        if step == 0:
            controller.seconds = 0.0
        alone.load_state_dict(environment.engine.state_dict())
        recorder.targets.clear()
        action = rng.normal(0.0, 0.3, (environments, environment.num_actions))
        action[:, 1] += 0.3  # push: contacts are what physics costs in training
        started = time.perf_counter()
        environment.step(action)
        between = time.perf_counter()
        for target in recorder.targets:
            alone.set_joint_target(target)
            alone.step()
        if step >= 0:
            full_s[step], physics_s[step] = between - started, time.perf_counter() - between
    full, physics = float(full_s.sum()), float(physics_s.sum())
    return {
        "full_step_ms": 1e3 * full / steps,
        "physics_alone_ms": 1e3 * physics / steps,
        "controller_share_of_step": controller.seconds / full,
        "overhead_percent": 100.0 * (full / physics - 1.0),
        "environment_steps_per_s": environments * steps / full,
        "physics_steps_per_s": environments * steps * TICKS / physics,
    }


def run(output: Path = OUTPUT) -> dict[str, Any]:
    """Measure, print a table, write the JSON."""
    figures: dict[str, Any] = {"environments": QUICK.environments, "policy_steps": STEPS, **measure()}
    figures |= {f"{name}_all_threads": value for name, value in measure(num_threads=0).items()}
    publish_figures(figures, output)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    run(parser.parse_args().output)
