"""What two-step inverse kinematics found for many hand poses at once, and when that counts as an answer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PALM_TOLERANCE_M = 0.001
PALM_TOLERANCE_RAD = float(np.radians(0.5))
PENETRATION_LIMIT_M = 0.001


@dataclass(frozen=True, eq=False)
class TwoStepSolutions:
    """N robot postures for N human hands; every row is what a solver would find for that hand alone."""

    joint_position: Array
    """`(N, J)` rad or m, within the limits; also where a row is not accepted: the best that was found."""
    T_world_palm: Array
    """`(N, 4, 4)`, reached."""
    palm_error_m: Array
    """`(N,)`, between the palm and its target."""
    palm_error_rad: Array
    """`(N,)`."""
    fingertip_error_m: Array
    """`(N, F)`, between the robot's tips and their targets."""
    fingertip_error_rad: Array
    """`(N, F)`, between the last links and the directions asked for; NaN where none was."""
    penetration_m: Array
    """`(N,)`, deepest overlap with object, table, statics or the robot itself."""
    touching: tuple[tuple[str, ...], ...]
    """N lists of `shape on obstacle` for what overlaps, however little, the deepest first."""
    accepted: NDArray[np.bool_]
    """`(N,)`: the palm within 1 mm and 0.5 deg, nothing overlapping by more than 1 mm."""
    why: tuple[str, ...]
    """N reasons for not being accepted; empty where it is."""


def is_accepted(palm_error_m: Array, palm_error_rad: Array, penetration_m: Array) -> NDArray[np.bool_]:
    """The rule of `TwoStepSolutions.accepted`."""
    reached = (palm_error_m <= PALM_TOLERANCE_M) & (palm_error_rad <= PALM_TOLERANCE_RAD)
    return np.asarray(reached & (penetration_m <= PENETRATION_LIMIT_M))


def joined(
    solutions: TwoStepSolutions, others: TwoStepSolutions, rows: NDArray[np.int64], taken: NDArray[np.int64]
) -> TwoStepSolutions:
    """`solutions` with `rows` replaced by the rows `taken` of `others`."""
    values: dict[str, Any] = {}
    for field in fields(TwoStepSolutions):
        value, other = getattr(solutions, field.name), getattr(others, field.name)
        if isinstance(value, tuple):
            entries = list(value)
            for row, index in zip(rows, taken, strict=True):
                entries[row] = other[index]
            values[field.name] = tuple(entries)
        else:
            values[field.name] = value.copy()
            values[field.name][rows] = other[taken]
    return TwoStepSolutions(**values)
