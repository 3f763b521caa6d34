"""How many random human hands each bundled robot meets, and how near its fingertips come to the best possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact.figures import Figure
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.solutions import PENETRATION_LIMIT_M
from h2s2r_sim.perception_bench.metrics import wilson_interval
from h2s2r_sim.retarget_bench.measures import over_limits, residuals
from h2s2r_sim.retarget_bench.ours import Ours
from h2s2r_sim.retarget_bench.targets import Targets, random_targets, table

Array = NDArray[np.float64]

BATCH = 100


def over_a_table(embodiment: Embodiment, count: int, seed: int, say: Callable[[str], None]) -> dict[str, Figure]:
    """The palm's success and what overlaps, for hands over a table that must not be touched.

    Success: the palm within 1 mm and 0.5 deg, in a solution accepted by the solver, so nothing overlaps by more than
    1 mm: neither the table nor the robot itself.
    """
    targets = random_targets(embodiment, count, seed, table())
    ours = Ours(embodiment, table())
    parts = [ours.arms_and_hands(targets[first : first + BATCH]) for first in range(0, count, BATCH)]
    say(f"{embodiment.name}: {count} hands over a table")
    q = np.concatenate([part.joint_position for part in parts])
    ok = np.concatenate([part.accepted for part in parts])
    deep_m = np.concatenate([part.penetration_m for part in parts])
    measured = residuals(embodiment, q, targets)
    successes = int((measured.palm_reached & ok).sum())
    low, high = wilson_interval(successes, count)
    name = embodiment.name
    return {
        f"palm_success_fraction_{name}": successes / count,
        f"palm_success_fraction_{name}_low": low,
        f"palm_success_fraction_{name}_high": high,
        f"palm_reached_fraction_{name}": float(measured.palm_reached.mean()),
        f"accepted_overlap_mm_max_{name}": 1e3 * float(deep_m[ok].max()) if ok.any() else None,
        f"accepted_overlap_allowed_mm_{name}": 1e3 * PENETRATION_LIMIT_M,
        f"over_limits_{name}": over_limits(embodiment, q),
    }


def against_the_best(embodiment: Embodiment, targets: Targets, best: Array) -> dict[str, Figure]:
    """The distribution of fingertip errors in free space beside that of the best possible.

    Args:
        embodiment: The robot.
        targets: N hands.
        best: `(N, F)` m.
    """
    ours, starts = Ours(embodiment, CollisionWorld()), range(0, len(targets), BATCH)
    found = [ours.arms_and_hands(targets[first : first + BATCH]).joint_position for first in starts]
    found_mm = 1e3 * residuals(embodiment, np.concatenate(found), targets).fingertip_m
    best_mm = 1e3 * best
    name = embodiment.name
    figures: dict[str, Figure] = {}
    for what, values in (("tip", found_mm), ("best_tip", best_mm), ("tip_over_best", found_mm - best_mm)):
        figures[f"{what}_mm_mean_{name}"] = float(values.mean())
        for percent in (50, 95, 99):
            figures[f"{what}_mm_p{percent}_{name}"] = float(np.percentile(values, percent))
    figures[f"tip_within_1mm_of_best_fraction_{name}"] = float((found_mm - best_mm < 1.0).mean())
    for finger, mean in zip(embodiment.human_fingertips, best_mm.mean(axis=0), strict=True):
        figures[f"best_tip_mm_mean_{finger.replace('+', '_')}_{name}"] = float(mean)
    return figures


def lowest_success(figures: Mapping[str, Figure], embodiments: Sequence[str]) -> float:
    """The palm's success with the robot that fares worst."""
    shares = [figures[f"palm_success_fraction_{name}"] for name in embodiments]
    return min(share for share in shares if isinstance(share, float))
