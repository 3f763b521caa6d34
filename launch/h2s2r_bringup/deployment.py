"""Deployment through the real ROS graph: N trials, their success, the latency of every hop, a video.

deployment/
  deployment.json   success count and rate, latencies, each trial
  latency.npz       raw samples [ms] for each hop of an image's way to the joint command
  rollout.mp4       the first trial, seen from the side
  meta.json
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_bringup.node_table import GraphSettings
from h2s2r_bringup.up import up
from h2s2r_perception.artefact import InputError, Schema, is_current, writing
from h2s2r_sim.arrivals import TOTAL

SCHEMA = Schema("deployment", 1)
REPORT, LATENCIES, VIDEO = "deployment.json", "latency.npz", "rollout.mp4"
INPUTS = ("recording", "demonstration", "retargeting", "policy")
"""Artefacts of the run folder that the graph reads; of the recording only the camera's calibration."""

START_ALLOWANCE_S = 60.0
TRIAL_ALLOWANCE_S = 75.0

Progress = Callable[[float, str], None]

_TRIAL_LINE = re.compile(r"^trial (\d+)/\d+: (.*)$")


@dataclass(frozen=True)
class DeploymentConfiguration:
    """What is deployed how often; the artefact is current while this and its inputs are unchanged."""

    task: str
    trials: int = 10
    seed: int = 0
    camera_latency_s: float = GraphSettings.camera_latency_s
    embodiment: str = ""
    """In the place of the task's own."""


def up_to_date(run_folder: Path, configuration: DeploymentConfiguration) -> bool:
    """Whether `deployment/` was made from the present artefacts with this configuration."""
    inputs = {name: run_folder / name for name in INPUTS}
    if not all(path.is_dir() for path in inputs.values()):
        return False
    return is_current(run_folder / "deployment", SCHEMA, inputs=inputs, configuration=configuration)


def run(
    run_folder: Path,
    task: str,
    trials: int,
    *,
    seed: int = 0,
    camera_latency_s: float = GraphSettings.camera_latency_s,
    embodiment: str = "",
    progress: Progress | None = None,
    report: Callable[[str], None] = print,
) -> int:
    """Run trials through the graph `simulated` and write `deployment/`.

    Args:
        run_folder: `runs/<task>/`, holding `INPUTS`.
        task: Name or file of the task.
        trials: How many; at least 1.
        seed: Start poses and randomisation follow from it.
        camera_latency_s: Age of an image when it is published [s].
        embodiment: Name or file of a robot in the place of the task's own.
        progress: Told the fraction done and what happens.
        report: Told the same in lines, and more of it when something fails.

    Returns:
        The graph's exit code; the artefact is written only when it is 0. Failed trials are no failure of the
        graph: they are in the figures.

    Raises:
        InputError: An artefact is missing, or there are no trials.
    """
    if trials < 1:
        raise InputError("h2s2r up", "trials", found=str(trials), expected="at least 1", remedy="give --trials 10")
    for name in INPUTS:
        if not (run_folder / name).is_dir():
            raise InputError(
                run_folder / name,
                "folder",
                found="nothing",
                expected=f"the {name} artefact",
                remedy="run the stages before this one, or `h2s2r demo` for all",
            )
    configuration = DeploymentConfiguration(task, trials, seed, camera_latency_s, embodiment)
    output = _fresh_folder(run_folder / "log" / "simulated")
    settings = GraphSettings(run_folder, task, output, trials, seed, camera_latency_s, embodiment=embodiment)
    limit_s = START_ALLOWANCE_S + TRIAL_ALLOWANCE_S * trials
    code = up("simulated", settings, report=_follow(trials, progress, report), wall_limit_s=limit_s)
    if code == 0:
        _write(run_folder, configuration, output)
    return code


def _follow(trials: int, progress: Progress | None, report: Callable[[str], None]) -> Callable[[str], None]:
    done = 0

    def line(text: str) -> None:
        nonlocal done
        report(text)
        trial = _TRIAL_LINE.match(text)
        if progress is not None:
            done = int(trial[1]) if trial else done
            progress(done / trials, text)

    return line


def _fresh_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.resolve()


def _write(run_folder: Path, configuration: DeploymentConfiguration, output: Path) -> None:
    trials = json.loads((output / "trials.json").read_text(encoding="utf-8"))
    with np.load(output / LATENCIES) as stored:
        latencies = {name: stored[name] for name in stored.files}
    figures = summary(trials, latencies)
    inputs = {name: run_folder / name for name in INPUTS}
    with writing(run_folder / "deployment", SCHEMA, inputs=inputs, configuration=configuration) as artefact:
        text = json.dumps({**figures, "trials": trials}, indent=2) + "\n"
        (artefact.folder / REPORT).write_text(text, encoding="utf-8")
        for name in (LATENCIES, VIDEO):
            shutil.copyfile(output / name, artefact.folder / name)
        artefact.quality.update(figures)


def summary(trials: list[Mapping[str, Any]], latencies_ms: Mapping[str, NDArray[np.float64]]) -> dict[str, float]:
    """The figures of a deployment.

    Args:
        trials: As `trial.Verdict.as_mapping` gives them.
        latencies_ms: Samples `(M,)` for each hop and for the whole way.

    Returns:
        `deployed_success` (rate), `deployed_n`, median distance at the end, `latency_ms_p50/p99` of the whole
        way, `latency_<hop>_ms_p50/p99` of each hop.
    """
    figures: dict[str, float] = {
        "deployed_success": sum(bool(trial["success"]) for trial in trials) / len(trials),
        "deployed_n": len(trials),
    }
    distances_m = [trial["final_distance_m"] for trial in trials if trial["final_distance_m"] is not None]
    if distances_m:
        figures["deployed_final_distance_mm_p50"] = round(1e3 * float(np.median(distances_m)), 3)
    for hop, samples in latencies_ms.items():
        name = "latency_ms" if hop == TOTAL else f"latency_{hop}_ms"
        for percentile in (50, 99):
            if len(samples):
                figures[f"{name}_p{percentile}"] = round(float(np.percentile(samples, percentile)), 3)
    return figures
