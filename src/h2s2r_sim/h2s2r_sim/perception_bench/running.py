"""Many sequences in a few processes: what is kept is not measured again, progress is said, Ctrl-C stops at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from h2s2r_sim.perception_bench.conditions import OBJECTS
from h2s2r_sim.perception_bench.measuring import (
    TRACKER,
    Job,
    Outcome,
    measure,
    outcome_path,
    read_outcome,
    write_outcome,
)
from h2s2r_sim.perception_bench.metrics import wilson_interval
from h2s2r_sim.perception_bench.unprompted import found, overlap_without_click

KEPT = Path("build/bench/perception")
_SPEED_SEQUENCES = (("snack_box", 0), ("mug_printed", 1), ("plate_plain", 2), ("bottle_plain", 3))
"""Followed alone, when the others are done, for the tracker's speed on one core; the first only to warm up."""


class Workers:
    """A pool of processes, as a context; leaving it early drops what has not begun."""

    def __init__(self, count: int) -> None:
        # Libraries read these when they are loaded; processes that share cores gain nothing from more threads.
        os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", NUMBA_NUM_THREADS="1")
        self._count = count
        self._pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"))

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def measured(self, sequences: list[list[Job]]) -> list[Outcome]:
        """The outcomes of all jobs, in order; those of one sequence share its images."""
        places = {job: outcome_path(KEPT, job) for jobs in sequences for job in jobs}
        missing = [{job: places[job] for job in jobs if read_outcome(places[job]) is None} for jobs in sequences]
        self._run("sequences", _measure_and_keep, [(jobs,) for jobs in missing if jobs])
        kept = [read_outcome(place) for place in places.values()]
        return [outcome for outcome in kept if outcome is not None]

    def overlaps_without_click(self, split: str, recordings: int) -> list[float]:
        """Overlap of proposed and true mask in each of so many Recordings, objects taking turns."""
        jobs = [Job(split, OBJECTS[n % len(OBJECTS)], "unprompted", n, TRACKER) for n in range(recordings)]
        places = [outcome_path(KEPT, job) for job in jobs]
        missing = [(job, place) for job, place in zip(jobs, places, strict=True) if not place.is_file()]
        self._run("recordings without a click", _overlap_and_keep, missing)
        return [float(place.read_text(encoding="utf-8")) for place in places]

    def _run(self, what: str, work: Callable[..., None], tasks: Sequence[tuple[Any, ...]]) -> None:
        started = time.monotonic()
        futures = [self._pool.submit(work, *task) for task in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            spent_s = time.monotonic() - started
            left_min = spent_s / done * (len(tasks) - done) / 60.0
            print(f"\r{what}: {done}/{len(tasks)}, {left_min:.0f} min left ", end="", flush=True)
        if tasks:
            print(f"\r{what}: {len(tasks)} in {(time.monotonic() - started) / 60.0:.1f} min        ")


def tracker_fps(split: str) -> float:
    """Frames per second of one core that the tracker follows, by the processor's time; nothing else is counted."""
    frames, spent_s = 0, 0.0
    for number, (object_name, index) in enumerate(_SPEED_SEQUENCES):
        outcome = measure([Job(split, object_name, "slow", index, TRACKER)])[0]
        if number > 0:
            frames += len(outcome.add_mm)
            spent_s += 1e-3 * outcome.cpu_ms_per_frame * len(outcome.add_mm)
    return frames / spent_s


def found_without_click(overlaps: list[float]) -> dict[str, float | None]:
    """The share of Recordings in which the right object was found, with Wilson's interval."""
    name = "object_found_without_click_fraction"
    if not overlaps:
        return {name: None}
    successes = sum(found(overlap) for overlap in overlaps)
    low, high = wilson_interval(successes, len(overlaps))
    figures: dict[str, float | None] = {name: successes / len(overlaps), f"{name}_low": low, f"{name}_high": high}
    figures["without_click_overlap_p50"] = float(np.median(overlaps))
    return figures


def _measure_and_keep(jobs: dict[Job, Path]) -> None:
    for outcome in measure(list(jobs)):
        write_outcome(jobs[outcome.job], outcome)


def _overlap_and_keep(job: Job, place: Path) -> None:
    overlap = overlap_without_click(job.split, job.object_name, job.index)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{overlap:.4f}\n", encoding="utf-8")
