"""What one policy step costs beyond the network: `python -m h2s2r_policy.bench`.

Observation, action and the controller (a goal made reachable, four steps), for one robot and for 128 and 256
environments, on one thread. The controller is timed with the hand a few millimetres above the table, where it costs
most. Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_policy.controller import ControllerConfiguration
from h2s2r_policy.interface import make_controller, make_runner
from h2s2r_policy.policy_runner import Measurement
from h2s2r_policy.rates import CONTROL_RATE_HZ, POLICY_RATE_HZ
from h2s2r_policy.terms import total_size
from h2s2r_retarget.embodiment import Embodiment, bundled_embodiments, load_embodiment

OUTPUT = Path("build/bench/policy.json")
REPEATS = 300
_TABLE_M = 0.155
_TICKS = round(CONTROL_RATE_HZ / POLICY_RATE_HZ)


def measure(rows: int, embodiment: Embodiment) -> dict[str, float]:
    """Median times of the processor [ms] for this many rows; on a quiet core they are the wall's."""
    rng = np.random.default_rng(0)
    joints = embodiment.home + rng.normal(0.0, 0.02, (rows, embodiment.dof))
    T = np.tile(np.eye(4), (rows, 1, 1))
    T[:, :3, 3] = rng.normal(0.5, 0.05, (rows, 3))
    runner = make_runner(embodiment, "none")
    runner.reset(joints, T)
    measurement = Measurement(joints, np.zeros_like(joints), T, T)
    action = rng.uniform(-1.0, 1.0, (rows, total_size(runner.actions.terms))).astype(np.float32)
    observe = _median_ms(lambda: runner.observe(measurement))
    act = _median_ms(lambda: runner.act(action))
    controller = make_controller(embodiment, ControllerConfiguration(), _TABLE_M)
    down = joints.copy()
    down[:, 1] += 0.5
    low = controller.reachable(down)
    # On the way from one place above the table to another.
    command, target = controller.reset(low), controller.reachable(low + rng.normal(0.0, 0.1, low.shape))
    for _ in range(_TICKS):
        command = controller.step(command, target, dt_s=1.0 / CONTROL_RATE_HZ)
    reach = _median_ms(lambda: controller.reachable(target))
    tick = _median_ms(lambda: controller.step(command, target, dt_s=1.0 / CONTROL_RATE_HZ))
    control = reach + _TICKS * tick
    return {
        f"observe_{rows}_ms": observe,
        f"act_{rows}_ms": act,
        f"controller_tick_{rows}_ms": tick,
        f"controller_{rows}_ms": control,
        f"policy_step_{rows}_ms": observe + act + control,
    }


def _median_ms(call: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.thread_time()
        call()
        times.append(time.thread_time() - started)
    return 1e3 * float(np.median(times))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--embodiment", default=bundled_embodiments()[0], help="name or file [default: %(default)s]")
    arguments = parser.parse_args()
    embodiment = load_embodiment(arguments.embodiment)
    figures = {name: value for rows in (1, 128, 256) for name, value in measure(rows, embodiment).items()}
    figures["controller_us_single"] = 1e3 * figures["controller_tick_1_ms"]
    figures["controller_us_per_environment"] = 1e3 * figures["controller_tick_256_ms"] / 256
    publish_figures(figures, arguments.output)


if __name__ == "__main__":
    main()
