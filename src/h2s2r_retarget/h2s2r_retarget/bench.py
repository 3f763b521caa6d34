"""What kinematics costs: `python -m h2s2r_retarget.bench`. Prints a table, writes a flat JSON.

Everything runs on one core if `OMP_NUM_THREADS=1` is set. Medians and minima of many calls, in milliseconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_retarget.differential_ik import solve_palm, step_palm
from h2s2r_retarget.embodiment import Embodiment, bundled_embodiments, load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

OUTPUT = Path("build/bench/kinematics.json")
POSTURES = 128
_CALLS = 200
_SPREAD_RAD = 0.3
"""Targets of the solver: the palm of postures this far from home, in every arm joint."""


def measure(embodiment: Embodiment, postures: int = POSTURES, calls: int = _CALLS) -> dict[str, float]:
    """Time forward kinematics, one step and a whole solution, for `postures` at once."""
    kinematics = BatchedKinematics(embodiment)
    random = np.random.default_rng(0)
    start = np.tile(embodiment.home, (postures, 1))
    moved = start.copy()
    moved[:, : embodiment.arm_dof] += random.uniform(-_SPREAD_RAD, _SPREAD_RAD, (postures, embodiment.arm_dof))
    moved = np.clip(moved, embodiment.limits.lower, embodiment.limits.upper)
    targets = kinematics.forward(moved).T_world_palm
    solution = solve_palm(kinematics, start, targets)
    met = (solution.position_error_m < 1e-3) & (solution.rotation_error_rad < np.radians(0.5))
    figures: dict[str, float] = {"postures": postures, "solved_share": float(met.mean())}
    for name, call, repeats in (
        ("forward", lambda: kinematics.forward(start), calls),
        ("step", lambda: step_palm(kinematics, start, targets), calls),
        ("solve", lambda: solve_palm(kinematics, start, targets), max(calls // 20, 1)),
    ):
        figures |= {f"{name}_{kind}_ms": value for kind, value in _milliseconds(call, repeats).items()}
    return figures


def _milliseconds(call: Callable[[], object], repeats: int) -> dict[str, float]:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1e3)
    return {"p50": float(np.median(taken)), "min": float(np.min(taken))}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--embodiment", default=bundled_embodiments()[0], help="name or file [default: %(default)s]")
    arguments = parser.parse_args()
    publish_figures(measure(load_embodiment(arguments.embodiment)), arguments.output)


if __name__ == "__main__":
    main()
