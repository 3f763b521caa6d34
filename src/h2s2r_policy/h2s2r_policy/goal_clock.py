"""The goal clock: how fast the goal walks along the demonstrated path, and when it waits.

The same rule runs in training and on the robot. In the published system only training waits for a lost
object; its robot then chases a goal that ran away, a situation the policy never met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

Array = Any


@dataclass(frozen=True)
class GoalClockConfiguration:
    """When the goal moves and how fast."""

    pause_distance_m: float = 0.20
    """The goal waits while the object's mean anchor distance to it exceeds this."""
    speed_minimum: float = 0.5
    """Slowest speed of an episode, as a fraction of the demonstrated one."""
    speed_maximum: float = 1.0


def advance(
    configuration: GoalClockConfiguration,
    phase_s: Array,
    distance_m: Array,
    *,
    elapsed_s: float,
    speed: Array,
    duration_s: float,
) -> Array:
    """Phase of the goal after `elapsed_s`.

    Args:
        configuration: When the clock pauses.
        phase_s: `(N,)` phase so far [s of the demonstration].
        distance_m: `(N,)` mean anchor distance from object to goal.
        elapsed_s: Time since the last call [s]; never negative.
        speed: `(N,)` or a number: seconds of the demonstration per second.
        duration_s: Where the path ends; the phase stays there.

    Returns:
        `(N,)` new phases. A distance that is not a number pauses the clock.
    """
    xp = array_namespace(phase_s, distance_m)
    moved = phase_s + speed * elapsed_s
    moved = xp.where(moved > duration_s, duration_s, moved)
    return xp.where(distance_m <= configuration.pause_distance_m, moved, phase_s)
