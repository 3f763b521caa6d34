"""Ours and the peers on the same hands: times and residuals, hand alone and arm with hand.

The peers look at no collision, so it is our solver for the bare robot that is compared; the one that keeps the robot
out of itself stands beside it, and whose solutions overlap is counted for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact.figures import Figure
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.retarget_bench import dex_peer, mink_peer
from h2s2r_sim.retarget_bench.dex_peer import DexPeer
from h2s2r_sim.retarget_bench.measures import over_limits, overlaps, residuals
from h2s2r_sim.retarget_bench.mink_peer import MinkPeer
from h2s2r_sim.retarget_bench.ours import Ours
from h2s2r_sim.retarget_bench.peer import Peer
from h2s2r_sim.retarget_bench.pink_peer import PinkPeer
from h2s2r_sim.retarget_bench.round_robin import Solver, Turns, take_turns
from h2s2r_sim.retarget_bench.targets import Targets, at_home

Array = NDArray[np.float64]

BATCH = 100
PEERS = {
    "mink": ("mink", "mink_accurate"),
    "pink": ("pink",),
    "dex_retargeting": ("dex_retargeting", "dex_retargeting_accurate"),
}
"""Each peer's settings. It is judged by the fastest of them in time and by the most accurate in residual."""
BATCHED, SINGLE, CLEAR = "ours_batched", "ours_single", "ours_clear_batched"


def compare(
    embodiment: Embodiment, targets: Targets, best: Array, say: Callable[[str], None], *, with_arm: bool
) -> dict[str, Figure]:
    """Figures of the questions and the ratios `time_ratio_<peer>` and `residual_ratio_<peer>`, ours over theirs.

    Args:
        embodiment: The robot.
        targets: N hands.
        best: `(N, F)` m, the best that fingertips can do.
        say: Told about progress.
        with_arm: Ask for arm and hand too, which takes peers ten times longer.
    """
    ours = Ours(embodiment, CollisionWorld(), bare=True)
    clear = Ours(embodiment, CollisionWorld())
    both: dict[str, Peer] = {
        "mink": MinkPeer(embodiment, mink_peer.EXAMPLE),
        "mink_accurate": MinkPeer(embodiment, mink_peer.ACCURATE),
        "pink": PinkPeer(embodiment),
    }
    dex = {
        "dex_retargeting": DexPeer(embodiment, dex_peer.CONFIGURED),
        "dex_retargeting_accurate": DexPeer(embodiment, dex_peer.ACCURATE),
    }
    alone = take_turns(
        targets,
        {name: _hand(peer.hand) for name, peer in (both | dex).items()} | {SINGLE: ours.hands},
        {BATCHED: ours.hands, CLEAR: clear.hands},
        batch=BATCH,
        say=lambda text: say(f"{embodiment.name}, hand alone: {text}"),
    )
    home = np.tile(embodiment.home[: embodiment.arm_dof], (len(targets), 1))
    figures: dict[str, Figure] = {}
    for name, turns in alone.items():
        q = np.concatenate([home, turns.found()], axis=1)
        figures |= _figures(f"hand_{name}", embodiment, q, at_home(embodiment, targets), best, turns)
    if with_arm:
        together = take_turns(
            targets,
            {name: _whole(peer) for name, peer in both.items()} | {SINGLE: _whole_ours(ours)},
            {BATCHED: _whole_ours(ours), CLEAR: _whole_ours(clear)},
            batch=BATCH,
            say=lambda text: say(f"{embodiment.name}, arm and hand: {text}"),
        )
        for name, turns in together.items():
            figures |= _figures(f"arm_hand_{name}", embodiment, turns.found(), targets, best, turns)
            figures |= _palm_figures(f"arm_hand_{name}", embodiment, turns.found(), targets)
    return figures | ratios(figures)


def ratios(figures: Mapping[str, Figure]) -> dict[str, Figure]:
    """Ours, in batches, over theirs, for the widest question that was put to the peer; `hand_...` for the other."""
    found: dict[str, Figure] = {}
    for peer, names in PEERS.items():
        questions = [q for q in ("arm_hand", "hand") if f"{q}_{names[0]}_ms" in figures]
        for question in questions:
            prefix = "" if question == questions[0] else "hand_"
            for quantity, key in (("time", "ms"), ("residual", "tip_mm_mean")):
                theirs = min(_number(figures[f"{question}_{name}_{key}"]) for name in names)
                ratio = _number(figures[f"{question}_{BATCHED}_{key}"]) / theirs
                found[f"{prefix}{quantity}_ratio_{peer}"] = ratio
    return found


def _hand(solve: Callable[[Array], Array]) -> Solver:
    return lambda hands: np.stack([solve(tips) for tips in hands.fingertips_palm])


def _whole(peer: Peer) -> Solver:
    def solve(hands: Targets) -> Array:
        pairs = zip(hands.T_world_palm, hands.fingertips_palm, strict=True)
        return np.stack([peer.arm_and_hand(T, tips) for T, tips in pairs])

    return solve


def _whole_ours(solver: Ours) -> Solver:
    return lambda hands: solver.arms_and_hands(hands).joint_position


def _figures(
    name: str, embodiment: Embodiment, q: Array, targets: Targets, best: Array, turns: Turns
) -> dict[str, Figure]:
    error_mm = 1e3 * residuals(embodiment, q, targets).fingertip_m
    excess_mm = error_mm - 1e3 * best
    return {
        f"{name}_ms": turns.ms,
        f"{name}_tip_mm_mean": float(error_mm.mean()),
        f"{name}_tip_mm_p50": float(np.median(error_mm)),
        f"{name}_tip_mm_p95": float(np.percentile(error_mm, 95)),
        f"{name}_tip_over_best_mm_mean": float(excess_mm.mean()),
        f"{name}_tip_over_best_mm_p95": float(np.percentile(excess_mm, 95)),
        f"{name}_overlapping_fraction": float(overlaps(embodiment, q).mean()),
        f"{name}_over_limits": over_limits(embodiment, q),
    }


def _palm_figures(name: str, embodiment: Embodiment, q: Array, targets: Targets) -> dict[str, Figure]:
    found = residuals(embodiment, q, targets)
    return {
        f"{name}_palm_reached_fraction": float(found.palm_reached.mean()),
        f"{name}_palm_mm_p50": 1e3 * float(np.median(found.palm_m)),
        f"{name}_palm_mm_p95": 1e3 * float(np.percentile(found.palm_m, 95)),
        f"{name}_palm_deg_p50": float(np.degrees(np.median(found.palm_rad))),
        f"{name}_palm_deg_p95": float(np.degrees(np.percentile(found.palm_rad, 95))),
    }


def _number(figure: Figure) -> float:
    assert isinstance(figure, float)
    return figure
