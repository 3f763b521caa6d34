"""Where a robot's collision spheres are, and how their heights change with its joints, for many postures at once.

As in `kinematics`, the batch is on the last axis and everything is elementwise, so that a row does not depend on the
rows beside it. What joints do to a sphere is summed along the tree first and spread over the spheres of a link last:
the motion of all joints turns and shifts a link, and that is three numbers for the heights of all its spheres.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from h2s2r_retarget.collision_spheres import LinkSpheres
from h2s2r_retarget.kinematics import Array, BatchedKinematics, LevelFrames


@dataclass(frozen=True, eq=False)
class SpherePlaces:
    """Where S spheres are, for N postures."""

    sphere: Array
    """`(S,)` which spheres."""
    centre: Array
    """`(3, S, N)` m, in the world."""
    lowest: Array
    """`(S, N)` m, z of each sphere's lowest point."""
    frames: list[LevelFrames]
    """Of the joints."""

    def take(self, spheres: Array, rows: Array) -> SpherePlaces:
        """Some of these spheres in some postures."""
        frames = [
            LevelFrames(frame.columns, frame.pose[..., rows], frame.axis[..., rows], frame.slides)
            for frame in self.frames
        ]
        lowest = self.lowest[spheres, :][:, rows]
        return SpherePlaces(self.sphere[spheres], self.centre[:, spheres, :][:, :, rows], lowest, frames)


@dataclass(frozen=True, eq=False)
class _Mount:
    """The spheres, a slice of all, that hang on the joints of one depth of the tree."""

    depth: int
    joint: tuple[int, ...]
    """`(S_m,)`: on which of them."""
    offset: np.ndarray
    """`(3, S_m, 1)` m, in the joint's frame."""


@dataclass(frozen=True, eq=False)
class _Constants:
    """In the array library, precision and place of what they are used with."""

    radius: Array
    """`(S, 1)` m."""
    offsets: list[Array]
    """Of each mount."""
    reach: Array
    """`(J, 1)` m."""
    last: Array
    """`(S,)` each sphere's last joint, counted through the levels."""
    moves: Array
    """`(S, J)`: 1 where the joint moves the sphere."""
    every: Array
    """`(S,)`: 0, 1, .."""


class SphereKinematics:
    """Positions and heights of the spheres that an embodiment's joints move.

    Args:
        kinematics: Of the embodiment.
        spheres: On its links. Those of links that no joint moves are left out.
    """

    def __init__(self, kinematics: BatchedKinematics, spheres: Sequence[LinkSpheres]) -> None:
        self._kinematics = kinematics
        hung = [(part, kinematics.carried(part.link)) for part in spheres]
        hung = sorted((pair for pair in hung if pair[1].joints), key=lambda pair: len(pair[1].joints))
        self._chains = [where.joints for part, where in hung for _ in part.radius]
        centre = [part.centre @ where.T_joint_link[:3, :3].T + where.T_joint_link[:3, 3] for part, where in hung]
        self.links = tuple(part.link for part, _ in hung for _ in part.radius)
        """`(S,)`: the link of each sphere."""
        self.radius: np.ndarray = np.concatenate([part.radius for part, _ in hung])
        """`(S,)` m."""
        offset = np.concatenate(centre)
        frames = kinematics.level_frames(kinematics.embodiment.home[None].copy())
        self._parents = tuple(kinematics.parents(depth) for depth in range(len(frames)))
        self._columns = tuple(frame.columns for frame in frames)
        depths = sorted({len(chain) - 1 for chain in self._chains})
        self._mounts = [_mount(depth, frames, self._chains, offset) for depth in depths]
        self.reach = _reaches(kinematics, frames, self._chains, offset)
        """`(J,)` m: in no posture a joint moves a sphere's centre by more per rad, or per m, of its own motion."""
        self._converted: dict[tuple[str, str, str], _Constants] = {}

    def positions(self, joint_position: Array) -> Array:
        """Centres `(N, S, 3)` m, in the world, at `joint_position (N, J)`."""
        return array_namespace(joint_position).permute_dims(self.places(joint_position).centre, (2, 1, 0))

    def places(self, joint_position: Array) -> SpherePlaces:
        """Where the spheres are at `joint_position (N, J)`."""
        xp = array_namespace(joint_position)
        frames = self._kinematics.level_frames(joint_position)
        constants = self._constants(joint_position)
        parts = []
        for mount, offset in zip(self._mounts, constants.offsets, strict=True):
            pose = _spread(frames[mount.depth].pose, mount.joint)
            parts.append(pose[:, 3] + pose[:, 0] * offset[0] + pose[:, 1] * offset[1] + pose[:, 2] * offset[2])
        centre = xp.concat(parts, axis=1)
        return SpherePlaces(constants.every, centre, centre[2] - constants.radius, frames)

    def height_change(self, places: SpherePlaces, motion: Array) -> Array:
        """`(K, S, N)` m: how K joint motions `(K, J, N)` would change the spheres' heights, to first order."""
        xp = array_namespace(motion)
        parts = []
        for frame, columns in zip(places.frames, self._columns, strict=True):
            ax, ay, az = frame.axis
            # The z of axis x (centre - joint), without the sphere's part.
            shift = ay * frame.pose[0, 3] - ax * frame.pose[1, 3]
            if any(frame.slides):
                slides = xp.asarray([[slide] for slide in frame.slides], device=device(motion))
                ax, ay = xp.where(slides, 0.0 * ax, ax), xp.where(slides, 0.0 * ay, ay)
                shift = xp.where(slides, az, shift)
            parts.append(motion[:, None, _slice(columns), :] * xp.stack([ax, ay, shift], axis=0))
        last = self._constants(motion).last[places.sphere]
        along = self._along(parts)
        # One motion after the other: arrays of all of them would be too large for the processor's caches.
        return xp.stack([_lifted(along[index, ...], last, places.centre) for index in range(motion.shape[0])], axis=0)

    def summed(self, places: SpherePlaces, of_joints: Array) -> Array:
        """`(..., S, N)`: for each sphere the sum of `of_joints (..., J, N)` over the joints that move it."""
        along = self._along([of_joints[..., _slice(columns), :] for columns in self._columns])
        return along[..., self._constants(of_joints).last[places.sphere], :]

    def farthest(self, places: SpherePlaces, motion: Array) -> Array:
        """`(..., S, N)` m: the spheres' centres move no further by joint motions of these sizes `(..., J, N)`."""
        return self.summed(places, self._constants(motion).reach * motion)

    def bend(self, places: SpherePlaces, largest: Array) -> Array:
        """`(..., S, N)` m: the error of `height_change` at most, for joint motions of these sizes `(..., J, N)`.

        The second derivative of a position by two joints, one carrying the other, is not larger than the reach of
        the carried one: 1/2 sum_ij reach_max(i,j) d_i d_j = 1/2 sum_j reach_j ((d_1 + .. + d_j)^2 - (d_1 + .. +
        d_j-1)^2) along the chain.
        """
        constants = self._constants(largest)
        own = [largest[..., _slice(columns), :] for columns in self._columns]
        reach = [constants.reach[_slice(columns), :] for columns in self._columns]
        parts, together = [], own[0]
        for level, (part, lever) in enumerate(zip(own, reach, strict=True)):
            together = part if level == 0 else part + _spread(together, self._parents[level])
            parts.append(0.5 * lever * part * (2.0 * together - part))
        return self._along(parts)[..., constants.last[places.sphere], :]

    def gradient(self, places: SpherePlaces, index: Array, direction: Array | None = None) -> Array:
        """`(N, J)` m per rad (or m): how joints move one of these spheres `(N,)` in each posture along a direction.

        Args:
            places: Of the spheres.
            index: Which of them.
            direction: `(3, N)` unit vectors in the world; upwards if left out.
        """
        xp = array_namespace(places.lowest)
        rows = xp.arange(index.shape[0], device=device(index))
        x, y, z = (places.centre[axis][index, rows] for axis in range(3))
        dx, dy, dz = (0.0 * x, 0.0 * x, 0.0 * x + 1.0) if direction is None else direction
        moves = self._constants(x).moves[places.sphere[index], :]
        columns: list[Array] = [x] * moves.shape[1]
        for frame in places.frames:
            for joint, column in enumerate(frame.columns):
                ax, ay, az = frame.axis[0, joint], frame.axis[1, joint], frame.axis[2, joint]
                pose = frame.pose[:, 3, joint]
                rx, ry, rz = x - pose[0], y - pose[1], z - pose[2]
                turned = ax * (ry * dz - rz * dy) + ay * (rz * dx - rx * dz) + az * (rx * dy - ry * dx)
                slid = ax * dx + ay * dy + az * dz
                columns[column] = (slid if frame.slides[joint] else turned) * moves[:, column]
        return xp.stack(columns, axis=-1)

    def _along(self, parts: list[Array]) -> Array:
        # Sums from the root to each joint of `(..., K_l, N)` for each level, the levels one after the other.
        sums = [parts[0]]
        for part, parents in zip(parts[1:], self._parents[1:], strict=True):
            sums.append(part + _spread(sums[-1], parents))
        return array_namespace(parts[0]).concat(sums, axis=-2)

    def _constants(self, like: Array) -> _Constants:
        xp = array_namespace(like)
        key = (xp.__name__, str(like.dtype), str(device(like)))
        if key not in self._converted:

            def to(array: np.ndarray) -> Array:
                return xp.asarray(array, dtype=like.dtype, device=device(like))

            order = [column for columns in self._columns for column in columns]
            moves = np.zeros((len(self._chains), len(self.reach)))
            for index, chain in enumerate(self._chains):
                moves[index, list(chain)] = 1.0
            self._converted[key] = _Constants(
                radius=to(self.radius[:, None]),
                offsets=[to(mount.offset) for mount in self._mounts],
                reach=to(self.reach[:, None]),
                last=xp.asarray([order.index(chain[-1]) for chain in self._chains], device=device(like)),
                moves=to(moves),
                every=xp.arange(len(self._chains), device=device(like)),
            )
        return self._converted[key]


def _lifted(of_joints: Array, last: Array, centre: Array) -> Array:
    # `(S, N)` of the turns and the shift `(3, J, N)` that the joints have added up to.
    lifted = of_joints[0, last, :] * centre[1]
    lifted -= of_joints[1, last, :] * centre[0]
    lifted += of_joints[2, last, :]
    return lifted


def _slice(columns: tuple[int, ...]) -> Any:
    # A slice where it can be: it costs nothing.
    step = columns[1] - columns[0] if len(columns) > 1 else 1
    regular = step > 0 and columns == tuple(range(columns[0], columns[0] + step * len(columns), step))
    return slice(columns[0], columns[-1] + 1, step) if regular else list(columns)


def _spread(of_joints: Array, joint: tuple[int, ...]) -> Array:
    # `(..., K, N)` of joints for whom they carry; broadcast where there is one joint only.
    return of_joints if of_joints.shape[-2] == 1 else of_joints[..., list(joint), :]


def _reaches(
    kinematics: BatchedKinematics, frames: list[LevelFrames], chains: list[tuple[int, ...]], offset: np.ndarray
) -> np.ndarray:
    reach = np.zeros(kinematics.embodiment.dof)
    for chain, at in zip(chains, offset, strict=True):
        for depth, joint in enumerate(chain):
            reach[joint] = max(reach[joint], _reach(kinematics, frames, chain[depth:], depth, at))
    return reach


def _reach(
    kinematics: BatchedKinematics, frames: list[LevelFrames], chain: tuple[int, ...], depth: int, offset: np.ndarray
) -> float:
    # The straight lines from joint to joint to the sphere, laid end to end; what slides in between is fully out.
    if frames[depth].slides[frames[depth].columns.index(chain[0])]:
        return 1.0
    limits = kinematics.embodiment.limits
    length = float(np.linalg.norm(offset))
    for step, (before, joint) in enumerate(itertools.pairwise(chain), start=depth):
        here, there = frames[step], frames[step + 1]
        k, m = here.columns.index(before), there.columns.index(joint)
        length += float(np.linalg.norm(there.pose[:, 3, m, 0] - here.pose[:, 3, k, 0]))
        if there.slides[m]:
            length += float(limits.upper[joint] - limits.lower[joint])
    return length


def _mount(depth: int, frames: list[LevelFrames], chains: list[tuple[int, ...]], offset: np.ndarray) -> _Mount:
    here = [index for index, chain in enumerate(chains) if len(chain) == depth + 1]
    joint = tuple(frames[depth].columns.index(chains[index][depth]) for index in here)
    return _Mount(depth, joint, np.ascontiguousarray(offset[here].T)[..., None])
