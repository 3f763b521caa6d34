"""Where over the table the palm reaches, and how freely it moves there. Collisions are not looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.embodiment_check.finding import Finding, at_least
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "workspace"
_POSTURES = 60_000
CELL_M = 0.04
HALF_WIDTH_M = 1.0
_HEIGHT_M = (0.05, 0.35)
"""Of the palm over the table: where it works."""
_DOWNWARD = 0.3
"""The fingers or the palm look at least this much down: the sine of 17 deg."""
TABLE_M = ((0.25, 1.05), (-0.7, 0.7))
"""Along x and y of the base's frame: the bundled tasks' table, before the robot."""
_SHARE_PERCENT = 25.0


@dataclass(frozen=True, eq=False)
class Workspace:
    """What a seeded sample of arm postures reaches, seen from above."""

    manipulability: FloatArray
    """`(X, Y)`: the best `sqrt(det(J J^T))` of the palm in each cell; NaN where it does not reach."""
    edges: FloatArray
    """`(X + 1,)` m: borders of the cells, of x and of y alike, in the base's frame."""
    side: FloatArray
    """`(K, 3)`: distance from the base's axis [m], height [m] and manipulability of every posture."""
    table_height_m: float

    @property
    def on_table(self) -> FloatArray:
        """The part of `manipulability` that lies over the table."""
        middle = (self.edges[:-1] + self.edges[1:]) / 2
        (x0, x1), (y0, y1) = TABLE_M
        return self.manipulability[(middle > x0) & (middle < x1)][:, (middle > y0) & (middle < y1)]

    @property
    def table_share(self) -> float:
        """How much of the table, 0 to 1, the palm reaches."""
        return float(np.isfinite(self.on_table).mean())


def sample_workspace(subject: Subject, table_height_m: float) -> Workspace:
    """Sample arm postures within the limits; a palm counts that is over the table and looks down at it."""
    arm = subject.postures(_POSTURES)[:, : subject.embodiment.arm_dof]
    palm = subject.kinematics.palm(arm)
    J, T = palm.palm_jacobian, palm.T_world_palm
    manipulability = np.sqrt(np.maximum(np.linalg.det(J @ np.swapaxes(J, 1, 2)), 0.0))
    x, y, z = T[:, :3, 3].T
    height = z - table_height_m
    looks_down = np.minimum(T[:, 2, 0], T[:, 2, 2]) < -_DOWNWARD
    counts = (height > _HEIGHT_M[0]) & (height < _HEIGHT_M[1]) & looks_down
    edges = np.arange(-HALF_WIDTH_M, HALF_WIDTH_M + CELL_M / 2, CELL_M)
    cells = np.full((len(edges) - 1, len(edges) - 1), -np.inf)
    column, row = (np.digitize(values, edges) - 1 for values in (x, y))
    inside = counts & _within(column, len(cells)) & _within(row, len(cells))
    np.maximum.at(cells, (column[inside], row[inside]), manipulability[inside])
    side = np.stack([np.hypot(x, y), z, manipulability], axis=1)
    return Workspace(np.where(np.isfinite(cells), cells, np.nan), edges, side, table_height_m)


def check_workspace(workspace: Workspace) -> list[Finding]:
    """The palm reaches a fair part of a table, and the arm is not singular there."""
    place = " x ".join(f"{low:g} to {high:g}" for low, high in TABLE_M)
    detail = f"{place} m, {workspace.table_height_m:g} m over the base (--table-height); does x of palm_frame look out?"
    best = float(np.nanmax(workspace.on_table)) if workspace.table_share > 0.0 else 0.0
    singular = "the arm cannot turn the palm freely: under 6 joints?"
    share = 100.0 * workspace.table_share
    return [
        at_least(_NAME, "table under the palm's reach", share, _SHARE_PERCENT, "%", detail),
        at_least(_NAME, "best manipulability there", best, 1e-4, "", singular),
    ]


def _within(index: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    return (index >= 0) & (index < count)
