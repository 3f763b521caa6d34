"""`h2s2r demo`: every stage in order, from a human's video to a robot that has done the task, and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from h2s2r_bringup.pipeline import Outcome

HEADLINES = (
    "object_translation_mm_p50",
    "object_rotation_deg_p50",
    "ik_palm_mm",
    "success_policy",
    "success_replay",
    "success_object_aware_replay",
    "deployed_success",
    "latency_ms_p50",
)
"""The figures worth a line on the terminal; `h2s2r report --json` prints all."""


def summary_lines(outcomes: Sequence[Outcome], figures: Mapping[str, float], report: Path) -> list[str]:
    """What the demo says at its end.

    Args:
        outcomes: What happened to each stage.
        figures: The run's figures.
        report: Where the HTML page lies.
    """
    stages = [
        f"  {outcome.stage.name:<28} {'up to date' if outcome.skipped else f'{outcome.seconds:8.1f} s'}"
        for outcome in outcomes
    ]
    known = [f"  {key:<28} {figures[key]:8.3g}" for key in HEADLINES if key in figures]
    total = sum(outcome.seconds for outcome in outcomes)
    return [
        "",
        "stages",
        *stages,
        f"  {'total':<28} {total:8.1f} s",
        "figures",
        *known,
        "",
        f"report: {report.resolve()}",
    ]
