"""From outcomes of single sequences to the benchmark's figures: shares with intervals, medians, 95th percentiles.

Keys: `within_01d_slow` and the other headline figures first; then `CONDITION_OBJECT_FIGURE` for the tracker and
`PEER_CONDITION_OBJECT_FIGURE` for peers. Medians and percentiles are over the frames that count (see
`conditions`); shares are means over sequences, with an interval from resampling sequences; recovery is a count
of sequences with Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.objects.tableware import SHELF
from h2s2r_sim.perception_bench.conditions import VISIBLE_SHARE
from h2s2r_sim.perception_bench.measuring import TRACKER, Outcome
from h2s2r_sim.perception_bench.metrics import bootstrap_interval, wilson_interval
from h2s2r_sim.perception_bench.peers import PEERS

Figure = float | int | str | bool | None
ERRORS = ("translation_mm", "rotation_deg", "add_mm", "add_s_mm")
_LAST_FRAMES = 5


def summarise(outcomes: list[Outcome]) -> dict[str, Figure]:
    """All figures of a run; the headline ones are None where their condition was not run."""
    mine = [o for o in outcomes if o.job.method == TRACKER]
    figures = _headline(mine)
    objects, conditions = _names(outcomes)
    for name in conditions:
        for item in objects:
            cell = [o for o in mine if o.job.condition == name and o.job.object_name == item]
            figures |= _cell(f"{name}_{item}", cell)
    for peer in PEERS:
        theirs = [o for o in outcomes if o.job.method == peer]
        if not theirs:
            continue
        figures |= {f"{peer}_{key}": value for key, value in _headline(theirs).items()}
        for name in conditions:
            for item in objects:
                cell = [o for o in theirs if o.job.condition == name and o.job.object_name == item]
                figures |= _cell(f"{peer}_{name}_{item}", cell)
    figures |= _comparison(outcomes, objects)
    return figures


def within_01d(outcome: Outcome) -> NDArray[np.bool_]:
    """For every frame after the first, whether the pose is within a tenth of the diameter."""
    error = outcome.add_s_mm if SHELF[outcome.job.object_name].symmetry == "yaw" else outcome.add_mm
    return np.asarray(error) < 0.1 * outcome.diameter_mm


def counted(outcome: Outcome) -> NDArray[np.bool_]:
    """Which frames count for accuracy."""
    return np.asarray(outcome.visible) >= VISIBLE_SHARE


def share_within(outcome: Outcome) -> float:
    """Part of the frames that count in which the pose is within 0.1 d."""
    return float(within_01d(outcome)[counted(outcome)].mean())


def recovered(outcome: Outcome) -> bool:
    """Whether all of the last frames, in which the object is in full view again, are within 0.1 d."""
    return bool(within_01d(outcome)[-_LAST_FRAMES:].all())


def pooled(outcomes: Iterable[Outcome], error: str) -> NDArray[np.float64]:
    """An error over all frames that count."""
    parts = [np.asarray(getattr(o, error))[counted(o)] for o in outcomes]
    return np.concatenate(parts) if parts else np.zeros(0)


def _headline(outcomes: list[Outcome]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    by_condition = {name: [o for o in outcomes if o.job.condition == name] for name in _names(outcomes)[1]}
    for name in sorted({"slow", "fast", *by_condition}):
        figures |= _share(f"within_01d_{name}", by_condition.get(name, []))
    hidden = by_condition.get("occlusion", [])
    figures |= _recovery("recovery_after_occlusion", hidden)
    slow = by_condition.get("slow", [])
    for error in ("translation_mm", "rotation_deg"):
        figures |= _spread(f"object_{error}", pooled(slow, error))
    figures["registered_fraction"] = float(np.mean([o.registered for o in outcomes])) if outcomes else None
    figures["cpu_ms_per_frame"] = float(np.mean([o.cpu_ms_per_frame for o in outcomes])) if outcomes else None
    return figures


def _cell(name: str, outcomes: list[Outcome]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {f"{name}_sequences": len(outcomes)}
    figures |= _share(f"{name}_within_01d", outcomes)
    for error in ERRORS:
        figures |= _spread(f"{name}_{error}", pooled(outcomes, error))
    if name.split("_")[0] == "occlusion" or "_occlusion_" in name:
        figures |= _recovery(f"{name}_recovery", outcomes)
    return figures


def _share(name: str, outcomes: list[Outcome]) -> dict[str, Figure]:
    if not outcomes:
        return {name: None}
    shares = np.array([share_within(o) for o in outcomes])
    low, high = bootstrap_interval(shares)
    return {name: float(shares.mean()), f"{name}_low": low, f"{name}_high": high}


def _recovery(name: str, outcomes: list[Outcome]) -> dict[str, Figure]:
    if not outcomes:
        return {name: None}
    successes = sum(recovered(o) for o in outcomes)
    low, high = wilson_interval(successes, len(outcomes))
    return {name: successes / len(outcomes), f"{name}_low": low, f"{name}_high": high}


def _spread(name: str, values: NDArray[np.float64]) -> dict[str, Figure]:
    if values.size == 0:
        return {f"{name}_p50": None, f"{name}_p95": None}
    return {f"{name}_p50": float(np.median(values)), f"{name}_p95": float(np.percentile(values, 95))}


def _comparison(outcomes: list[Outcome], objects: list[str]) -> dict[str, Figure]:
    """Ahead on an object: a larger share within 0.1 d over all conditions than each of the peers."""
    if not any(o.job.method in PEERS for o in outcomes):
        return {"ahead_of_icp_on_every_object": None}
    figures: dict[str, Figure] = {}
    for item in objects:
        share = {
            method: np.mean(
                [share_within(o) for o in outcomes if o.job.method == method and o.job.object_name == item] or [0.0]
            )
            for method in (TRACKER, *PEERS)
        }
        figures[f"ahead_of_icp_{item}"] = bool(all(share[TRACKER] > share[peer] for peer in PEERS))
    return {"ahead_of_icp_on_every_object": all(figures.values()), **figures}


def _names(outcomes: list[Outcome]) -> tuple[list[str], list[str]]:
    """Objects and conditions that occur, in the order in which they were run."""
    return list(dict.fromkeys(o.job.object_name for o in outcomes)), list(
        dict.fromkeys(o.job.condition for o in outcomes)
    )


def headline(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """The figures that fit on one screen."""
    cells = tuple(f"{item}_" for item in SHELF)
    return {key: value for key, value in figures.items() if not any(cell in key for cell in cells)}
