"""What the tracker is measured against: Open3D's point-to-plane and coloured ICP, with generous settings.

Both are told the true pose in the first frame and the table plane; both follow from frame to frame. Their
target is what was measured within the object's reach of the last pose (3 cm beyond its bounding sphere) and
above the table, thinned to 6 mm, normals from 1.5 cm round each point. Their source are those of 1600 samples
of the model that face the camera at the last pose, coloured from its texture: about as many points as the
tracker uses (4 mm and 4000 samples took twice the time and were no better on the dev half). ICP runs twice,
with correspondences up to 30 and then 10 mm (coloured: 20 and 10 mm), up to 30 iterations each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse
from h2s2r_perception.image_points import Crop, FloatArray, crop_around, heights_above, project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_sim.perception_bench.bodies import open3d

_REACH_M = 0.03
_VOXEL_M, _NORMAL_RADIUS_M, _NORMAL_POINTS = 0.006, 0.015, 20
_ABOVE_TABLE_M = 0.005
_ITERATIONS = 30
_FEWEST = 30
_TARGET_PIXELS = 6_000
_SAMPLES = 1600


class IcpPeer:
    """Follows the object by ICP from its last pose.

    Args:
        model: The object.
        register: One of `PEERS`' functions: source, target, largest distance [m], start -> `(4, 4)`.
        distances_m: Largest distance of correspondences, one run for each.
        plane: The table `(4,)`, camera frame, or None.
        camera_matrix: `(3, 3)` [px].
        T_camera_object: `(4, 4)` [m] in the first frame.
    """

    def __init__(
        self,
        model: ObjectModel,
        register: Callable[[Any, Any, float, FloatArray], FloatArray],
        distances_m: tuple[float, ...],
        plane: FloatArray | None,
        camera_matrix: FloatArray,
        T_camera_object: FloatArray,
    ) -> None:
        self._model = model
        self._register = register
        self._distances_m = distances_m
        self._plane = plane
        self._camera_matrix = camera_matrix
        self._T = np.asarray(T_camera_object, dtype=np.float64)
        assert model.colours is not None
        some = np.random.default_rng(0).choice(len(model.points), _SAMPLES, replace=False)
        self._samples = model.points[some], model.normals[some], model.colours[some] / 255.0
        self._reach_m = float(np.linalg.norm(model.vertices - model.centre, axis=1).max()) + _REACH_M

    def track(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> FloatArray:
        """The pose `(4, 4)` [m] in the next image; the last one where there is too little to register."""
        target = self._target(rgb, depth_m)
        if target is None:
            return self._T
        source = self._source()
        T = self._T
        try:
            for distance_m in self._distances_m:
                T = self._register(source, target, distance_m, T)
        except RuntimeError:  # Open3D: no correspondences
            return self._T
        self._T = np.asarray(T, dtype=np.float64)
        return self._T

    def _target(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> Any | None:
        centre = self._T[:3, :3] @ self._model.centre + self._T[:3, 3]
        half_px = self._reach_m * self._camera_matrix[0, 0] / max(centre[2], 0.1)
        middle = project(self._camera_matrix, centre[None])[0]
        crop = crop_around(
            np.stack([middle - half_px, middle + half_px]),
            depth_m.shape,
            border_px=0,
            largest_pixel_count=_TARGET_PIXELS,
        )
        if crop is None:
            return None
        points, colours = _points(crop, self._camera_matrix, rgb, depth_m)
        near = np.linalg.norm(points - centre, axis=1) < self._reach_m
        if self._plane is not None:
            near &= heights_above(self._plane, points) > _ABOVE_TABLE_M
        if near.sum() < _FEWEST:
            return None
        cloud = _cloud(points[near], colours[near]).voxel_down_sample(_VOXEL_M)
        search = open3d().geometry.KDTreeSearchParamHybrid(_NORMAL_RADIUS_M, _NORMAL_POINTS)
        cloud.estimate_normals(search)
        cloud.orient_normals_towards_camera_location(np.zeros(3))
        return cloud

    def _source(self) -> Any:
        eye = inverse(self._T)[:3, 3]
        points, normals, colours = self._samples
        facing = np.einsum("nk,nk->n", normals, points - eye) < 0.0
        cloud = _cloud(points[facing], colours[facing])
        cloud.normals = open3d().utility.Vector3dVector(normals[facing])
        return cloud


def point_to_plane(source: Any, target: Any, distance_m: float, start: FloatArray) -> FloatArray:
    """One run of Open3D's point-to-plane ICP."""
    o3d = open3d().pipelines.registration
    result = o3d.registration_icp(
        source,
        target,
        distance_m,
        start,
        o3d.TransformationEstimationPointToPlane(),
        o3d.ICPConvergenceCriteria(max_iteration=_ITERATIONS),
    )
    return np.asarray(result.transformation)


def coloured(source: Any, target: Any, distance_m: float, start: FloatArray) -> FloatArray:
    """One run of Open3D's coloured ICP (Park 2017)."""
    o3d = open3d().pipelines.registration
    result = o3d.registration_colored_icp(
        source,
        target,
        distance_m,
        start,
        o3d.TransformationEstimationForColoredICP(),
        o3d.ICPConvergenceCriteria(max_iteration=_ITERATIONS),
    )
    return np.asarray(result.transformation)


PEERS: dict[str, tuple[Callable[[Any, Any, float, FloatArray], FloatArray], tuple[float, ...]]] = {
    "icp": (point_to_plane, (0.03, 0.01)),
    "coloured_icp": (coloured, (0.02, 0.01)),
}
"""Name -> one run, and the distances of its runs."""


def _points(
    crop: Crop, camera_matrix: FloatArray, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]
) -> tuple[FloatArray, FloatArray]:
    depth = crop.of(depth_m)
    known = depth > 0
    return (crop.rays(camera_matrix) * depth[..., None])[known], crop.of(rgb)[known] / 255.0


def _cloud(points: FloatArray, colours: FloatArray) -> Any:
    o3d = open3d()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.colors = o3d.utility.Vector3dVector(colours)
    return cloud
