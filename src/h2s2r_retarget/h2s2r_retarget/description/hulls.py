"""Convex hulls: of a mesh's corners with few points, and as the mesh files that a written URDF names."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Box, Capsule, Cylinder, Description, Hull, Link, Primitive, Sphere

FloatArray = NDArray[np.float64]

_DIRECTIONS = 400
"""A larger mesh keeps its furthest corner in each of these directions: at most a degree or two off every normal."""
_ROUND = 200
"""Points on a ball."""


def hull_file(link: Link, number: int) -> str:
    """Where the mesh of the link's shape `number` lies, relative to the URDF."""
    return f"meshes/{link.name}_{number}.obj"


def hull_files(robot: Description) -> dict[str, str]:
    """OBJ text of every hull, by its path relative to the URDF."""
    return {
        hull_file(link, number): _obj(np.array(shape.primitive.points))
        for link in robot.links
        for number, shape in enumerate(link.shapes)
        if isinstance(shape.primitive, Hull)
    }


def reduced(points: FloatArray) -> FloatArray:
    """Corners `(K, 3)` of the points' convex hull, K at most 400: a hull inside the whole one, near its surface.

    Raises:
        ValueError: The points lie in one plane.
    """
    corners = points[_corners(points)[0]]
    if len(corners) <= _DIRECTIONS:
        return corners
    # Scaled by the extent, so that the narrow sides of a flat part count.
    directions = _directions(_DIRECTIONS) / np.ptp(corners, axis=0)
    return corners[np.unique(np.argmax(directions @ corners.T, axis=1))]


def surface_points(primitive: Primitive) -> FloatArray:
    """Points `(K, 3)` m in the link's frame whose hull is the primitive; round ones lose about 1 % of their radius."""
    if isinstance(primitive, Hull):
        return np.array(primitive.points)
    if isinstance(primitive, Box):
        corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
        return corners * np.array(primitive.size) + np.array(primitive.centre)
    if isinstance(primitive, Sphere):
        return np.array(primitive.centre) + primitive.radius * _directions(_ROUND)
    start, end = np.array(primitive.start), np.array(primitive.end)
    if isinstance(primitive, Capsule):
        ball = primitive.radius * _directions(_ROUND)
        return np.concatenate([start + ball, end + ball])
    return _rims(primitive, start, end)


def _rims(cylinder: Cylinder, start: FloatArray, end: FloatArray) -> FloatArray:
    axis = (end - start) / np.linalg.norm(end - start)
    side = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    side /= np.linalg.norm(side)
    angle = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)[:, None]
    rim = cylinder.radius * (np.cos(angle) * side + np.sin(angle) * np.cross(axis, side))
    return np.concatenate([start + rim, end + rim])


def volume(points: FloatArray) -> float:
    """Of the points' convex hull [m^3]."""
    from scipy.spatial import ConvexHull

    return float(ConvexHull(points).volume)


def depth_inside(points: FloatArray, at: FloatArray) -> float:
    """How far [m] a point `(3,)` lies below the surface of the points' hull; negative outside (a lower bound)."""
    from scipy.spatial import ConvexHull

    equations = ConvexHull(points).equations
    return float(-(equations[:, :3] @ at + equations[:, 3]).max())


def _directions(count: int) -> FloatArray:
    """Unit vectors `(count, 3)` spread evenly over the sphere: a Fibonacci spiral."""
    step = np.arange(count) + 0.5
    height, angle = 1.0 - 2.0 * step / count, np.pi * (1.0 + np.sqrt(5.0)) * step
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)


def _corners(points: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the hull's corners, and its triangles, counted among all points, counter-clockwise from outside."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(points)
    except QhullError as error:
        raise ValueError("its points lie in one plane") from error
    triangles = hull.simplices.copy()
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    inward = np.sum(np.cross(b - a, c - a) * hull.equations[:, :3], axis=1) < 0.0
    triangles[inward] = triangles[inward][:, [0, 2, 1]]
    return hull.vertices.astype(np.int64), triangles.astype(np.int64)


def _obj(points: FloatArray) -> str:
    corners, triangles = _corners(points)
    number = {int(corner): count + 1 for count, corner in enumerate(corners)}
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in points[corners]]
    lines += ["f " + " ".join(str(number[int(corner)]) for corner in triangle) for triangle in triangles]
    return "\n".join(lines) + "\n"
