"""What stands about the robot: boxes that stay, one object that moves, and their shapes for coal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoxObstacle:
    """A fixed box."""

    name: str
    size_m: tuple[float, float, float]
    """Full edge lengths."""
    T_world_box: Array
    """`(4, 4)`, of its centre; z up."""
    stands: bool = True
    """Nothing fits below (a table, a box on it): it is solid far down, so that the way out is never below.
    False for a shelf's board."""


@dataclass(frozen=True, eq=False)
class ObjectShape:
    """The manipulated object for collisions: the bounding box or the convex hull of its mesh."""

    vertices: Array
    """`(V, 3)` m, in the object frame."""
    kind: str = "box"
    """`box` or `hull`."""


@dataclass(frozen=True, eq=False)
class CollisionWorld:
    """What the robot must not enter; the world is the robot's base."""

    statics: tuple[BoxObstacle, ...] = ()
    object: ObjectShape | None = None


@dataclass(frozen=True, eq=False)
class Obstacle:
    """One of them as coal sees it."""

    name: str
    geometry: Any
    """A coal shape."""
    placement: Array
    """`(4, 4)`: of a static, `T_world_shape`; of the object, `T_object_shape`."""
    half_size_m: Array
    """`(3,)` of a box about the shape: its bounding box where `box_placement` puts it."""
    box_placement: Array
    """`(4, 4)`, as `placement`."""


_DEPTH_M = 0.5
"""How far a standing box goes on below its lower face."""


def static_obstacle(coal: Any, box: BoxObstacle) -> Obstacle:
    """A fixed box, solid far down if it stands."""
    extra = _DEPTH_M if box.stands else 0.0
    x, y, z = box.size_m
    lowered = np.eye(4)
    lowered[2, 3] = -extra / 2
    T = box.T_world_box @ lowered
    return Obstacle(box.name, coal.Box(x, y, z + extra), T, np.array([x, y, z + extra]) / 2, T)


def object_obstacle(coal: Any, shape: ObjectShape) -> Obstacle:
    """The object, placed in its own frame.

    Raises:
        InputError: Its kind is unknown.
    """
    vertices = np.asarray(shape.vertices, dtype=float)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centred, half = np.eye(4), (high - low) / 2
    centred[:3, 3] = (low + high) / 2
    if shape.kind == "box":
        return Obstacle("object", coal.Box(*(high - low)), centred, half, centred)
    if shape.kind == "hull":
        return Obstacle("object", _hull(coal, vertices), np.eye(4), half, centred)
    raise InputError(
        "collision world", "object.kind", found=repr(shape.kind), expected="box or hull", remedy="correct the task"
    )


def _hull(coal: Any, vertices: Array) -> Any:
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
    return coal.Convex(points, triangles)
