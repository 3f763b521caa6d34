"""Running stages: skip what is up to date, show progress, keep the order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from h2s2r_bringup.progress import StageProgress


@dataclass(frozen=True)
class Stage:
    """One step from artefacts to an artefact.

    A stage has no memory: whether it has been done is read from what lies on disk, so that a
    pipeline killed at any moment goes on where it stopped.
    """

    name: str
    """The sub-command that runs it alone."""
    title: str
    """What it does, in a few words, for the terminal."""
    output: Path
    """The artefact it makes; appears whole or not at all."""
    is_current: Callable[[], bool]
    """Whether `output` was made from the inputs and the configuration of now."""
    make: Callable[[StageProgress], None]
    """Does the work."""


@dataclass(frozen=True)
class Outcome:
    """What happened to one stage."""

    stage: Stage
    skipped: bool
    seconds: float
    """Wall time, s; checking whether the artefact is current included."""


def run_stage(stage: Stage, *, force: bool = False) -> Outcome:
    """Run one stage unless its artefact is up to date.

    Args:
        stage: What to run.
        force: Run it although it is up to date.
    """
    started = time.monotonic()
    if not force and stage.is_current():
        print(f"{stage.title}: up to date ({stage.output})", flush=True)
        return Outcome(stage, skipped=True, seconds=time.monotonic() - started)
    with StageProgress(stage.title) as progress:
        stage.make(progress)
    return Outcome(stage, skipped=False, seconds=time.monotonic() - started)


def run_pipeline(stages: Iterable[Stage], *, force: bool = False) -> list[Outcome]:
    """Run the stages in order; the first error ends the run and leaves every finished artefact."""
    return [run_stage(stage, force=force) for stage in stages]
