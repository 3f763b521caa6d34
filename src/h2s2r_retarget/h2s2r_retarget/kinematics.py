"""Forward kinematics of many postures at once, written for NumPy and torch.

The joints of one depth of the tree are computed together, with the batch on the last axis and nothing but
elementwise operations, so that a row's result does not depend, not even in its last bit, on the rows beside it.
That is what lets one policy step be the same in a simulator of thousands and on one robot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import skew
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.urdf_model import UrdfJoint, UrdfModel, read_urdf

Array = Any
"""A float array of NumPy or torch."""


@dataclass(frozen=True)
class HandKinematics:
    """Where the hand is, for N postures."""

    T_world_palm: Array
    """`(N, 4, 4)`; world is the robot's base."""
    fingertip_position: Array
    """`(N, F, 3)` m, in the world."""
    palm_jacobian: Array
    """`(N, 6, A)`: twist [linear m/s; angular rad/s] of the palm's origin, world frame, per rad/s of each arm joint,
    or per m/s where it slides."""


@dataclass(frozen=True)
class PalmKinematics:
    """The palm alone, for N postures of the arm."""

    T_world_palm: Array
    """`(N, 4, 4)`."""
    palm_jacobian: Array
    """`(N, 6, A)`, as in `HandKinematics`."""


@dataclass(frozen=True)
class JointFrames:
    """Every joint of N postures, with the batch on the last axis, as the recursion leaves it."""

    pose: Array
    """`(3, 4, J, N)`: [R | p] of each joint's child in the world."""
    axis: Array
    """`(3, J, N)`, unit, in the world."""


@dataclass(frozen=True)
class Carried:
    """Where a link hangs in the tree of moving joints."""

    joints: tuple[int, ...]
    """The moving joints from the root to the link, as columns of the joint vector, one for each level."""
    T_joint_link: np.ndarray
    """`(4, 4)` constant pose of the link in its last moving joint's frame; in the world, if none moves it."""


@dataclass(frozen=True)
class LevelFrames:
    """The joints of one depth of the tree, for N postures, batch last."""

    columns: tuple[int, ...]
    """Which joints, as columns of the joint vector."""
    pose: Array
    """`(3, 4, K, N)`: [R | p] of each joint's frame in the world, after its motion."""
    axis: Array
    """`(3, K, N)` unit, in the world."""
    slides: tuple[bool, ...]
    """`(K,)`: whether a joint slides along its axis; others turn about it."""


@dataclass(frozen=True)
class _Level:
    """Joints at one depth of the tree: constants with the batch axis last."""

    columns: tuple[int, ...]
    """Where in the joint vector."""
    parents: tuple[int, ...]
    """Index of each parent within the level before."""
    local: tuple[np.ndarray, np.ndarray, np.ndarray]
    """`(3, 4, K, 1)` each: the pose [R | p] in the parent joint's frame is M0 + sin(q) M1 + cos(q) M2 (Rodrigues'
    formula with the constant transform folded in). Of a joint that slides, M1 and M2 are zero."""
    slide: np.ndarray | None
    """`(3, K, 1)`: p moves by this for each metre; zero for joints that turn. None if all do."""
    axis: np.ndarray
    """`(3, K, 1)`, unit, in the joint's own frame."""
    slides: tuple[bool, ...]
    """`(K,)`."""


@dataclass(frozen=True)
class FixedPoint:
    """A point that a joint carries."""

    joint: int
    """Which, in the order of `Embodiment.joint_names`."""
    offset: np.ndarray
    """`(3,)` m, in the joint's child frame."""


@dataclass(frozen=True)
class _Frame:
    """A frame fixed to a joint's child."""

    level: int
    index: int
    R: np.ndarray
    """`(3, 3, 1)`."""
    offset: np.ndarray
    """`(3, 1)` m."""


@dataclass(frozen=True)
class _Tree:
    levels: tuple[_Level, ...]
    palm: _Frame
    fingertips: tuple[_Frame, ...]


class BatchedKinematics:
    """Palm, fingertips and palm Jacobian of an embodiment, from its URDF.

    `moves (J, J)` says whether joint a moves the child of joint b; `fingertips` are fixed to joints.

    Args:
        embodiment: The robot.

    Raises:
        InputError: Its arm joints are not one serial chain, in order.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        self.embodiment = embodiment
        self._model = read_urdf(embodiment.urdf)
        self._tree, self.moves = _build(embodiment, self._model)
        self.fingertips = tuple(
            FixedPoint(self._tree.levels[tip.level].columns[tip.index], tip.offset[:, 0])
            for tip in self._tree.fingertips
        )
        self._converted: dict[tuple[str, str, str], _Tree] = {}

    def forward(self, joint_position: Array) -> HandKinematics:
        """Compute palm, fingertips and palm Jacobian.

        Args:
            joint_position: `(N, J)` rad or m, in the order of `embodiment.joint_names`.

        Raises:
            ValueError: The shape is another.
        """
        if joint_position.ndim != 2 or joint_position.shape[1] != self.embodiment.dof:
            raise ValueError(f"joint_position is {tuple(joint_position.shape)}, expected (N, {self.embodiment.dof})")
        tree = self._for(joint_position)
        chain = _walk(tree, joint_position, len(tree.levels))
        xp = array_namespace(joint_position)
        tips = [_position(chain[tip.level], tip) for tip in tree.fingertips]
        palm = self._palm(tree, chain, joint_position)
        return HandKinematics(
            T_world_palm=palm.T_world_palm,
            fingertip_position=xp.stack([tip.T for tip in tips], axis=1),
            palm_jacobian=palm.palm_jacobian,
        )

    def level_frames(self, joint_position: Array) -> list[LevelFrames]:
        """The frames of all joints at `joint_position (N, J)`, from the root outwards."""
        tree = self._for(joint_position)
        chain = _walk(tree, joint_position, len(tree.levels))
        return [
            LevelFrames(level.columns, pose, _apply(pose, level.axis), level.slides)
            for level, pose in zip(tree.levels, chain, strict=True)
        ]

    def parents(self, depth: int) -> tuple[int, ...]:
        """For each joint of this depth of the tree, its parent within the depth before; none at the root."""
        return self._tree.levels[depth].parents

    def columns(self, depth: int) -> tuple[int, ...]:
        """The joints of this depth of the tree, as columns of the joint vector."""
        return self._tree.levels[depth].columns

    def carried(self, link: str) -> Carried:
        """Where a link of the URDF hangs."""
        links, T = _moving(self._model.chain(link))
        return Carried(tuple(self.embodiment.joint_names.index(moving.joint.name) for moving in links), T)

    def palm(self, arm_position: Array) -> PalmKinematics:
        """Compute the palm and its Jacobian, which only the arm moves.

        Args:
            arm_position: `(N, A)` rad or m, or `(N, J)`, whose first A columns are read.
        """
        tree = self._for(arm_position)
        return self._palm(tree, _walk(tree, arm_position, self.embodiment.arm_dof), arm_position)

    def joints(self, joint_position: Array) -> JointFrames:
        """Compute where every joint is and along what it turns or slides.

        Args:
            joint_position: `(N, J)` rad or m.
        """
        tree = self._for(joint_position)
        chain = _walk(tree, joint_position, len(tree.levels))
        xp = array_namespace(joint_position)
        axes = [_apply(placed, level.axis) for placed, level in zip(chain, tree.levels, strict=True)]
        columns = [column for level in tree.levels for column in level.columns]
        order = [columns.index(column) for column in range(len(columns))]
        return JointFrames(xp.concat(chain, axis=2)[:, :, order], xp.concat(axes, axis=1)[:, order])

    def _palm(self, tree: _Tree, chain: list[Array], like: Array) -> PalmKinematics:
        xp = array_namespace(like)
        last = chain[tree.palm.level]
        R = _multiply(last[:, :, 0], tree.palm.R)
        p = _position(last, tree.palm)
        T = xp.zeros((like.shape[0], 4, 4), dtype=like.dtype, device=device(like))
        T[:, :3, :3] = xp.permute_dims(R, (2, 0, 1))
        T[:, :3, 3] = p.T
        T[:, 3, 3] = 1.0
        arm = range(self.embodiment.arm_dof)
        axes = xp.stack([_apply(chain[j], tree.levels[j].axis)[:, 0] for j in arm], axis=1)
        lever = p[:, None] - xp.stack([chain[j][:, 3, 0] for j in arm], axis=1)
        linear, angular = _cross(xp, axes, lever), axes
        if any(tree.levels[j].slides[0] for j in arm):
            sliding = xp.asarray([[tree.levels[j].slides[0]] for j in arm], device=device(like))
            linear, angular = xp.where(sliding, axes, linear), xp.where(sliding, 0.0 * axes, axes)
        jacobian = xp.permute_dims(xp.concat([linear, angular], axis=0), (2, 0, 1))
        return PalmKinematics(T, _contiguous(jacobian))

    def _for(self, like: Array) -> _Tree:
        """The constants in the array library, precision and place of `like`."""
        xp = array_namespace(like)
        key = (xp.__name__, str(like.dtype), str(device(like)))
        if key not in self._converted:
            self._converted[key] = _convert(self._tree, xp, like)
        return self._converted[key]


def _walk(tree: _Tree, joint_position: Array, depth: int) -> list[Array]:
    """World poses [R | p] `(3, 4, K, N)` of each level's joint frames."""
    xp = array_namespace(joint_position)
    q = _contiguous(joint_position.T)
    sin, cos = xp.sin(q), xp.cos(q)
    chain: list[Array] = []
    for level in tree.levels[:depth]:
        first, last = level.columns[0], level.columns[-1] + 1
        columns: Any = slice(first, last) if len(level.columns) == last - first else list(level.columns)
        M0, M1, M2 = level.local
        pose = M0 + sin[columns] * M1 + cos[columns] * M2
        if level.slide is not None:
            pose[:, 3] += q[columns] * level.slide
        if chain:
            before = chain[-1]
            if before.shape[2] > 1 and level.parents != tuple(range(before.shape[2])):
                before = before[:, :, list(level.parents)]
            pose = _multiply(before, pose)
            pose[:, 3] += before[:, 3]
        chain.append(pose)
    return chain


def _multiply(a: Array, b: Array) -> Array:
    return a[:, 0, None] * b[None, 0] + a[:, 1, None] * b[None, 1] + a[:, 2, None] * b[None, 2]


def _apply(R: Array, v: Array) -> Array:
    return R[:, 0] * v[0] + R[:, 1] * v[1] + R[:, 2] * v[2]


def _position(placed: Array, frame: _Frame) -> Array:
    return placed[:, 3, frame.index] + _apply(placed[:, :3, frame.index], frame.offset)


def _cross(xp: Any, a: Array, b: Array) -> Array:
    parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    return xp.stack(parts, axis=0)


def _contiguous(array: Array) -> Array:
    return np.ascontiguousarray(array) if isinstance(array, np.ndarray) else array.contiguous()


def _convert(tree: _Tree, xp: Any, like: Array) -> _Tree:
    def to(array: np.ndarray) -> Array:
        return xp.asarray(array, dtype=like.dtype, device=device(like))

    def frame(f: _Frame) -> _Frame:
        return _Frame(f.level, f.index, to(f.R), to(f.offset))

    levels = tuple(
        _Level(
            level.columns,
            level.parents,
            (to(level.local[0]), to(level.local[1]), to(level.local[2])),
            None if level.slide is None else to(level.slide),
            to(level.axis),
            level.slides,
        )
        for level in tree.levels
    )
    return _Tree(levels, frame(tree.palm), tuple(frame(tip) for tip in tree.fingertips))


def _build(embodiment: Embodiment, model: UrdfModel) -> tuple[_Tree, np.ndarray]:
    chains = [_moving(model.chain(frame)) for frame in (embodiment.palm_frame, *embodiment.fingertip_frames)]
    carried = {joint.name: joint.child for joint in model.joint_of_child.values()}
    everything = [_moving(model.chain(carried[name]))[0] for name in embodiment.joint_names]
    arm = tuple(link.joint.name for link in chains[0][0])
    if arm != embodiment.arm_joint_names:
        raise InputError(
            embodiment.urdf,
            "arm",
            found=", ".join(arm),
            expected=", ".join(embodiment.arm_joint_names),
            remedy="name the arm joints in the YAML in the order of the chain",
        )
    grouped: list[list[_Link]] = []
    for links in (*(links for links, _ in chains), *everything):
        for depth, link in enumerate(links):
            if depth == len(grouped):
                grouped.append([])
            if all(link.joint.name != other.joint.name for other in grouped[depth]):
                grouped[depth].append(link)
    levels = tuple(
        _level(links, grouped[depth - 1] if depth else [], embodiment) for depth, links in enumerate(grouped)
    )
    frames = [_fixed_frame(links, T, grouped) for links, T in chains]
    moves = np.zeros((embodiment.dof, embodiment.dof), dtype=bool)
    for column, links in enumerate(everything):
        moves[[embodiment.joint_names.index(link.joint.name) for link in links], column] = True
    return _Tree(levels, frames[0], tuple(frames[1:])), moves


@dataclass(frozen=True)
class _Link:
    """A moving joint with the constant transform from the moving joint before it."""

    joint: UrdfJoint
    parent: str | None
    T: np.ndarray


def _moving(chain: list[UrdfJoint]) -> tuple[list[_Link], np.ndarray]:
    """The moving joints of a chain, and the constant transform after the last."""
    links: list[_Link] = []
    T = np.eye(4)
    for joint in chain:
        T = T @ joint.T_parent_child
        if joint.kind != "fixed":
            links.append(_Link(joint, links[-1].joint.name if links else None, T))
            T = np.eye(4)
    return links, T


def _level(links: list[_Link], before: list[_Link], embodiment: Embodiment) -> _Level:
    names = [link.joint.name for link in before]
    slides = tuple(link.joint.slides for link in links)
    turning = np.array([[[0.0 if sliding else 1.0]] for sliding in slides])
    K = turning * np.stack([skew(link.joint.axis) for link in links])
    C = np.stack([link.T[:3, :3] for link in links])
    offset = np.stack([link.T[:3, 3:] for link in links])
    nothing = np.zeros_like(offset)
    constant = np.concatenate([C + C @ K @ K, offset], axis=2)
    slide = np.stack([link.joint.slides * link.T[:3, :3] @ link.joint.axis for link in links], axis=1)
    sine, cosine = np.concatenate([C @ K, nothing], axis=2), np.concatenate([-C @ K @ K, nothing], axis=2)
    return _Level(
        columns=tuple(embodiment.joint_names.index(link.joint.name) for link in links),
        parents=tuple(names.index(link.parent) for link in links if link.parent is not None),
        local=(_batch_last(constant), _batch_last(sine), _batch_last(cosine)),
        slide=slide[..., None] if any(slides) else None,
        axis=np.stack([link.joint.axis for link in links], axis=1)[..., None],
        slides=slides,
    )


def _batch_last(matrices: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(matrices, 0, -1))[..., None]


def _fixed_frame(links: list[_Link], T: np.ndarray, grouped: list[list[_Link]]) -> _Frame:
    level = len(links) - 1
    names = [link.joint.name for link in grouped[level]]
    return _Frame(level, names.index(links[-1].joint.name), T[:3, :3, None].copy(), T[:3, 3, None].copy())
