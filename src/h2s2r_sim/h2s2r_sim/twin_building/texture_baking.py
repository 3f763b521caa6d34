"""Carries a scan's colours over to another mesh of the same thing: a new atlas, two triangles to a square cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_sim.twin_building.open3d_library import Surface
from h2s2r_sim.twin_building.scan import Scan

FloatArray = NDArray[np.float64]

_TEXEL_M = 0.0006
"""Half a pixel of a camera 0.7 m away."""
_SMALLEST_PX, _LARGEST_PX = 256, 2048
_EDGE_PX = 1.5
"""Distance of a triangle's corners from its cell's border, so that filtering does not reach the neighbour."""


@dataclass(frozen=True)
class Baked:
    """Texture coordinates and image of a mesh."""

    face_uv: FloatArray
    """`(F, 3, 2)`, v upwards."""
    texture: NDArray[np.uint8]
    """`(S, S, 3)`, first row at v = 1."""


def bake(mesh: trimesh.Trimesh, scan: Scan) -> Baked:
    """Colour each texel of `mesh` as the scan is at the place closest to it.

    Args:
        mesh: The new mesh, in the scan's frame.
        scan: A scan with colours.
    """
    cells = -(-len(mesh.faces) // 2)
    side = int(np.ceil(np.sqrt(cells)))
    wanted = np.sqrt(2.0 * mesh.area) / _TEXEL_M
    size = int(np.clip(2 ** np.ceil(np.log2(wanted)), _SMALLEST_PX, _LARGEST_PX))
    cell = max(size // side, 6)
    size = max(size, cell * side)
    corner = np.array([[_EDGE_PX, _EDGE_PX], [cell - 2 * _EDGE_PX, _EDGE_PX], [_EDGE_PX, cell - 2 * _EDGE_PX]])
    corners = np.stack([corner, cell - corner])  # the second triangle is the first, turned by 180 degrees
    texel = np.stack(np.meshgrid(np.arange(cell) + 0.5, np.arange(cell) + 0.5), axis=-1).reshape(-1, 2)
    upper = (texel.sum(axis=1) > cell).astype(int)
    weights = np.stack([_barycentric(corners[half], point) for half, point in zip(upper, texel, strict=True)])

    texture = np.full((size, size, 3), 128, dtype=np.uint8)
    origin = cell * np.stack([np.arange(cells) % side, np.arange(cells) // side], axis=1)
    surface = Surface(scan.vertices, scan.faces)
    for start in range(0, cells, 512):  # bounds the memory
        block = np.arange(start, min(start + 512, cells))
        face = np.minimum(2 * block[:, None] + upper, len(mesh.faces) - 1)
        points = np.einsum("tk,btkc->btc", weights, mesh.triangles[face])
        _, scan_face, scan_weights = surface.closest(points.reshape(-1, 3))
        at = (origin[block][:, None] + texel.astype(int)).reshape(-1, 2)
        texture[at[:, 1], at[:, 0]] = scan.colour_at(scan_face, scan_weights)

    index = np.arange(len(mesh.faces))
    uv = (origin[index // 2][:, None] + corners[index % 2]) / size
    uv[..., 1] = 1.0 - uv[..., 1]
    return Baked(uv, texture)


def _barycentric(corners: FloatArray, point: FloatArray) -> FloatArray:
    """Weights `(3,)` of a texel, drawn into the triangle where it lies outside."""
    edges = np.stack([corners[1] - corners[0], corners[2] - corners[0]], axis=1)
    v, w = np.linalg.solve(edges, point - corners[0])
    clipped = np.clip([1.0 - v - w, v, w], 0.0, None)
    return np.asarray(clipped / clipped.sum())
