"""The demonstrated path of the object, as a function of the goal clock's phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from h2s2r_perception import geometry
from h2s2r_policy.clipping import clip

Array = Any


@dataclass(frozen=True)
class GoalPath:
    """Goal poses over phase; phase 0 is the start of the object's motion.

    Attributes:
        phase_s: `(K,)` increasing, first 0 [s].
        T_world_object: `(K, 4, 4)`.
        segment_position_m: `(K-1, 3)` from each pose to the next, world frame.
        segment_rotation_rad: `(K-1, 3)` rotation vectors from each pose to the next, object frame.
    """

    phase_s: Array
    T_world_object: Array
    segment_position_m: Array
    segment_rotation_rad: Array

    @classmethod
    def from_poses(cls, stamp_s: Array, T_world_object: Array) -> GoalPath:
        """Build the path from demonstrated poses `(K, 4, 4)` at `stamp_s (K,)` [s], K at least 2."""
        xp = array_namespace(T_world_object)
        R = T_world_object[:, :3, :3]
        relative = xp.matmul(xp.matrix_transpose(R[:-1, ...]), R[1:, ...])
        return cls(
            phase_s=stamp_s - stamp_s[0],
            T_world_object=T_world_object,
            segment_position_m=T_world_object[1:, :3, 3] - T_world_object[:-1, :3, 3],
            segment_rotation_rad=geometry.vector_from_rotation(relative),
        )

    @property
    def duration_s(self) -> float:
        """Phase of the last pose [s]."""
        return float(self.phase_s[-1])

    def pose(self, phase_s: Array) -> Array:
        """Goal poses `T_world_goal (N, 4, 4)` at `phase_s (N,)` [s]; position linear, rotation geodesic.

        Phases outside the path give its first or last pose.
        """
        xp = array_namespace(phase_s, self.T_world_object)
        last_segment = self.phase_s.shape[0] - 2
        segment = clip(xp.searchsorted(self.phase_s, phase_s, side="right") - 1, 0, last_segment)
        start_s = self.phase_s[segment]
        fraction = clip((phase_s - start_s) / (self.phase_s[segment + 1] - start_s), 0.0, 1.0)[:, None]
        T_start = self.T_world_object[segment, ...]
        step = geometry.rotation_from_vector(fraction * self.segment_rotation_rad[segment, :])
        return geometry.pose(
            xp.matmul(T_start[:, :3, :3], step),
            T_start[:, :3, 3] + fraction * self.segment_position_m[segment, :],
        )
