"""Signed distances between the robot's primitives, and to the scene, by pinocchio and coal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.bounding_capsules import bounding_capsules, box_distance
from h2s2r_retarget.collision_world import (
    BoxObstacle,
    CollisionWorld,
    ObjectShape,
    Obstacle,
    object_obstacle,
    static_obstacle,
)
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.kinematics import JointFrames
from h2s2r_retarget.self_pairs import self_pairs

__all__ = ["BoxObstacle", "CollisionChecker", "CollisionWorld", "Contact", "ObjectShape"]

Array = NDArray[np.float64]

_ROUNDING_M = 1e-6
"""pinocchio reads angles of the URDF a little differently."""
_ROWS_AT_ONCE = 64
"""Postures whose arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Contact:
    """One robot shape near one obstacle, or near another of the robot's shapes."""

    robot: str
    """Name of the robot's shape; of two, the one further from the base."""
    obstacle: str
    """Name of the obstacle or of the robot's other shape."""
    distance_m: float
    """Negative where they overlap."""
    point: Array
    """`(3,)` m, on the robot's shape, in the world."""
    normal: Array
    """`(3,)`, unit: the way out, from the obstacle to the robot's shape."""
    joint: int
    """pinocchio's index of the joint that carries the robot's shape."""
    other_point: Array
    """`(3,)` m, on the obstacle."""
    other_joint: int
    """Of the joint that carries the obstacle: 0, the world, unless it is a shape of the robot."""


@dataclass(frozen=True, eq=False)
class NearPairs:
    """C pairs of shapes that are near each other, in some of N postures; `second` is a shape of the robot."""

    row: NDArray[np.int64]
    """`(C,)`: of which posture."""
    pair: NDArray[np.int64]
    """`(C,)`, see `CollisionChecker.names`."""
    distance_m: Array
    """`(C,)`, negative where they overlap."""
    normal: Array
    """`(C, 3)` unit, from the first to the second."""
    first_point: Array
    """`(C, 3)` m, world."""
    second_point: Array
    first_joint: NDArray[np.int64]
    """`(C,)`: the joint that carries the shape, in the order of `Embodiment.joint_names`; -1 for what stands still."""
    second_joint: NDArray[np.int64]


@dataclass(eq=False)
class CollisionChecker:
    """The robot and a `CollisionWorld`, ready to be asked.

    Raises:
        InputError: pinocchio or coal is not installed, or the object's shape is unknown.
    """

    embodiment: Embodiment
    world: CollisionWorld
    model: Any = field(init=False)
    """pinocchio model; its data is `data`."""
    data: Any = field(init=False)
    q_index: NDArray[np.int64] = field(init=False)
    """pinocchio's position of each joint of `embodiment.joint_names`."""

    def __post_init__(self) -> None:
        """Read the URDF and make coal shapes of the world."""
        pinocchio, coal = _libraries()
        self.model = pinocchio.buildModelFromUrdf(str(self.embodiment.urdf))
        self.data = self.model.createData()
        urdf = self.embodiment.urdf
        self._geometry = pinocchio.buildGeomFromUrdf(
            self.model, str(urdf), pinocchio.COLLISION, package_dirs=[str(urdf.parent)]
        )
        names = self.embodiment.joint_names
        self.q_index = np.array([self.model.joints[self.model.getJointId(name)].idx_q for name in names])
        # The base stands where it stands; only what moves is asked about.
        moving = [index for index, shape in enumerate(self._geometry.geometryObjects) if int(shape.parentJoint) > 0]
        self._within_robot = self_pairs(pinocchio, self.model, self._geometry, self.embodiment, self.q_index)
        self._obstacles = [static_obstacle(coal, box) for box in self.world.statics]
        self._movable: int | None = None
        if self.world.object is not None:
            self._obstacles.append(object_obstacle(coal, self.world.object))
            self._movable = len(self._geometry.geometryObjects) + len(self._obstacles) - 1
        self._with_statics, self._with_object = self._add_pairs(pinocchio, moving)
        self._geometry_data = self._geometry.createData()
        columns = {int(self.model.getJointId(name)): column for column, name in enumerate(names)}
        objects = self._geometry.geometryObjects
        robot = [objects[index] for index in range(len(objects) - len(self._obstacles))]
        self._capsules = bounding_capsules(robot, columns)
        self._joint_of = np.append(self._capsules.joint, np.full(len(self._obstacles), -1))
        pairs = [(pair.first, pair.second) for pair in self._geometry.collisionPairs]
        self._pairs = np.array(pairs, dtype=int).reshape(-1, 2)
        self._request = coal.DistanceRequest(True, True)

    def _add_pairs(self, pinocchio: Any, moving: list[int]) -> tuple[range, range]:
        """Number the pairs: within the robot first, then with statics, then with the object."""
        for obstacle in self._obstacles:
            shape = pinocchio.GeometryObject(obstacle.name, 0, pinocchio.SE3(obstacle.placement), obstacle.geometry)
            self._geometry.addGeometryObject(shape)
        first = len(self._geometry.geometryObjects) - len(self._obstacles)
        fixed = [first + k for k in range(len(self._obstacles)) if first + k != self._movable]
        statics = [(obstacle, index) for index in moving for obstacle in fixed]
        movable = [(self._movable, index) for index in moving if self._movable is not None]
        for a, b in (*self._within_robot, *statics, *movable):
            self._geometry.addCollisionPair(pinocchio.CollisionPair(a, b))
        count = len(self._within_robot)
        return range(count, count + len(statics)), range(count + len(statics), count + len(statics) + len(movable))

    def place(self, joint_position: Array, T_world_object: Array | None = None) -> None:
        """Put the robot at `(J,)` rad and the object at `(4, 4)`: joints, frames and shapes."""
        pinocchio, _ = _libraries()
        self._place_shapes(joint_position, T_world_object)
        pinocchio.computeJointJacobians(self.model, self.data)
        pinocchio.updateFramePlacements(self.model, self.data)

    def _place_shapes(self, joint_position: Array, T_world_object: Array | None) -> None:
        pinocchio, _ = _libraries()
        if self._movable is not None and T_world_object is not None:
            T = T_world_object @ self._obstacles[-1].placement
            self._geometry.geometryObjects[self._movable].placement = pinocchio.SE3(T)
        q = np.zeros(self.model.nq)
        q[self.q_index] = joint_position
        pinocchio.updateGeometryPlacements(self.model, self.data, self._geometry, self._geometry_data, q)

    def pushed_out(self, point: Array, radius_m: float, T_world_object: Array | None) -> Array:
        """The point `(3,)` m, moved so that a ball around it touches no obstacle (nor, if squeezed, the last one)."""
        _, coal = _libraries()
        ball = coal.Sphere(radius_m)
        point = np.array(point, dtype=float)
        placed = [(obstacle.geometry, _transform(coal, T)) for obstacle, T in self._placed(T_world_object)]
        for _ in range(4):
            worst = 0.0
            for geometry, placement in placed:
                result = coal.DistanceResult()
                at = coal.Transform3s(np.eye(3), point)
                distance = coal.distance(ball, at, geometry, placement, self._request, result)
                if distance < 0.0:
                    point = point + distance * np.array(result.normal, dtype=float).ravel()
                    worst = min(worst, distance)
            if worst > -1e-5:
                break
        return point

    def near_point(self, points: Array, radius_m: float, T_world_object: Array | None) -> NDArray[np.bool_]:
        """Which balls `(N, F)` about points `(N, F, 3)` m may touch an obstacle; the object is at `(N, 4, 4)`."""
        columns = np.ascontiguousarray(points.transpose(2, 1, 0))
        touched = np.zeros(points.shape[:2], dtype=bool)
        for index, obstacle in enumerate(self._obstacles):
            T: Array | None = obstacle.box_placement
            if index == len(self.world.statics):
                T = None if T_world_object is None else T_world_object @ obstacle.box_placement
            if T is not None:
                T = np.broadcast_to(T, (len(points), 4, 4))
                touched |= (box_distance(columns, T, obstacle.half_size_m) < radius_m + _ROUNDING_M).T
        return touched

    def contacts(self, joint_position: Array, T_world_object: Array | None, *, within_m: float = 0.0) -> list[Contact]:
        """All pairs of a robot shape and an obstacle closer than `within_m`, the worst first.

        Args:
            joint_position: `(J,)` rad.
            T_world_object: `(4, 4)`, or None to leave the object out.
            within_m: 0 lists overlaps only.
        """
        self.place(joint_position, T_world_object)
        pairs = [*self._with_statics, *(self._with_object if T_world_object is not None else ())]
        return self._closer(pairs, within_m)

    def self_contacts(self, joint_position: Array, *, within_m: float = 0.0) -> list[Contact]:
        """All pairs of the robot's own shapes closer than `within_m`, the worst first; see `self_pairs` for which.

        Args:
            joint_position: `(J,)` rad.
            within_m: 0 lists overlaps only.
        """
        self.place(joint_position)
        return self._closer(range(len(self._within_robot)), within_m)

    def near(
        self,
        joint_position: Array,
        frames: JointFrames,
        T_world_object: Array | None,
        *,
        within_m: float,
        joints: NDArray[np.int64] | None = None,
    ) -> NearPairs:
        """All pairs closer than `within_m` in N postures, within the robot and with the scene, row after row.

        Args:
            joint_position: `(N, J)` rad or m.
            frames: Their kinematics.
            T_world_object: `(N, 4, 4)`, or None to leave the object out.
            within_m: 0 lists overlaps only.
            joints: Only shapes that these joints carry, and what stands still; None means all.
        """
        asked = self._worth_asking(frames, T_world_object, within_m + _ROUNDING_M)
        if joints is not None:
            asked &= np.isin(self._joint_of, np.append(joints, -1))[self._pairs].all(axis=1)
        pinocchio, _ = _libraries()
        found: list[tuple[int, int, Any]] = []
        for row in np.flatnonzero(asked.any(axis=1)).tolist():
            self._place_shapes(joint_position[row], None if T_world_object is None else T_world_object[row])
            for pair in np.flatnonzero(asked[row]).tolist():
                result = pinocchio.computeDistance(self._geometry, self._geometry_data, pair)
                distance = result.min_distance
                if distance < within_m:
                    points = (result.normal, result.getNearestPoint1(), result.getNearestPoint2())
                    found.append((row, pair, (distance, *(x for point in points for x in point.flat))))
        numbers = np.array([values for _, _, values in found], dtype=float).reshape(-1, 10)
        pair_index = np.array([pair for _, pair, _ in found], dtype=np.int64)
        first, second = self._pairs[pair_index].T
        return NearPairs(
            row=np.array([row for row, _, _ in found], dtype=np.int64),
            pair=pair_index,
            distance_m=numbers[:, 0],
            normal=numbers[:, 1:4],
            first_point=numbers[:, 4:7],
            second_point=numbers[:, 7:10],
            first_joint=self._joint_of[first],
            second_joint=self._joint_of[second],
        )

    def names(self, pair: int) -> tuple[str, str]:
        """The robot's shape and what it is near, of a pair of `NearPairs`."""
        first, second = self._pairs[pair]
        return self._geometry.geometryObjects[int(second)].name, self._geometry.geometryObjects[int(first)].name

    def penetration(self, joint_position: Array, T_world_object: Array | None) -> float:
        """Deepest overlap [m] of any moving robot shape with the scene; 0 when it is free."""
        contacts = self.contacts(joint_position, T_world_object)
        return -contacts[0].distance_m if contacts else 0.0

    def _worth_asking(self, frames: JointFrames, T_world_object: Array | None, within_m: float) -> NDArray[np.bool_]:
        """Which pairs `(N, P)` may be closer than `within_m`; none with an object that is left out."""
        count, postures = len(self._within_robot), frames.pose.shape[-1]
        asked = np.zeros((postures, len(self._pairs)), dtype=bool)
        of_obstacle = self._pairs[count:, 0] - len(self._capsules.joint)
        first, second = self._pairs[:count].T
        for start in range(0, postures, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            ends = self._capsules.placed(JointFrames(frames.pose[..., rows], frames.axis[..., rows]))
            asked[rows, :count] = (self._capsules.between(ends, first, second, within_m) < within_m).T
            for index, obstacle in enumerate(self._obstacles):
                T: Array | None = obstacle.box_placement
                if index == len(self.world.statics):
                    T = None if T_world_object is None else T_world_object[rows] @ obstacle.box_placement
                if T is not None:
                    pairs = count + np.flatnonzero(of_obstacle == index)
                    bounds = self._capsules.to_box(ends, self._pairs[pairs, 1], T, obstacle.half_size_m)
                    asked[rows, pairs] = (bounds < within_m).T
        return asked

    def _placed(self, T_world_object: Array | None) -> list[tuple[Obstacle, Array]]:
        """The obstacles in the world `(4, 4)`."""
        placed = [(obstacle, obstacle.placement) for obstacle in self._obstacles[: len(self.world.statics)]]
        if self._movable is not None and T_world_object is not None:
            placed.append((self._obstacles[-1], T_world_object @ self._obstacles[-1].placement))
        return placed

    def _closer(self, pairs: Any, within_m: float) -> list[Contact]:
        pinocchio, _ = _libraries()
        found = []
        for pair in pairs:
            result = pinocchio.computeDistance(self._geometry, self._geometry_data, pair)
            if result.min_distance < within_m:
                found.append(self._contact(pair, result))
        return sorted(found, key=lambda contact: contact.distance_m)

    def _contact(self, pair: int, result: Any) -> Contact:
        indices = self._geometry.collisionPairs[pair]
        first = self._geometry.geometryObjects[indices.first]
        second = self._geometry.geometryObjects[indices.second]
        return Contact(
            robot=second.name,
            obstacle=first.name,
            distance_m=float(result.min_distance),
            point=np.array(result.getNearestPoint2(), dtype=float).ravel(),
            # coal's normal points from the first shape to the second.
            normal=np.array(result.normal, dtype=float).ravel(),
            joint=int(second.parentJoint),
            other_point=np.array(result.getNearestPoint1(), dtype=float).ravel(),
            other_joint=int(first.parentJoint),
        )


def _transform(coal: Any, T: Array) -> Any:
    return coal.Transform3s(np.ascontiguousarray(T[:3, :3]), np.ascontiguousarray(T[:3, 3]))


def _libraries() -> tuple[Any, Any]:
    try:
        import coal
        import pinocchio
    except ImportError as error:
        raise InputError(
            "retargeting",
            "packages",
            found=str(error),
            expected="pinocchio and coal",
            remedy="install them with `pip install pin coal`",
        ) from error
    return pinocchio, coal
