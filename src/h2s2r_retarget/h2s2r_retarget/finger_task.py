"""What the fingers are asked for, as a sum of squares: tips, directions of the last links, and distances kept.

Residuals and Jacobians of N postures at once. Rows of a residual, all in metres:
- target minus tip, three for each fingertip;
- `direction_weight_m` times (target direction minus direction of the last link), three for each fingertip;
- along a path, how far each joint of the hand is from where it was, weighted;
- for each near pair of shapes, how far it lacks the clearance, weighted. Between solutions of coal a pair's distance
  follows its two points and stays linear: `d = d_0 + n . (dx_second - dx_first)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.collision import NearPairs
from h2s2r_retarget.kinematics import BatchedKinematics, JointFrames

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

CLEARANCE_M = 0.0003
_STAY_WEIGHT_M = 0.01
"""Along a path, a joint that turns by a radian from one posture to the next counts like a tip 10 mm off: where tips say
little about a joint, it stays."""
_CONTACT_WEIGHT = 10.0
"""A millimetre inside something counts like a tip that is a centimetre off."""


@dataclass(frozen=True, eq=False)
class FixedPairs:
    """Up to C near pairs for each of N postures, their points fixed to joints; unused places have no normal."""

    distance_m: Array
    """`(N, C)` where they were measured."""
    normal: Array
    """`(N, C, 3)`."""
    joint: tuple[Indices, Indices]
    """`(N, C)` of the first and of the second shape; -1 stands still."""
    offset: tuple[Array, Array]
    """`(N, C, 3)` m, of the points in their joints' frames."""
    start: Array
    """`(N, C)` m: `n . (second - first)` where it was measured."""

    def rows(self, kept: Indices) -> FixedPairs:
        """The same for some postures."""
        return FixedPairs(
            self.distance_m[kept],
            self.normal[kept],
            (self.joint[0][kept], self.joint[1][kept]),
            (self.offset[0][kept], self.offset[1][kept]),
            self.start[kept],
        )


@dataclass(frozen=True, eq=False)
class FingerTask:
    """For N postures."""

    tips: Array
    """`(N, F, 3)` m, world."""
    directions: Array
    """`(N, F, 3)` unit, world."""
    direction_weight_m: Array
    """`(N, F)` m per radian; 0 where no direction is asked for."""
    pairs: FixedPairs | None = None
    stay: Array | None = None
    """`(N, H)` rad or m: a posture not to be left without need; None leaves the fingers free."""

    def rows(self, kept: Indices) -> FingerTask:
        """The same for some postures."""
        pairs = None if self.pairs is None else self.pairs.rows(kept)
        stay = None if self.stay is None else self.stay[kept]
        return FingerTask(self.tips[kept], self.directions[kept], self.direction_weight_m[kept], pairs, stay)

    def with_weight(self, share: float) -> FingerTask:
        """The same with directions mattering less."""
        return replace(self, direction_weight_m=share * self.direction_weight_m)


def fixed_pairs(near: NearPairs, frames: JointFrames, rows: Indices) -> FixedPairs:
    """Near pairs of the postures `rows` of `frames`, ready for a task of those rows."""
    place = np.full(frames.pose.shape[-1], -1)
    place[rows] = np.arange(len(rows))
    chosen = np.flatnonzero(place[near.row] >= 0)
    posture = place[near.row[chosen]]
    count = np.bincount(posture, minlength=len(rows))
    width = int(count.max(initial=1))
    # Pairs come row after row: a pair's place within its row is how far it is from the row's first.
    column = np.arange(len(chosen)) - np.repeat(np.cumsum(count) - count, count)
    distance, start = np.full((len(rows), width), np.inf), np.zeros((len(rows), width))
    normal, joints, offsets = np.zeros((len(rows), width, 3)), [], []
    distance[posture, column], normal[posture, column] = near.distance_m[chosen], near.normal[chosen]
    start[posture, column] = np.sum(near.normal * (near.second_point - near.first_point), axis=1)[chosen]
    for joint, point in ((near.first_joint, near.first_point), (near.second_joint, near.second_point)):
        joints.append(np.full((len(rows), width), -1))
        joints[-1][posture, column] = joint[chosen]
        offsets.append(np.zeros((len(rows), width, 3)))
        R, p = _placement(frames, joint[chosen], near.row[chosen])
        offsets[-1][posture, column] = np.einsum("nji,nj->ni", R, point[chosen] - p)
    return FixedPairs(distance, normal, (joints[0], joints[1]), (offsets[0], offsets[1]), start)


def _placement(frames: JointFrames, joint: Indices, row: Indices) -> tuple[Array, Array]:
    """Poses `(C, 3, 3)`, `(C, 3)` of joints' children; of -1, the world's."""
    pose = np.asarray(frames.pose[:, :, joint, row]).transpose(2, 0, 1).copy()
    pose[joint < 0] = np.eye(4)[:3]
    return pose[:, :, :3], pose[:, :, 3]


class FingerModel:
    """Residuals and Jacobians of finger tasks; joints are scaled so that one unit of each counts like a radian.

    Args:
        kinematics: Of the robot.
    """

    def __init__(self, kinematics: BatchedKinematics) -> None:
        self.kinematics = kinematics
        e = kinematics.embodiment
        self.hand = np.arange(e.arm_dof, e.dof)
        self.scale = e.like_a_radian[e.arm_dof :]
        self._turns = np.array([unit == "rad" for unit in e.joint_units])[self.hand]
        self._tip_joint = np.array([tip.joint for tip in kinematics.fingertips])
        self._tip_offset = np.array([tip.offset for tip in kinematics.fingertips])
        length = np.linalg.norm(self._tip_offset, axis=1, keepdims=True)
        self._tip_direction = np.where(length > 1e-6, self._tip_offset / np.maximum(length, 1e-6), [0.0, 0.0, 1.0])
        turning = kinematics.moves[self.hand][:, self._tip_joint] & self._turns[:, None]
        self.can_point = turning.any(axis=0) & (length[:, 0] > 1e-6)
        """`(F,)`: whether some joint turns the last link, and the tip is not in its joint's origin."""
        within = kinematics.moves[np.ix_(self.hand, self.hand)] & self._turns[:, None]
        self._bends = np.where(np.eye(len(self.hand), dtype=bool), 0.5, 1.0) * within
        # One column more, for what stands still: -1.
        self._moves = np.concatenate([kinematics.moves[self.hand], np.zeros((len(self.hand), 1), dtype=bool)], axis=1)

    def tips(self, frames: JointFrames) -> tuple[Array, Array]:
        """Fingertips and directions of the last links, `(3, F, N)` each."""
        R, p = frames.pose[:, :3, self._tip_joint], frames.pose[:, 3, self._tip_joint]
        offset, direction = self._tip_offset.T[..., None], self._tip_direction.T[..., None]
        return _turned(R, offset) + p, _turned(R, direction)

    def residual(self, frames: JointFrames, hand: Array, task: FingerTask) -> Array:
        """`(N, M)` m: what is still lacking, for fingers at `hand (N, H)`."""
        tip, direction = self.tips(frames)
        lacking = task.tips - tip.transpose(2, 1, 0)
        turned = task.direction_weight_m[..., None] * (task.directions - direction.transpose(2, 1, 0))
        parts = [lacking.reshape(len(lacking), -1), turned.reshape(len(turned), -1)]
        if task.pairs is not None:
            parts.append(_CONTACT_WEIGHT * np.maximum(CLEARANCE_M - self._distances(frames, task.pairs)[0], 0.0))
        if task.stay is not None:
            parts.append(_STAY_WEIGHT_M * (task.stay - hand) / self.scale)
        return np.concatenate(parts, axis=1)

    def jacobian(self, frames: JointFrames, task: FingerTask) -> Array:
        """`(N, M, H)` m per unit: how what the residual compares with its targets changes."""
        tip, direction = self.tips(frames)
        axis, origin = frames.axis[:, self.hand], frames.pose[:, 3, self.hand]
        moved = self._moves[:, self._tip_joint].T[..., None]
        linear = self._velocity(axis[:, None], tip[:, :, None] - origin[:, None], moved)
        angular = _cross(axis[:, None], direction[:, :, None]) * (moved & self._turns[:, None])
        angular = angular * task.direction_weight_m.T[None, :, None]
        count = axis.shape[-1]
        parts = [part.transpose(3, 1, 0, 2).reshape(count, -1, len(self.hand)) for part in (linear, angular)]
        if task.pairs is not None:
            parts.append(self._pair_jacobian(axis, origin, frames, task.pairs))
        if task.stay is not None:
            still = np.diag(_STAY_WEIGHT_M / self.scale)
            parts.append(np.broadcast_to(still, (count, *still.shape)))
        return np.concatenate(parts, axis=1) * self.scale

    def curvature(self, frames: JointFrames, jacobian: Array, residual: Array) -> Array:
        """`(N, H, H)` m^2 per unit^2: what the tips' bending ways add to `J^T J` where they cannot be reached.

        A tip's second derivative by joints i and j, i nearer to the base, is `a_i x J_j`.
        """
        count, tips = len(residual), 3 * len(self._tip_joint)
        J = jacobian[:, :tips].reshape(count, -1, 3, len(self.hand)) / self.scale
        r = residual[:, :tips].reshape(count, -1, 3)
        pull = _cross(J.transpose(2, 0, 1, 3), r.transpose(2, 0, 1)[..., None]).sum(axis=2)
        axis = frames.axis[:, self.hand].transpose(2, 1, 0)
        bend = (axis @ pull.transpose(1, 0, 2)) * self._bends
        return np.asarray(-(bend + bend.transpose(0, 2, 1)) * np.outer(self.scale, self.scale))

    def movable(self, near: NearPairs) -> NDArray[np.bool_]:
        """Which pairs `(C,)` some joint of the hand can part."""
        first, second = self._moves[:, near.first_joint], self._moves[:, near.second_joint]
        return np.asarray((first != second).any(axis=0))

    def _velocity(self, axis: Array, lever: Array, moved: Array) -> Array:
        """Velocities `(3, ..., H, N)` of points at `lever` from the joints, for those joints that move them."""
        if self._turns.all():
            return _cross(axis, lever) * moved
        return np.where(self._turns[:, None], _cross(axis, lever), axis) * moved

    def _distances(self, frames: JointFrames, pairs: FixedPairs) -> tuple[Array, list[Array]]:
        """Distances `(N, C)` of the pairs as they are now, and their points `(N, C, 3)`."""
        points = []
        rows = np.broadcast_to(np.arange(len(pairs.normal))[:, None], pairs.joint[0].shape).ravel()
        for joint, offset in zip(pairs.joint, pairs.offset, strict=True):
            R, p = _placement(frames, joint.ravel(), rows)
            points.append((np.einsum("nij,nj->ni", R, offset.reshape(-1, 3)) + p).reshape(offset.shape))
        moved = np.sum(pairs.normal * (points[1] - points[0]), axis=-1) - pairs.start
        return pairs.distance_m + moved, points

    def _pair_jacobian(self, axis: Array, origin: Array, frames: JointFrames, pairs: FixedPairs) -> Array:
        distance, points = self._distances(frames, pairs)
        normal = pairs.normal.transpose(2, 1, 0)[:, :, None]
        slope = np.zeros((pairs.normal.shape[1], len(self.hand), len(pairs.normal)))
        for joint, point, sign in zip(pairs.joint, points, (-1.0, 1.0), strict=True):
            moved = self._moves[:, joint].transpose(2, 0, 1)
            velocity = self._velocity(axis[:, None], point.transpose(2, 1, 0)[:, :, None] - origin[:, None], moved)
            slope += sign * np.sum(normal * velocity, axis=0)
        # Only pairs that lack their clearance push.
        return _CONTACT_WEIGHT * slope.transpose(2, 0, 1) * (distance < CLEARANCE_M)[..., None]


def _turned(R: Array, v: Array) -> Array:
    return R[:, 0] * v[0] + R[:, 1] * v[1] + R[:, 2] * v[2]


def _cross(a: Array, b: Array) -> Array:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
