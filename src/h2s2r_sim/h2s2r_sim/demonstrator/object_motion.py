"""Where the object of a script is at each instant: smooth from rest to rest, kept on what it slides along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_sim.demonstrator.motion import minimum_jerk
from h2s2r_sim.demonstrator.script import Script, Segment

if TYPE_CHECKING:
    from h2s2r_sim.task import Task

Array = npt.NDArray[np.float64]


class ObjectMotion:
    """The object's poses along a script's segments, one after the other without pauses.

    Args:
        script: Start and segments.
        task: Scene, for what the object leans on.
        vertices: `(V, 3)` m, of the object's surface in its own frame.

    Raises:
        InputError: A segment leans on a box that is not in the scene.
    """

    def __init__(self, script: Script, task: Task, vertices: Array) -> None:
        self._vertices = vertices
        self._table_m = task.scene.table_height_m
        self._faces = {box.name: box.position_m[1] - box.size_m[1] / 2 for box in task.scene.obstacles}
        for segment in script.segments:
            if segment.against is not None and segment.against not in self._faces:
                raise InputError(
                    f"script of {task.name}",
                    "against",
                    found=repr(segment.against),
                    expected=f"one of {', '.join(sorted(self._faces)) or 'the scene, which has no box'}",
                    remedy="name a box of the task's scene",
                )
        self._segments = script.segments
        start = pose(rotation_from_vector(np.array(script.start_turn_rad)), np.array(script.start_m))
        self.start: Array = self._seated(start, on_table=script.start_on_table, against=None)
        self._starts = [self.start]
        for segment in script.segments:
            self._starts.append(self._moved(self._starts[-1], segment, 1.0))

    def at(self, index: int, time_s: float) -> Array:
        """`T_world_object (4, 4)`, `time_s` after segment `index` began."""
        segment = self._segments[index]
        return self._moved(self._starts[index], segment, float(minimum_jerk(np.array(time_s / segment.duration_s))))

    def before(self, index: int) -> Array:
        """`T_world_object (4, 4)` when segment `index` begins; the end for an index after the last."""
        return self._starts[index]

    def _moved(self, start: Array, segment: Segment, share: float) -> Array:
        T = start.copy()
        T[:3, :3] = rotation_from_vector(share * np.array(segment.turn_rad)) @ start[:3, :3]
        if segment.position_m is not None:
            T[:3, 3] += share * (np.array(segment.position_m) - start[:3, 3])
        return self._seated(T, on_table=segment.on_table, against=segment.against)

    def _seated(self, T: Array, *, on_table: bool, against: str | None) -> Array:
        T = T.copy()
        reach = self._vertices @ T[:3, :3].T
        if on_table:
            T[2, 3] = self._table_m - reach[:, 2].min()
        if against is not None:
            T[1, 3] = self._faces[against] - reach[:, 1].max()
        return T
