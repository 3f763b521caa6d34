"""The results as a page for people: one table for each figure, objects down, conditions across, with intervals."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_sim.perception_bench.measuring import METHODS, Outcome
from h2s2r_sim.perception_bench.metrics import bootstrap_interval, wilson_interval
from h2s2r_sim.perception_bench.summary import Figure, pooled, recovered, share_within

PAGE = Path("docs/benchmarks/perception.md")
RESULTS = Path("results/perception/perception.json")
_BEGIN, _END = "<!-- results: written by the benchmark -->", "<!-- end of results -->"
Cell = Callable[[list[Outcome]], str]


def table(outcomes: list[Outcome], figures: Mapping[str, Figure]) -> str:
    """Markdown of all methods that were run."""
    methods = [method for method in METHODS if any(o.job.method == method for o in outcomes)]
    blocks = []
    for method in methods:
        mine = [o for o in outcomes if o.job.method == method]
        blocks.append(_grid(f"{method}: frames within 0.1 d [%] (95 % interval)", mine, _within))
    mine = [o for o in outcomes if o.job.method == METHODS[0]]
    blocks.append(_grid("tracker: translation [mm], median / 95th percentile", mine, _spread("translation_mm")))
    blocks.append(_grid("tracker: rotation [deg], median / 95th percentile", mine, _spread("rotation_deg")))
    blocks.append(_grid("tracker: ADD [mm], median / 95th percentile", mine, _spread("add_mm")))
    blocks.append(_grid("tracker: ADD-S [mm], median / 95th percentile", mine, _spread("add_s_mm")))
    recovery = [_recovery_row(m, [o for o in outcomes if o.job.method == m]) for m in methods]
    if any(recovery):
        head = "recovered after full occlusion | sequences | share (95 % interval)\n--- | --- | ---\n"
        blocks.append(head + "\n".join(row for row in recovery if row))
    stated = f"Half `{figures['split']}`, {figures['sequences']} sequences."
    return "\n\n".join([stated, *blocks]) + "\n"


def publish_results(
    repository: Path, figures: Path, text: str, *, page_name: Path = PAGE, results: Path = RESULTS
) -> None:
    """Put the figures' file and the tables where the documentation keeps them.

    Args:
        repository: Where both go.
        figures: The JSON file.
        text: The tables.
        page_name: In the repository, with a place for results.
        results: In the repository.

    Raises:
        InputError: The page has no place for results.
    """
    page = repository / page_name
    words = page.read_text(encoding="utf-8") if page.is_file() else ""
    before, begin, rest = words.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise InputError(
            page, "content", found="no place for results", expected=f"{_BEGIN} and {_END}", remedy="add it"
        )
    page.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}", encoding="utf-8")
    target = repository / results
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(figures, target)


def _grid(title: str, outcomes: list[Outcome], cell: Cell) -> str:
    conditions = list(dict.fromkeys(o.job.condition for o in outcomes))
    objects = list(dict.fromkeys(o.job.object_name for o in outcomes))
    lines = [f"{title} | " + " | ".join(conditions), " | ".join(["---"] * (len(conditions) + 1))]
    for item in [*objects, "all"]:
        cells = [
            cell([o for o in outcomes if o.job.condition == name and item in (o.job.object_name, "all")])
            for name in conditions
        ]
        lines.append(f"{item} | " + " | ".join(cells))
    return "\n".join(lines)


def _within(outcomes: list[Outcome]) -> str:
    shares = np.array([share_within(o) for o in outcomes])
    low, high = bootstrap_interval(shares)
    return f"{100 * shares.mean():.1f} ({100 * low:.0f} to {100 * high:.0f})" if len(shares) else "-"


def _spread(error: str) -> Cell:
    def cell(outcomes: list[Outcome]) -> str:
        values = pooled(outcomes, error)
        return f"{np.median(values):.1f} / {np.percentile(values, 95):.1f}" if values.size else "-"

    return cell


def _recovery_row(method: str, outcomes: list[Outcome]) -> str:
    hidden = [o for o in outcomes if o.job.condition == "occlusion"]
    if not hidden:
        return ""
    count = sum(recovered(o) for o in hidden)
    low, high = wilson_interval(count, len(hidden))
    share = count / len(hidden)
    return f"{method} | {count} of {len(hidden)} | {100 * share:.1f} % ({100 * low:.0f} to {100 * high:.0f})"
