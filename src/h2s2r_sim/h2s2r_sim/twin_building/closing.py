"""Makes a scan watertight: holes are capped; what capping cannot mend is wrapped anew from a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_sim.twin_building.open3d_library import Surface

FloatArray = NDArray[np.float64]

_CRUMB = 0.02
"""Parts with less than this share of the surface are scanning dust."""
_REACHES = (0.95, 2.0, 4.0, 8.0)
"""How far outside the surface the wrap is taken, in cells; what is further apart than twice that leaks."""
_TIGHT = 0.7
"""A wrap with less than this share of the widest one's volume has leaked into the inside."""
_THINNEST = 0.001
"""Volume over area to the power of 1.5: 0.094 for a ball, 0.005 for a dinner plate, 0.0003 for a sheet."""


@dataclass(frozen=True)
class Closed:
    """A watertight surface, outward normals, and what it took."""

    mesh: trimesh.Trimesh
    method: str
    """`none`, `capped` or `wrapped`."""
    capped_share: float
    """Area of the caps over the area of all."""
    dropped_parts: int
    """Loose crumbs left away."""


def close(vertices: FloatArray, faces: NDArray[np.int64], source: Path | str) -> Closed:
    """Close a surface of vertices `(V, 3)` [m] and faces `(F, 3)`.

    Raises:
        InputError: What is left is no solid thing (an open sheet, an empty shell).
    """
    mesh = trimesh.Trimesh(vertices.copy(), faces.copy(), process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=7)
    mesh.update_faces(mesh.nondegenerate_faces() & mesh.unique_faces())
    mesh.remove_unreferenced_vertices()
    mesh, dropped = _without_crumbs(mesh)
    method, capped_share = "none", 0.0
    if not mesh.is_watertight:
        whole = _capped(mesh)
        if whole is not None:
            capped_share = 1.0 - mesh.area / whole.area
            mesh = whole
        method = "capped"
    if not mesh.is_winding_consistent or mesh.volume < 0.0:
        trimesh.repair.fix_normals(mesh, multibody=False)
    if not mesh.is_watertight or not mesh.is_winding_consistent:
        mesh, method = wrap(mesh), "wrapped"
    thinness = abs(mesh.volume) / mesh.area**1.5 if mesh.is_watertight else 0.0
    if thinness < _THINNEST:
        raise InputError(
            source,
            "surface",
            found="an open sheet or an empty shell",
            expected="a surface that encloses something",
            remedy="scan the object from all sides, its underside too, and cut table and hand away",
        )
    return Closed(mesh, method, float(capped_share), dropped)


def wrap(mesh: trimesh.Trimesh, cells: int = 96) -> trimesh.Trimesh:
    """A watertight surface round a mesh of any topology, pulled back onto it.

    The outside is what a flood from the corner of a grid reaches without coming nearer than some cells; its
    border is meshed by marching cubes, and each of its vertices then moved that distance towards the mesh. The
    distance is the smallest with which the flood stays outside. `cells` lie along the longest edge.
    """
    surface = Surface(mesh.vertices, mesh.faces)
    low, high = mesh.bounds
    cell = float((high - low).max()) / cells
    pad = (_REACHES[-1] + 2) * cell
    axes = [np.arange(lo - pad, hi + pad + cell, cell) for lo, hi in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    distance = surface.distance(grid.reshape(-1, 3)).reshape(grid.shape[:3])
    origin = np.array([axis[0] for axis in axes])
    wraps = [_shell(surface, distance, origin, cell, reach * cell) for reach in _REACHES]
    enough = _TIGHT * wraps[-1].volume
    return next(wrapped for wrapped in wraps if wrapped.volume >= enough)


def _shell(surface: Surface, distance: FloatArray, origin: FloatArray, cell: float, reach: float) -> trimesh.Trimesh:
    """The border of what a flood reaches that keeps `reach` [m] away, moved back by that much."""
    import mcubes
    from scipy import ndimage

    labels, _ = ndimage.label(distance > reach)
    outside = labels == labels[0, 0, 0]
    # Negative in the layer round the surface and in all that the flood does not reach.
    field = np.where(outside | (distance < reach), distance - reach, -reach)
    vertices, faces = mcubes.marching_cubes(field, 0.0)
    vertices = vertices * cell + origin
    near, _, _ = surface.closest(vertices)
    away = vertices - near
    length = np.linalg.norm(away, axis=1, keepdims=True)
    vertices = vertices - away * np.minimum(reach / np.maximum(length, 1e-12), 1.0)
    wrapped = trimesh.Trimesh(vertices, faces.astype(np.int64), process=False)
    if wrapped.volume < 0.0:
        wrapped.invert()
    return wrapped


def _without_crumbs(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, int]:
    parts = trimesh.graph.connected_components(mesh.face_adjacency, nodes=np.arange(len(mesh.faces)), min_len=1)
    area = np.array([mesh.area_faces[part].sum() for part in parts])
    large = area > _CRUMB * area.sum()
    if large.all():
        return mesh, 0
    keep = np.zeros(len(mesh.faces), dtype=bool)
    keep[np.concatenate([part for part, big in zip(parts, large, strict=True) if big])] = True
    mesh.update_faces(keep)
    mesh.remove_unreferenced_vertices()
    return mesh, int((~large).sum())


def _capped(mesh: trimesh.Trimesh) -> trimesh.Trimesh | None:
    """The mesh with a fan over each hole; None where the borders are no simple loops."""
    edges = mesh.edges
    alone = trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)
    follows: dict[int, int] = {}
    for start, end in edges[alone].tolist():
        if start in follows:
            return None
        follows[start] = end
    vertices, faces = [np.asarray(mesh.vertices)], [np.asarray(mesh.faces)]
    count = len(mesh.vertices)
    while follows:
        first = next(iter(follows))
        loop = [first]
        while (following := follows.pop(loop[-1], None)) not in {None, first}:
            loop.append(int(following))
        if following is None or len(loop) < 3:
            return None
        rim = np.array(loop)
        vertices.append(mesh.vertices[rim].mean(axis=0, keepdims=True))
        # Against the direction of the border, so that the cap faces outwards like its neighbours.
        faces.append(np.stack([np.roll(rim, -1), rim, np.full(len(rim), count)], axis=1))
        count += 1
    return trimesh.Trimesh(np.concatenate(vertices), np.concatenate(faces), process=False)
