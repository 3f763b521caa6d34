"""Reads from the artefacts what the report draws; nothing here computes a result of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_bringup.report.figures import meta
from h2s2r_bringup.run_folder import RunFolder, has_ground_truth
from h2s2r_perception.accuracy import GROUND_TRUTH
from h2s2r_perception.artefact import content_sha256
from h2s2r_perception.artefact.folder import META

if TYPE_CHECKING:
    from h2s2r_sim.task import Task

FloatArray = NDArray[np.float64]

CURVE, DEPLOYMENT, LATENCIES, ROLLOUT, OVERLAY = (
    "curve.csv",
    "deployment.json",
    "latency.npz",
    "rollout.mp4",
    "overlay.mp4",
)
LAYOUT = 3
"""Of the page; a report of an older layout is made again."""


@dataclass(frozen=True)
class LearningCurve:
    """One row for each iteration of the learner."""

    steps: FloatArray
    seconds: FloatArray
    """Training time so far, interruptions left out."""
    success: FloatArray
    """Of the exploring policy's last episodes, in [0, 1]."""
    evaluated_success: FloatArray
    """Of the deterministic policy in the last evaluation before, in [0, 1]."""
    episode_return: FloatArray


@dataclass(frozen=True)
class ObjectPath:
    """The tracked object, and the truth where it is known."""

    stamp_s: FloatArray
    """`(T,)` since the first frame."""
    tracked: FloatArray
    """`(T, 4, 4)` `T_world_object` [m]."""
    truth: FloatArray | None


def fingerprint(run: RunFolder, task: Task | None = None) -> str:
    """Identifies what a report shows: the artefacts, and the scene drawn over the recording."""
    total = hashlib.sha256(f"layout {LAYOUT} {None if task is None else task.scene}".encode())
    for folder in (
        run.recording,
        run.ground_truth,
        run.demonstration,
        run.retargeting,
        run.policy,
        run.evaluation,
        run.deployment,
    ):
        if (folder / META).is_file():
            total.update(f"{folder.name} {content_sha256(folder)} {meta(folder).get('seconds')}".encode())
    return total.hexdigest()


def stage_seconds(run: RunFolder) -> dict[str, float]:
    """Wall time that each artefact took, in the order of the pipeline [s]."""
    curve = learning_curve(run.training / CURVE)
    stages = {
        "demonstrate": meta(run.recording).get("seconds"),
        "perceive": meta(run.demonstration).get("seconds"),
        "retarget": meta(run.retargeting).get("seconds"),
        # Training may have been interrupted; its curve counts the time spent, whoever spent it.
        "train": None if curve is None else curve.seconds[-1],
        "evaluate": meta(run.evaluation).get("seconds"),
        "up simulated": _trial_seconds(run.deployment),
    }
    return {stage: float(seconds) for stage, seconds in stages.items() if seconds is not None}


def _trial_seconds(deployment: Path) -> float | None:
    trials = read_deployment(deployment).get("trials", [])
    return sum(trial["wall_s"] for trial in trials) if trials else None


def read_deployment(folder: Path) -> Mapping[str, Any]:
    """What the trials say of themselves; empty when there were none."""
    path = folder / DEPLOYMENT
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def latencies_ms(folder: Path) -> dict[str, FloatArray]:
    """Samples of each hop of an image's way to the joint command; empty when there were no trials."""
    path = folder / LATENCIES
    if not path.is_file():
        return {}
    with np.load(path) as stored:
        return {name: np.asarray(stored[name], dtype=np.float64) for name in stored.files}


def learning_curve(path: Path) -> LearningCurve | None:
    """Read `curve.csv`; None when there is none or it has no row yet."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return None
    names = [field.name for field in fields(LearningCurve)]
    return LearningCurve(**{name: np.array([float(row[name]) for row in rows]) for name in names})


def object_path(run: RunFolder) -> ObjectPath | None:
    """The Demonstration's object path beside the ground truth's; None before `h2s2r perceive`."""
    if not (run.demonstration / META).is_file():
        return None
    from h2s2r_perception.demonstration import Demonstration

    demonstration = Demonstration.load(run.demonstration)
    stamp_s = (demonstration.stamp_ns - demonstration.stamp_ns[0]) * 1e-9
    return ObjectPath(stamp_s, demonstration.T_world_object, _true_path(run, len(stamp_s)))


def _true_path(run: RunFolder, frames: int) -> FloatArray | None:
    path = run.ground_truth / GROUND_TRUTH
    if not path.is_file() or not has_ground_truth(run):
        return None
    with np.load(path, allow_pickle=False) as stored:
        truth = np.asarray(stored["T_world_object"], dtype=np.float64)
    return truth if len(truth) == frames else None


def frame_rate_hz(run: RunFolder) -> float:
    """Frames each second of the recording, from its stamps."""
    stamps = meta(run.recording).get("stamp_ns")
    if not isinstance(stamps, list) or len(stamps) < 2:
        return 30.0
    return float(1e9 * (len(stamps) - 1) / (stamps[-1] - stamps[0]))


def provenance() -> dict[str, str]:
    """Which code, on which machine."""
    parts = ("numpy", "torch", "mujoco", "rsl-rl-lib", "mediapipe", "pin", "onnxruntime")
    return {
        "h2s2r": f"{_version('h2s2r_bringup')}, commit {_commit()}",
        "Python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {_cores()} cores",
        "packages": ", ".join(f"{part} {_version(part)}" for part in parts),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # an installation without git is a legitimate one
        return "unknown"
    return done.stdout.strip() or "unknown"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
