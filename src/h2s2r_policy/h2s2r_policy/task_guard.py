"""The task guard: what the command guard cannot know, because it needs kinematics or the tracker.

It latches like the command guard: after a violation the policy stays silent until it is started again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.command_guard import GuardResult, Intervention
from h2s2r_perception.geometry import rotation_angle
from h2s2r_retarget.kinematics import BatchedKinematics

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TaskGuardConfiguration:
    """Where the hand may be, and what the tracker may say."""

    workspace_lower_m: tuple[float, float, float] = (0.0, -0.7, 0.0)
    """Box for palm and fingertips, world frame; the published system's palm range."""
    workspace_upper_m: tuple[float, float, float] = (1.0, 0.7, 1.0)
    table_clearance_m: float = -0.01
    """Least height of the measured palm and fingertip spheres above the table; lower than a centimetre below
    it, either the table or the robot is not where the task says."""
    target_clearance_m: float = -0.06
    """The same for targets. A compliant hand presses by aiming below the surface; the policy's leash lets it
    aim 5 cm off, and the servo's gains bound the force."""
    stale_pose_s: float = 0.2
    jump_m: float = 0.08
    """Object motion between two poses that no push explains (2.4 m/s at 30 Hz): the tracker slipped."""
    jump_rad: float = 0.8


class TaskGuard:
    """Remembers the last object pose with its stamp, and what latched it.

    Args:
        configuration: Limits.
        kinematics: Of the embodiment.
        table_height_m: Upper face of the table above the robot base.
    """

    def __init__(
        self, configuration: TaskGuardConfiguration, kinematics: BatchedKinematics, table_height_m: float
    ) -> None:
        self.configuration = configuration
        self.interventions: list[Intervention] = []
        self._kinematics = kinematics
        self._table_height_m = table_height_m
        self._latched: Intervention | None = None
        self._pose: tuple[int, Vector] | None = None

    @property
    def latched(self) -> Intervention | None:
        """What latched the guard, or None."""
        return self._latched

    def recover(self) -> None:
        """Start afresh; the object may have been moved by hand meanwhile."""
        self._latched = None
        self._pose = None

    def observe(self, stamp_ns: int, T_world_object: Vector) -> Intervention | None:
        """Judge an object pose `(4, 4)` as it arrives."""
        configuration = self.configuration
        if not np.isfinite(T_world_object).all():
            return self._latch("object pose not a number", float("nan"), 0.0, stamp_ns)
        before, self._pose = self._pose, (stamp_ns, T_world_object)
        if before is None:
            return self._latched
        # A pose that comes late may have moved further.
        frames = max((stamp_ns - before[0]) * 30e-9, 1.0)
        moved = float(np.linalg.norm(T_world_object[:3, 3] - before[1][:3, 3]))
        turned = float(rotation_angle(before[1][:3, :3], T_world_object[:3, :3]))
        if moved > configuration.jump_m * frames:
            return self._latch("object pose jumped [m]", moved, configuration.jump_m * frames, stamp_ns)
        if turned > configuration.jump_rad * frames:
            return self._latch("object pose jumped [rad]", turned, configuration.jump_rad * frames, stamp_ns)
        return self._latched

    def watch(self, now_ns: int) -> Intervention | None:
        """Judge the age of the last object pose."""
        if self._pose is not None:
            age_s = (now_ns - self._pose[0]) * 1e-9
            if age_s > self.configuration.stale_pose_s:
                return self._latch("stale object pose [s]", age_s, self.configuration.stale_pose_s, now_ns)
        return self._latched

    def check(self, joint_target: Vector, measured: Vector, *, stamp_ns: int) -> GuardResult:
        """Judge a joint target `(J,)` and the measured joints `(J,)` [rad] by where palm and fingertips are."""
        if not np.isfinite(joint_target).all():
            return GuardResult(None, self._latch("joint target not a number", float("nan"), 0.0, stamp_ns))
        embodiment = self._kinematics.embodiment
        hand = self._kinematics.forward(np.stack([joint_target, measured]))
        points = np.concatenate([hand.T_world_palm[:, None, :3, 3], hand.fingertip_position], axis=1)
        radius = np.concatenate([[0.0], np.asarray(embodiment.fingertip_radius)])
        names = (embodiment.palm_frame, *embodiment.fingertip_frames)
        bounds = (self.configuration.target_clearance_m, self.configuration.table_clearance_m)
        for row, (what, bound) in enumerate(zip(("target", "measured"), bounds, strict=True)):
            clearance = points[row, :, 2] - radius - self._table_height_m
            lowest = int(np.argmin(clearance))
            if clearance[lowest] < bound:
                limit = f"{what} height of {names[lowest]} above the table [m]"
                self._latch(limit, float(clearance[lowest]), bound, stamp_ns)
            self._check_workspace(points[row], what, names, stamp_ns)
        return GuardResult(None if self._latched else joint_target, self._latched)

    def _check_workspace(self, points: Vector, what: str, names: tuple[str, ...], stamp_ns: int) -> None:
        for sign, bound in ((1.0, self.configuration.workspace_upper_m), (-1.0, self.configuration.workspace_lower_m)):
            outside = sign * (points - np.asarray(bound))
            if outside.max() > 0.0:
                point, axis = np.unravel_index(int(np.argmax(outside)), outside.shape)
                limit = f"workspace, {what} {'xyz'[axis]} of {names[point]} [m]"
                self._latch(limit, float(points[point, axis]), bound[axis], stamp_ns)

    def _latch(self, limit: str, value: float, bound: float, stamp_ns: int) -> Intervention:
        if self._latched is None:
            self._latched = Intervention(limit, value, bound, stamp_ns)
            self.interventions.append(self._latched)
        return self._latched
