"""Points on the object's surface, dense enough to tell what it touches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POINTS = 192


def surface_points(mesh: Path) -> NDArray[np.float64]:
    """Points `(P, 3)` [m] spread evenly over a mesh, its extreme vertices among them; the same at every call.

    Args:
        mesh: OBJ file in the object's frame.
    """
    import trimesh

    surface: Any = trimesh.load(mesh, force="mesh", process=False)
    spread, _ = trimesh.sample.sample_surface_even(surface, _POINTS, seed=0)
    vertices = np.asarray(surface.vertices, dtype=float)
    directions = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    extreme = np.unique(np.argmax(vertices @ directions[np.any(directions != 0.0, axis=1)].T, axis=0))
    return np.concatenate([np.asarray(spread, dtype=float), vertices[extreme]])
