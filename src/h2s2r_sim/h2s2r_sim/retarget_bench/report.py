"""The figures as tables for people, and as a page of the documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from h2s2r_perception.artefact.figures import Figure
from h2s2r_sim.perception_bench.report import publish_results
from h2s2r_sim.retarget_bench.comparison import BATCHED, CLEAR, PEERS, SINGLE

_METHODS = (BATCHED, SINGLE, CLEAR, *(name for names in PEERS.values() for name in names))
_SPREAD = ("mean", "p50", "p95", "p99")
_HEADLINE = ("palm_success_fraction", "time_ratio_", "residual_ratio_", "controller_", "live_")
_TIME = {"ms": "ms a hand"}
_PALM = {
    "palm_reached_fraction": "palm reached",
    "palm_mm_p50": "palm p50 [mm]",
    "palm_mm_p95": "p95",
    "palm_deg_p95": "p95 [deg]",
}
_TIPS = {
    "tip_mm_mean": "tips mean [mm]",
    "tip_mm_p50": "p50",
    "tip_mm_p95": "p95",
    "tip_over_best_mm_mean": "over best, mean [mm]",
    "tip_over_best_mm_p95": "p95",
    "overlapping_fraction": "goes into itself",
}
"""Figure -> head of its column."""
PAGE, RESULTS = Path("docs/benchmarks/retarget.md"), Path("results/retarget/retarget.json")


def tables(figures: Mapping[str, Figure], embodiments: Sequence[str]) -> str:
    """Markdown."""
    stated = f"{figures['hands']} hands for each robot, of which the peers solved {figures['hands_of_peers']}"
    blocks = [
        f"{stated} (half as many for robots that no task uses). Load of the machine: {os.getloadavg()[1]:.1f}.",
        _success(figures, embodiments),
        _best(figures, embodiments),
        _methods("arm and hand", figures, "arm_hand_{}", _TIME | _PALM | _TIPS),
        _methods("hand alone", figures, "hand_{}", _TIME | _TIPS),
        *(_methods(f"hand alone, {name}", figures, "hand_{}", _TIME | _TIPS, f"_{name}") for name in embodiments),
        _ratios(figures),
    ]
    return "\n\n".join(block for block in blocks if block)


def publish_page(repository: Path, figures: Path, text: str) -> None:
    """Put the figures' file and the tables where the documentation keeps them."""
    publish_results(repository, figures, text, page_name=PAGE, results=RESULTS)


def headline(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures that fit on one screen: those the issue asks for."""
    return {key: value for key, value in figures.items() if key.startswith(_HEADLINE)}


def _success(figures: Mapping[str, Figure], embodiments: Sequence[str]) -> str:
    rows = []
    for name in embodiments:
        key = f"palm_success_fraction_{name}"
        interval = f"{_share(figures[f'{key}_low'])} to {_share(figures[f'{key}_high'])}"
        overlap = _number(figures[f"accepted_overlap_mm_max_{name}"])
        rows.append(f"{name} | {_share(figures[key])} ({interval}) | {overlap}")
    head = "over a table | palm success [%] (95 % interval) | deepest overlap in an accepted solution [mm]"
    return "\n".join([head, "--- | --- | ---", *rows])


def _best(figures: Mapping[str, Figure], embodiments: Sequence[str]) -> str:
    rows = []
    for name in embodiments:
        spreads = [[f"{what}_mm_{q}_{name}" for q in _SPREAD] for what in ("tip", "best_tip", "tip_over_best")]
        cells = [" / ".join(_number(figures[key]) for key in keys) for keys in spreads]
        cells.append(_share(figures[f"tip_within_1mm_of_best_fraction_{name}"]))
        rows.append(" | ".join([name, *cells]))
    head = "fingertips, mean / p50 / p95 / p99 [mm] | ours | best possible | ours over best | within 1 mm of it [%]"
    return "\n".join([head, "--- | --- | --- | --- | ---", *rows])


def _methods(
    title: str, figures: Mapping[str, Figure], pattern: str, columns: Mapping[str, str], suffix: str = ""
) -> str:
    rows = []
    for method in _METHODS:
        keys = [f"{pattern.format(method)}_{column}{suffix}" for column in columns]
        if keys[0] in figures:
            rows.append(" | ".join([method, *(_number(figures[key]) for key in keys)]))
    if not rows:
        return ""
    return "\n".join([" | ".join([title, *columns.values()]), " | ".join(["---"] * (len(columns) + 1)), *rows])


def _ratios(figures: Mapping[str, Figure]) -> str:
    rows = []
    for peer in PEERS:
        keys = [f"{prefix}{what}_ratio_{peer}" for prefix in ("", "hand_") for what in ("time", "residual")]
        rows.append(" | ".join([peer, *(_number(figures.get(key)) for key in keys)]))
    head = "ours, in batches, over theirs | time | residual | hand alone: time | residual"
    return "\n".join([head, "--- | --- | --- | --- | ---", *rows])


def _share(value: Figure) -> str:
    return f"{100.0 * value:.1f}" if isinstance(value, float) else "-"


def _number(value: Figure) -> str:
    if not isinstance(value, float):
        return "-"
    return "0" if abs(value) < 0.0005 else f"{value:.3g}"
