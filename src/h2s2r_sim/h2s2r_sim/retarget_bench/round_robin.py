"""Everybody solves the same hands in one process, taking turns, so that whatever loads the machine hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.retarget_bench.targets import Targets

Array = NDArray[np.float64]

_BATCH_TURNS = 4
"""How often a batch is timed while the others solve its hands one by one."""

Solver = Callable[[Targets], Array]
"""Postures `(N, ...)` for N hands, in one call."""


@dataclass(eq=False)
class Turns:
    """What one solver did with the hands, in their order."""

    joint_position: list[Array] = field(default_factory=list)
    """`(n, ...)` each: for one hand after the other, or for one batch after the other."""
    seconds_per_hand: list[float] = field(default_factory=list)
    """Of each call."""

    def found(self) -> Array:
        """All postures `(N, ...)`."""
        return np.concatenate(self.joint_position)

    @property
    def ms(self) -> float:
        """Median time for a hand [ms]."""
        return 1e3 * float(np.median(self.seconds_per_hand))


def take_turns(
    targets: Targets,
    one_by_one: Mapping[str, Solver],
    batched: Mapping[str, Solver],
    *,
    batch: int,
    say: Callable[[str], None],
) -> dict[str, Turns]:
    """Let all solve all hands.

    Args:
        targets: The hands.
        one_by_one: Solvers that get one hand at a time.
        batched: Solvers that get `batch` hands at a time, several times while the others solve the same ones.
        batch: Hands in a batch; the last may be smaller.
        say: Told about progress.
    """
    turns = {name: Turns() for name in (*one_by_one, *batched)}
    for solve in (*one_by_one.values(), *batched.values()):
        solve(targets[:2])  # compiles, allocates, loads
    for first in range(0, len(targets), batch):
        hands = targets[first : first + batch]
        for row in range(len(hands)):
            for name, solve in one_by_one.items():
                turns[name].joint_position.append(_timed(turns[name], solve, hands[row : row + 1]))
            if row % -(-len(hands) // _BATCH_TURNS) == 0:
                found = {name: _timed(turns[name], solve, hands) for name, solve in batched.items()}
        for name, joint_position in found.items():
            turns[name].joint_position.append(joint_position)
        say(f"{min(first + batch, len(targets))} of {len(targets)} hands")
    return turns


def _timed(turns: Turns, solve: Solver, hands: Targets) -> Array:
    started = time.perf_counter()
    found = solve(hands)
    turns.seconds_per_hand.append((time.perf_counter() - started) / len(hands))
    return found
