"""Watches many episodes and says how far each got through the stages of its task."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.success import conditions
from h2s2r_sim.success.stage import StageSpec, boxes_of
from h2s2r_sim.success.surface import surface_points

if TYPE_CHECKING:
    from h2s2r_sim.fixtures import BoxSpec
    from h2s2r_sim.task import Task

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class StageWatch:
    """Remembers, for n episodes, which stages have been reached; told the true object poses step by step.

    Stages come one after the other: a stage counts once those before it have been reached.

    Args:
        task: Its success stages, scene and mesh.
        count: Number n of episodes.
        step_s: Time between two `note` calls.
    """

    def __init__(self, task: Task, count: int, *, step_s: float) -> None:
        self._stages = task.success.stages
        self._points = surface_points(task.object.mesh)
        self._boxes: Mapping[str, BoxSpec] = {box.name: box for box in (task.scene.table, *task.scene.obstacles)}
        self._table_height_m = task.scene.table_height_m
        self._recent: deque[Array] = deque(maxlen=round(conditions.REST_S / step_s) + 1)
        self._reached = np.zeros(count, dtype=np.int64)
        self._held: list[Flags] = []

    def note(self, T_world_object: Array) -> None:
        """Take in where the objects `(n, 4, 4)` are now."""
        self._recent.append(T_world_object.copy())
        self._held = [self._holds(stage, T_world_object) for stage in self._stages]
        for index, (stage, held) in enumerate(zip(self._stages, self._held, strict=True)):
            if stage.when == "once":
                self._reached += (self._reached == index) & held

    def credit(self) -> Array:
        """Share of the stages reached if the episodes ended now, `(n,)` in [0, 1]."""
        reached = self._reached.copy()
        for index, (stage, held) in enumerate(zip(self._stages, self._held, strict=True)):
            if stage.when == "end":
                reached += (reached == index) & held
        return reached / len(self._stages)

    def _holds(self, stage: StageSpec, T: Array) -> Flags:
        holds = np.ones(len(T), dtype=bool)
        if stage.touches is not None:
            holds &= conditions.touches(T, self._points, self._named(stage.touches), stage.touch_m)
        if stage.above_table_m is not None:
            holds &= conditions.above_table(T, self._points, self._table_height_m, stage.above_table_m)
        if stage.upright is not None:
            holds &= conditions.upright(T, stage.upright)
        if stage.over is not None:
            holds &= conditions.over(T, stage.over, self._named(stage.over.body))
        if stage.within is not None:
            holds &= conditions.within(T, stage.within)
        if stage.at_rest:
            holds &= conditions.at_rest(self._recent[0], T)
        return holds

    def _named(self, body: str) -> Sequence[BoxSpec]:
        return [self._boxes[name] for name in boxes_of(body, self._boxes)]
