"""Fewer faces, with the deviation that they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_sim.twin_building.open3d_library import Surface, open3d

FloatArray = NDArray[np.float64]

_SAMPLES = 4000


@dataclass(frozen=True)
class Deviation:
    """How far two surfaces are apart, measured from samples of both [m]."""

    p95_m: float
    largest_m: float


def simplify(mesh: trimesh.Trimesh, face_budget: int) -> trimesh.Trimesh:
    """A watertight mesh of at most `face_budget` faces by quadric decimation; the mesh itself if it has no more.

    Where decimation tears the surface, a larger budget is tried; the mesh itself comes back if none holds.
    """
    if len(mesh.faces) <= face_budget:
        return mesh
    library = open3d()
    legacy = library.geometry.TriangleMesh(
        library.utility.Vector3dVector(mesh.vertices), library.utility.Vector3iVector(mesh.faces.astype(np.int32))
    )
    for factor in (1.0, 1.5, 2.5):
        fewer = legacy.simplify_quadric_decimation(int(face_budget * factor))
        result = trimesh.Trimesh(np.asarray(fewer.vertices), np.asarray(fewer.triangles), process=False)
        result.update_faces(result.nondegenerate_faces(height=0.0))
        result.remove_unreferenced_vertices()
        if result.is_watertight and result.is_winding_consistent and result.volume > 0.0:
            return result
    return mesh


def deviation(first: trimesh.Trimesh, second: trimesh.Trimesh) -> Deviation:
    """Distance between two surfaces, both ways."""
    distances = np.concatenate([_one_way(first, second), _one_way(second, first)])
    return Deviation(float(np.percentile(distances, 95)), float(distances.max()))


def _one_way(from_mesh: trimesh.Trimesh, to_mesh: trimesh.Trimesh) -> FloatArray:
    samples, _ = trimesh.sample.sample_surface(from_mesh, _SAMPLES, seed=0)
    return Surface(to_mesh.vertices, to_mesh.faces).distance(np.asarray(samples))
