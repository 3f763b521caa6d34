"""One fault: what was injected, what happened, and whether that is what must happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.joint_limits import JointLimits

Array = NDArray[np.float64]

LATEST_CYCLES = 2
"""From detection to braking."""


@dataclass(frozen=True)
class Row:
    """The account of one fault.

    Attributes:
        injected: What went wrong.
        happened: What driver and emulator did.
        braking_cycles: Control cycles from detection until the command only slowed down; None: it need not stop.
        standing_ms: From detection until the command stood; None: it need not stop.
        in_limits: Whether every command kept position, velocity and acceleration limits.
        held: Whether that is what must happen.
    """

    injected: str
    happened: str
    braking_cycles: int | None
    standing_ms: float | None
    in_limits: bool
    held: bool


def keeps_limits(sent: Mapping[int, Array], limits: JointLimits) -> bool:
    """Whether commands, by the stamp [ns] of the cycle that sent them, keep the limits, to the guard's own 1 %."""
    position = np.array(list(sent.values()))
    apart_s = np.diff(np.array(list(sent)))[:, None] * 1e-9
    velocity = np.diff(position, axis=0) / apart_s
    acceleration = np.diff(velocity, axis=0) / ((apart_s[1:] + apart_s[:-1]) / 2.0)
    return bool(
        np.isfinite(position).all()
        and (position >= limits.position_lower - 1e-9).all()
        and (position <= limits.position_upper + 1e-9).all()
        and (np.abs(velocity) <= 1.01 * limits.velocity + 1e-9).all()
        and (np.abs(acceleration) <= 1.02 * limits.acceleration + 1e-6).all()
    )


def stopping(commands: Sequence[Array], detected: int, period_s: float) -> tuple[int, float]:
    """Cycles from detection until speed only falls, and milliseconds until it is nothing.

    Args:
        commands: One for each cycle.
        detected: The cycle of detection.
        period_s: Of the cycles.
    """
    speed = np.abs(np.diff(np.array(commands), axis=0)).max(axis=1)[max(detected - 1, 0) :]
    rising = np.flatnonzero(np.diff(speed) > 1e-12)
    moving = np.flatnonzero(speed > 1e-9)
    braking = int(rising[-1]) + 1 if len(rising) else 0
    return braking, 1e3 * period_s * (int(moving[-1]) + 1 if len(moving) else 0)


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'injected':38} {'braking after':>13} {'stands after':>12} {'limits':>7} {'':6} what happened"]
    for row in rows:
        braking = "-" if row.braking_cycles is None else f"{row.braking_cycles} cycles"
        standing = "-" if row.standing_ms is None else f"{row.standing_ms:.0f} ms"
        limits, held = "kept" if row.in_limits else "BROKEN", "held" if row.held else "FAILED"
        lines.append(f"{row.injected:38} {braking:>13} {standing:>12} {limits:>7} {held:6} {row.happened}")
    return "\n".join(lines)
