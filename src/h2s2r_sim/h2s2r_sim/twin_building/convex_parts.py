"""Collision shapes: a few convex parts that together fill the object, by CoACD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_sim.twin_building.open3d_library import Surface
from h2s2r_sim.twin_building.simplification import simplify

FloatArray = NDArray[np.float64]

_FACES = 2500
"""CoACD's time grows with the faces, its parts hardly change."""


@dataclass(frozen=True)
class Parts:
    """Convex parts, and how well they stand for the object."""

    meshes: tuple[trimesh.Trimesh, ...]
    overhang_p95_m: float
    """How far the parts' surfaces stand out of the object's."""
    uncovered_p95_m: float
    """How far the object's surface stands out of all parts."""


def decompose(
    mesh: trimesh.Trimesh, *, concavity_m: float, most_parts: int, most_vertices: int, seed: int = 0
) -> Parts:
    """Split a watertight mesh into convex parts.

    Args:
        mesh: The object [m].
        concavity_m: Dents shallower than this are filled.
        most_parts: Parts are merged until no more remain.
        most_vertices: Of each part.
        seed: The same seed gives the same parts.

    Raises:
        InputError: `coacd` is not installed.
    """
    try:
        import coacd
    except ImportError as error:
        raise InputError(
            "coacd", "package", found=str(error), expected="it", remedy="pip install coacd, or use --collision hull"
        ) from error
    coacd.set_log_level("error")
    coarse = simplify(mesh, _FACES)
    found = coacd.run_coacd(
        coacd.Mesh(np.asarray(coarse.vertices), np.asarray(coarse.faces)),
        threshold=concavity_m,
        real_metric=True,
        max_convex_hull=most_parts,
        preprocess_mode="auto",
        decimate=True,
        max_ch_vertex=most_vertices,
        seed=seed,
    )
    parts = [trimesh.Trimesh(vertices, faces).convex_hull for vertices, faces in found]
    parts = sorted((part for part in parts if part.volume > 1e-10), key=lambda part: -part.volume)
    return Parts(tuple(parts), *_fit(mesh, parts))


def inside_any(parts: tuple[trimesh.Trimesh, ...] | list[trimesh.Trimesh], points: FloatArray) -> FloatArray:
    """How deep `(N,)` [m] points `(N, 3)` are inside the union of convex parts; negative outside."""
    depth = np.full(len(points), -np.inf)
    for part in parts:
        offset = np.einsum("fk,fk->f", part.face_normals, part.triangles[:, 0])
        depth = np.maximum(depth, (offset - points @ part.face_normals.T).min(axis=1))
    return depth


def _fit(mesh: trimesh.Trimesh, parts: list[trimesh.Trimesh]) -> tuple[float, float]:
    surface = Surface(mesh.vertices, mesh.faces)
    on_parts = np.concatenate([trimesh.sample.sample_surface(part, 500, seed=0)[0] for part in parts])
    on_mesh = np.asarray(trimesh.sample.sample_surface(mesh, 3000, seed=0)[0])
    overhang = np.clip(surface.signed_distance(on_parts), 0.0, None)
    uncovered = np.clip(-inside_any(parts, on_mesh), 0.0, None)
    return float(np.percentile(overhang, 95)), float(np.percentile(uncovered, 95))
