"""Open3D, where it is installed: closest points and rays, for the modules that build twins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def open3d() -> Any:
    """The library.

    Raises:
        ModuleNotFoundError: It is not installed; the message says how to get it.
    """
    try:
        import open3d as library
    except ImportError as error:
        raise ModuleNotFoundError(
            f"building twins needs Open3D ({error}): pip install open3d; apt install libgl1 libgomp1 libusb-1.0-0"
        ) from error
    return library


class Surface:
    """Triangles that answer where their closest point is.

    Args:
        vertices: `(V, 3)` [m].
        faces: `(F, 3)`.
    """

    def __init__(self, vertices: FloatArray, faces: NDArray[np.int64]) -> None:
        core, geometry = open3d().core, open3d().t.geometry
        self._tensor = core.Tensor
        self._scene = geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            core.Tensor(np.ascontiguousarray(vertices, dtype=np.float32)),
            core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def distance(self, points: FloatArray) -> FloatArray:
        """Distance `(N,)` [m] of points `(N, 3)`."""
        return np.asarray(self._scene.compute_distance(self._query(points)).numpy(), dtype=np.float64)

    def signed_distance(self, points: FloatArray) -> FloatArray:
        """The same, negative inside; for closed surfaces."""
        return np.asarray(self._scene.compute_signed_distance(self._query(points)).numpy(), dtype=np.float64)

    def closest(self, points: FloatArray) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
        """Closest points `(N, 3)`, their faces `(N,)` and the weights `(N, 3)` of the faces' corners."""
        answer = self._scene.compute_closest_points(self._query(points))
        uv = answer["primitive_uvs"].numpy().astype(np.float64)
        weights = np.concatenate([1.0 - uv.sum(axis=1, keepdims=True), uv], axis=1)
        return (
            answer["points"].numpy().astype(np.float64),
            answer["primitive_ids"].numpy().astype(np.int64),
            weights,
        )

    def _query(self, points: FloatArray) -> Any:
        return self._tensor(np.ascontiguousarray(points, dtype=np.float32))
