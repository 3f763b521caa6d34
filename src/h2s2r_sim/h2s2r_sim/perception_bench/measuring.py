"""One sequence measured: the tracker as a user would start it, the peers from the truth; kept as small JSON."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import h2s2r_perception
import h2s2r_sim
from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose import SignedDistanceTracker
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation import segment
from h2s2r_sim.perception_bench.metrics import PoseMeter
from h2s2r_sim.perception_bench.peers import PEERS, IcpPeer
from h2s2r_sim.perception_bench.sequences import TrackedSequence, generate

FloatArray = NDArray[np.float64]
Step = Callable[[NDArray[np.uint8], NDArray[np.float32]], FloatArray]

TRACKER = "tracker"
METHODS = (TRACKER, *PEERS)
_DIGITS = 3

_GENERATOR_SOURCES = (
    (h2s2r_sim, "perception_bench"),
    (h2s2r_sim, "objects"),
    (h2s2r_sim, "demonstrator/hand_mesh.py"),
    (h2s2r_sim, "demonstrator/hand_model.py"),
    (h2s2r_sim, "rendering/sensor.py"),
    (h2s2r_perception, "object_model.py"),
    (h2s2r_perception, "geometry.py"),
)
_TRACKER_SOURCES = (
    (h2s2r_perception, "object_pose"),
    (h2s2r_perception, "segmentation"),
    (h2s2r_perception, "image_points.py"),
)


@dataclass(frozen=True)
class Job:
    """One sequence and how it is followed."""

    split: str
    object_name: str
    condition: str
    index: int
    method: str
    """`tracker`, or a key of `PEERS`."""


@dataclass(frozen=True)
class Outcome:
    """Errors in every frame after the first."""

    job: Job
    noise: int
    registered: bool
    diameter_mm: float
    cpu_ms_per_frame: float
    visible: list[float]
    add_mm: list[float]
    add_s_mm: list[float]
    translation_mm: list[float]
    rotation_deg: list[float]
    lost: list[bool]
    """What the tracker itself said; peers never say it."""


def measure(jobs: list[Job], sequence: TrackedSequence | None = None) -> list[Outcome]:
    """Follow one sequence by each of the methods (all jobs name the same sequence)."""
    first = jobs[0]
    sequence = sequence or generate(first.split, first.object_name, first.condition, first.index)
    model = load_object_model(sequence.mesh, sequence.symmetry)
    meter = PoseMeter.of(model)
    mask, plane = _pointed_at(sequence)
    outcomes = []
    for job in jobs:
        if job.method == TRACKER:
            tracker = SignedDistanceTracker(model)
            tracker.set_table_plane(plane)
            poses, lost, cpu_s, registered = _followed_by_tracker(tracker, sequence, mask)
        else:
            run, distances = PEERS[job.method]
            peer = IcpPeer(model, run, distances, plane, sequence.camera_matrix, sequence.T_camera_object[0])
            poses, cpu_s = _followed(peer.track, sequence)
            lost, registered = [False] * len(poses), True
        errors = meter.errors(sequence.T_camera_object[1:], poses)
        outcomes.append(
            Outcome(
                job,
                sequence.noise,
                registered,
                round(1e3 * meter.diameter_m, _DIGITS),
                round(1e3 * cpu_s / len(poses), _DIGITS),
                np.round(sequence.visible_fraction[1:], _DIGITS).tolist(),
                lost=lost,
                **{name: np.round(values, _DIGITS).tolist() for name, values in errors.items()},
            )
        )
    return outcomes


def outcome_path(folder: Path, job: Job) -> Path:
    """Where an outcome is kept; the folder's name says what code made it."""
    name = f"{job.object_name}-{job.condition}-{job.index:03d}.json"
    return folder / job.split / source_key(job.method) / job.method / name


def read_outcome(path: Path) -> Outcome | None:
    """The outcome kept there, if there is one."""
    if not path.is_file():
        return None
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Outcome(Job(**values.pop("job")), **values)


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Keep an outcome; the file appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    part.replace(path)


def source_key(method: str) -> str:
    """Hash of the code an outcome depends on: a run goes on where it stopped only with the same code."""
    if method not in _keys:
        digest = hashlib.sha256()
        for package, place in (*_GENERATOR_SOURCES, *(_TRACKER_SOURCES if method == TRACKER else ())):
            root = Path(str(package.__file__)).parent / place
            for file in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
                digest.update(file.name.encode() + file.read_bytes())
        _keys[method] = digest.hexdigest()[:12]
    return _keys[method]


_keys: dict[str, str] = {}


def _pointed_at(sequence: TrackedSequence) -> tuple[NDArray[np.bool_], FloatArray | None]:
    """What segmentation makes of a box round the object in the first frame, and the table under it."""
    try:
        return segment(sequence.rgb[0], sequence.depth_m(0), sequence.camera_matrix, Prompt(0, box=sequence.box))
    except InputError:
        return np.zeros(sequence.mask.shape, dtype=bool), None


def _followed_by_tracker(
    tracker: SignedDistanceTracker, sequence: TrackedSequence, mask: NDArray[np.bool_]
) -> tuple[FloatArray, list[bool], float, bool]:
    lost: list[bool] = []

    def step(rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> FloatArray:
        estimate = tracker.track(rgb, depth_m)
        lost.append(bool(estimate.lost))
        return estimate.T_camera_object

    try:
        tracker.register(sequence.rgb[0], sequence.depth_m(0), sequence.camera_matrix, mask)
    except InputError:
        # An object nobody found is as far off as the camera is.
        count = len(sequence) - 1
        return np.broadcast_to(np.eye(4), (count, 4, 4)), [True] * count, 0.0, False
    poses, cpu_s = _followed(step, sequence)
    return poses, lost, cpu_s, True


def _followed(step: Step, sequence: TrackedSequence) -> tuple[FloatArray, float]:
    """Poses `(T-1, 4, 4)` of all frames but the first, and the processor's time [s] for them."""
    poses, spent_s = [], 0.0
    for frame in range(1, len(sequence)):
        rgb, depth_m = sequence.rgb[frame], sequence.depth_m(frame)
        started = time.process_time()
        poses.append(step(rgb, depth_m))
        spent_s += time.process_time() - started
    return np.stack(poses), spent_s
