"""Signed distances between the robot's primitives and the scene, by pinocchio and coal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.embodiment import Embodiment


@dataclass(frozen=True, eq=False)
class BoxObstacle:
    """A fixed box."""

    name: str
    size_m: tuple[float, float, float]
    """Full edge lengths."""
    T_world_box: NDArray[np.float64]
    """`(4, 4)`, of its centre; z up."""
    stands: bool = True
    """Nothing fits below (a table, a box on it): it is solid far down, so that the way out is never below.
    False for a shelf's board."""


@dataclass(frozen=True, eq=False)
class ObjectShape:
    """The manipulated object for collisions: the bounding box or the convex hull of its mesh."""

    vertices: NDArray[np.float64]
    """`(V, 3)` m, in the object frame."""
    kind: str = "box"
    """`box` or `hull`."""


@dataclass(frozen=True, eq=False)
class CollisionWorld:
    """What the robot must not enter; the world is the robot's base."""

    statics: tuple[BoxObstacle, ...] = ()
    object: ObjectShape | None = None


@dataclass(frozen=True, eq=False)
class Contact:
    """One robot shape near one obstacle."""

    robot: str
    """Name of the robot's shape."""
    obstacle: str
    distance_m: float
    """Negative where they overlap."""
    point: NDArray[np.float64]
    """`(3,)` m, on the robot's shape, in the world."""
    normal: NDArray[np.float64]
    """`(3,)`, unit: the way out, from the obstacle to the robot."""
    joint: int
    """pinocchio's index of the joint that carries the robot's shape."""


@dataclass(frozen=True, eq=False)
class _Obstacle:
    name: str
    geometry: Any
    placement: Any
    """coal transform in the world; of the object: from the object frame to the shape's own."""


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
        self._geometry = pinocchio.buildGeomFromUrdf(self.model, str(self.embodiment.urdf), pinocchio.COLLISION)
        self._geometry_data = self._geometry.createData()
        names = self.embodiment.joint_names
        self.q_index = np.array([self.model.joints[self.model.getJointId(name)].idx_q for name in names])
        self._statics = [_static(coal, box) for box in self.world.statics]
        self._object = None if self.world.object is None else _object(coal, self.world.object)
        self._request = coal.DistanceRequest(True, True)
        # The base stands where it stands; only what moves is asked about.
        self._moving = [
            index for index, shape in enumerate(self._geometry.geometryObjects) if int(shape.parentJoint) > 0
        ]

    def place(self, joint_position: NDArray[np.float64]) -> None:
        """Put the robot at `(J,)` rad: frames, joint Jacobians and shapes."""
        pinocchio, _ = _libraries()
        q = np.zeros(self.model.nq)
        q[self.q_index] = joint_position
        pinocchio.computeJointJacobians(self.model, self.data, q)
        pinocchio.updateFramePlacements(self.model, self.data)
        pinocchio.updateGeometryPlacements(self.model, self.data, self._geometry, self._geometry_data)

    def pushed_out(
        self, point: NDArray[np.float64], radius_m: float, T_world_object: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """The point `(3,)` m, moved so that a ball around it touches no obstacle (nor, if squeezed, the last one)."""
        _, coal = _libraries()
        ball = coal.Sphere(radius_m)
        point = np.array(point, dtype=float)
        for _ in range(4):
            worst = 0.0
            for obstacle in self._obstacles(coal, T_world_object):
                result = coal.DistanceResult()
                at = coal.Transform3s(np.eye(3), point)
                distance = coal.distance(ball, at, obstacle.geometry, obstacle.placement, self._request, result)
                if distance < 0.0:
                    point = point + distance * np.array(result.normal, dtype=float).ravel()
                    worst = min(worst, distance)
            if worst > -1e-5:
                break
        return point

    def contacts(
        self,
        joint_position: NDArray[np.float64],
        T_world_object: NDArray[np.float64] | None,
        *,
        within_m: float = 0.0,
    ) -> list[Contact]:
        """All pairs of a robot shape and an obstacle closer than `within_m`, the worst first.

        Args:
            joint_position: `(J,)` rad.
            T_world_object: `(4, 4)`, or None to leave the object out.
            within_m: 0 lists overlaps only.
        """
        _, coal = _libraries()
        self.place(joint_position)
        obstacles = self._obstacles(coal, T_world_object)
        found: list[Contact] = []
        for index in self._moving:
            shape = self._geometry.geometryObjects[index]
            at = self._geometry_data.oMg[index]
            T_world_shape = coal.Transform3s(at.rotation, at.translation)
            for obstacle in obstacles:
                contact = self._measure(coal, shape, T_world_shape, obstacle)
                if contact.distance_m < within_m:
                    found.append(contact)
        return sorted(found, key=lambda contact: contact.distance_m)

    def penetration(self, joint_position: NDArray[np.float64], T_world_object: NDArray[np.float64] | None) -> float:
        """Deepest overlap [m] of any moving robot shape with the scene; 0 when it is free."""
        contacts = self.contacts(joint_position, T_world_object)
        return -contacts[0].distance_m if contacts else 0.0

    def _obstacles(self, coal: Any, T_world_object: NDArray[np.float64] | None) -> list[_Obstacle]:
        obstacles = list(self._statics)
        if self._object is not None and T_world_object is not None:
            placement = _transform(coal, T_world_object @ self._object.placement)
            obstacles.append(_Obstacle("object", self._object.geometry, placement))
        return obstacles

    def _measure(self, coal: Any, shape: Any, T_world_shape: Any, obstacle: _Obstacle) -> Contact:
        result = coal.DistanceResult()
        distance = coal.distance(
            shape.geometry, T_world_shape, obstacle.geometry, obstacle.placement, self._request, result
        )
        # coal's normal points from the first shape to the second.
        normal = -np.array(result.normal, dtype=float).ravel()
        point = np.array(result.getNearestPoint1(), dtype=float).ravel()
        return Contact(shape.name, obstacle.name, float(distance), point, normal, int(shape.parentJoint))


_DEPTH_M = 0.5
"""How far a standing box goes on below its lower face."""


def _static(coal: Any, box: BoxObstacle) -> _Obstacle:
    extra = _DEPTH_M if box.stands else 0.0
    x, y, z = box.size_m
    lowered = np.eye(4)
    lowered[2, 3] = -extra / 2
    return _Obstacle(box.name, coal.Box(x, y, z + extra), _transform(coal, box.T_world_box @ lowered))


def _object(coal: Any, shape: ObjectShape) -> _Obstacle:
    vertices = np.asarray(shape.vertices, dtype=float)
    T_object_shape = np.eye(4)
    if shape.kind == "box":
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        T_object_shape[:3, 3] = (low + high) / 2
        return _Obstacle("object", coal.Box(*(high - low)), T_object_shape)
    if shape.kind == "hull":
        from scipy.spatial import ConvexHull

        hull = ConvexHull(vertices)
        points, triangles = coal.StdVec_Vec3s(), coal.StdVec_Triangle()
        renumbered = {int(old): new for new, old in enumerate(hull.vertices)}
        for index in hull.vertices:
            points.append(vertices[index])
        for simplex, equation in zip(hull.simplices, hull.equations, strict=True):
            a, b, c = (int(corner) for corner in simplex)
            outward = np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a]) @ equation[:3] > 0
            corners = (a, b, c) if outward else (a, c, b)
            triangles.append(coal.Triangle(*(renumbered[corner] for corner in corners)))
        return _Obstacle("object", coal.Convex(points, triangles), T_object_shape)
    raise InputError(
        "collision world", "object.kind", found=repr(shape.kind), expected="box or hull", remedy="correct the task"
    )


def _transform(coal: Any, T: NDArray[np.float64]) -> Any:
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
