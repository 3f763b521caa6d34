"""Convex hulls: of a mesh's corners with few points, and as the mesh files that a written URDF names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Description, Hull, Link

FloatArray = NDArray[np.float64]

_DIRECTIONS = 400
"""A larger mesh keeps its furthest corner in each of these directions: at most a degree or two off every normal."""


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
    # Directions spread evenly over the sphere (a Fibonacci spiral), scaled by the extent so that flat parts count.
    step = np.arange(_DIRECTIONS) + 0.5
    height, angle = 1.0 - 2.0 * step / _DIRECTIONS, np.pi * (1.0 + np.sqrt(5.0)) * step
    radius = np.sqrt(1.0 - height**2)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    kept = np.unique(np.argmax(directions / np.ptp(corners, axis=0) @ corners.T, axis=1))
    return corners[kept]


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
