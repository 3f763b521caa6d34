"""Spheres on a robot's collision shapes, placed by themselves from its URDF.

A shape lies in the convex hull of its *outer* spheres: a capsule in that of the spheres at its ends, a box or a mesh
in that of points at its corners, a cylinder in that of points around both its rims. Whatever is convex, the half space
above a table among it, holds the shape if it holds these. *Inner* spheres fill capsules and boxes up to a small gap
below their faces (a box's edges are left to its corners); they are for distances between shapes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.model import Box, Capsule, Cylinder, Primitive, Sphere
from h2s2r_retarget.description.urdf_reading import read_description
from h2s2r_retarget.embodiment import Embodiment

Vector = NDArray[np.float64]

_RIM_POINTS = 12


@dataclass(frozen=True, eq=False)
class LinkSpheres:
    """Spheres fixed to one link.

    Attributes:
        link: Its name.
        centre: `(S, 3)` m, in the link's frame.
        radius: `(S,)` m.
        outer: `(S,)` bool: the sphere is needed to hold its shape.
    """

    link: str
    centre: Vector
    radius: Vector
    outer: NDArray[np.bool_]

    def only_outer(self) -> LinkSpheres:
        """Those that hold the shapes."""
        return self.only(self.outer)

    def only(self, chosen: NDArray[np.bool_]) -> LinkSpheres:
        """Some of them."""
        return LinkSpheres(self.link, self.centre[chosen], self.radius[chosen], self.outer[chosen])


def place_spheres(embodiment: Embodiment, *, gap_m: float = 0.002) -> tuple[LinkSpheres, ...]:
    """Spheres for every link of the embodiment's URDF that has collision geometry.

    Args:
        embodiment: The robot.
        gap_m: The faces of capsules and boxes lie at most this far outside the spheres.

    Raises:
        InputError: The URDF has an unusable element.
    """
    placed = []
    for link in read_description(embodiment.urdf, package_paths=[embodiment.urdf.parent]).links:
        parts = [_spheres(shape.primitive, gap_m) for shape in link.shapes if shape.collides]
        if parts:
            centre, radius, outer = (np.concatenate(column) for column in zip(*parts, strict=True))
            placed.append(LinkSpheres(link.name, centre, radius, outer))
    return tuple(placed)


_Spheres = tuple[Vector, Vector, NDArray[np.bool_]]


def _spheres(shape: Primitive, gap_m: float) -> _Spheres:
    if isinstance(shape, Sphere):
        return np.array([shape.centre]), np.array([shape.radius]), np.array([True])
    if isinstance(shape, Capsule):
        return _capsule(np.array(shape.start), np.array(shape.end), shape.radius, gap_m)
    if isinstance(shape, Box):
        return _box(np.array(shape.centre), np.array(shape.size), gap_m)
    points = _rims(shape) if isinstance(shape, Cylinder) else np.array(shape.points)
    return points, np.zeros(len(points)), np.ones(len(points), dtype=bool)


def _capsule(start: Vector, end: Vector, radius: float, gap_m: float) -> _Spheres:
    # Between two spheres of radius r whose centres are s apart, the gap is r - sqrt(r^2 - s^2 / 4).
    spacing = 2.0 * np.sqrt(max(2.0 * radius * gap_m - gap_m**2, 1e-12))
    count = 1 + max(int(np.ceil(np.linalg.norm(end - start) / spacing)), 1)
    outer = np.zeros(count, dtype=bool)
    outer[[0, -1]] = True
    return np.linspace(start, end, count), np.full(count, radius), outer


def _box(at: Vector, size: Vector, gap_m: float) -> _Spheres:
    # Inner spheres as large as the shortest edge allows, on a grid that reaches the other faces.
    half = size / 2.0
    corners = at + half * np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    radius = float(half.min())
    spacing = max(2.0 * np.sqrt(2.0 * radius * gap_m), radius)
    axes = [np.linspace(-(h - radius), h - radius, 1 + int(np.ceil(2.0 * (h - radius) / spacing))) for h in half]
    inner = at + np.array(list(itertools.product(*axes)))
    centre = np.concatenate([corners, inner])
    outer = np.arange(len(centre)) < len(corners)
    return centre, np.where(outer, 0.0, radius), outer


def _rims(shape: Cylinder) -> Vector:
    # Corners of a prism round the cylinder.
    start, end = np.array(shape.start), np.array(shape.end)
    axis = (end - start) / np.linalg.norm(end - start)
    across = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    across /= np.linalg.norm(across)
    angle = 2.0 * np.pi * np.arange(_RIM_POINTS)[:, None] / _RIM_POINTS
    radius = shape.radius / np.cos(np.pi / _RIM_POINTS)
    ring = radius * (np.cos(angle) * across + np.sin(angle) * np.cross(axis, across))
    return np.concatenate([start + ring, end + ring])
