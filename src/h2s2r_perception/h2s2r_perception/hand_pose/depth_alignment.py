"""Move a hand mesh, right in the image and wrong in distance, to where depth was measured.

A network that sees colour alone errs by decimetres along the ray. The published remedy, for one frame:

1. vertices that the camera sees are found by casting a ray to each;
2. at their pixels depth is read, and becomes the measured points that belong to them;
3. points far from the rest, or not connected with them, are something else;
4. the hand is moved by the median of the differences;
5. point-to-point ICP of those vertices against the hand's whole depth settles it, unless that turns the hand too
   far (there with all visible vertices, which lets those behind an object pull).

The mesh moves as one rigid body: fingers and size stay as the network saw them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, transform_points
from h2s2r_perception.image_points import Crop, project

FloatArray = NDArray[np.float64]
_HIDDEN_M = 0.002
"""A vertex this far behind where its ray first meets the mesh is hidden."""
_CLOUD_POINTS = 4000
_SEED = 0


@dataclass(frozen=True)
class AlignmentConfiguration:
    """Distances of the published alignment, and what a good fit is."""

    window_m: float = 0.5
    """Measured points farther than this from the mesh's middle are not the hand: the network errs by up to 0.3 m."""
    edge_m: float = 0.05
    """Measured points this close to each other belong together."""
    icp_distance_m: float = 0.3
    """A vertex and the depth that it is drawn to are no farther apart."""
    largest_turn_deg: float = 45.0
    """About any axis; ICP that turns the hand further has gone astray, and only the median is kept."""
    agreement_m: float = 0.01
    """Measured this close to a vertex, depth confirms it."""
    least_points: int = 30
    """Visible vertices with depth; fewer do not say where the hand is."""
    enough_share: float = 0.3
    """Share of the visible vertices that must be confirmed for full confidence; an object may hide the rest."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the hand belongs."""

    T_measured_estimated: FloatArray
    """`(4, 4)` [m]: moves the estimated mesh, in the camera frame, to where it was measured."""
    confidence: float
    """In (0, 1]: how much of the moved mesh depth confirms, against what it refutes."""
    turned: bool
    """Whether ICP was kept."""


def align_to_depth(
    vertices: FloatArray,
    faces: NDArray[np.int64],
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    mask: NDArray[np.bool_],
    configuration: AlignmentConfiguration | None = None,
) -> Alignment | None:
    """Align one frame's hand mesh.

    Args:
        vertices: `(V, 3)` [m] in the camera frame; they project to where the hand is in the image.
        faces: `(F, 3)`.
        depth_m: `(H, W)` [m], 0 where unknown.
        camera_matrix: `(3, 3)` [px].
        mask: `(H, W)` pixels of the hand.
        configuration: The defaults when None.

    Returns:
        The alignment, or None where too little depth belongs to the hand, or none of it confirms the result.
    """
    limits = configuration or AlignmentConfiguration()
    vertices = np.asarray(vertices, dtype=np.float64)
    seen = vertices[visible_vertices(vertices, faces)]
    if len(seen) < limits.least_points or seen[:, 2].min() <= 0.0:
        return None
    hand_depth = np.where(mask, depth_m, 0.0).astype(np.float32)
    measured, known = points_at(hand_depth, project(camera_matrix, seen), camera_matrix)
    known &= np.linalg.norm(measured - seen.mean(axis=0), axis=1) < limits.window_m
    known[known] = _largest_cluster(measured[known], limits.edge_m)
    if known.sum() < limits.least_points:
        return None
    T = pose(np.eye(3), np.median(measured[known] - seen[known], axis=0))
    # Vertices behind an object have nothing of their own to be drawn to.
    settled = _icp(seen[known], _cloud(hand_depth, camera_matrix), T, limits.icp_distance_m)
    turn_deg = np.abs(Rotation.from_matrix(settled[:3, :3]).as_euler("xyz", degrees=True))
    turned = bool(np.all(np.isfinite(settled)) and turn_deg.max() <= limits.largest_turn_deg)
    T = settled if turned else T
    confidence = _confidence(transform_points(T, seen), hand_depth, depth_m, camera_matrix, limits)
    return Alignment(T, confidence, turned) if confidence > 0.0 else None


def visible_vertices(vertices: FloatArray, faces: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which vertices `(V,)` nothing of the mesh hides from the camera at the origin."""
    o3d = _open3d()
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(vertices, dtype=np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
    )
    rays = np.concatenate([np.zeros_like(vertices), vertices], axis=1).astype(np.float32)
    reached = scene.cast_rays(o3d.core.Tensor(rays), nthreads=1)["t_hit"].numpy()
    # The direction is the vertex itself, so the ray parameter is 1 there.
    return np.asarray((1.0 - reached) * np.linalg.norm(vertices, axis=1) < _HIDDEN_M)


def points_at(
    depth_m: NDArray[np.float32], pixels: FloatArray, camera_matrix: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Measured points `(P, 3)` [m] at pixels `(P, 2)`, and which `(P,)` there are."""
    height, width = depth_m.shape
    column, row = np.rint(pixels).astype(int).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    z = np.where(inside, depth_m[row, column], 0.0)
    x = (column - camera_matrix[0, 2]) / camera_matrix[0, 0]
    y = (row - camera_matrix[1, 2]) / camera_matrix[1, 1]
    return np.stack([x * z, y * z, z], axis=1), z > 0.0


def _largest_cluster(points: FloatArray, edge_m: float) -> NDArray[np.bool_]:
    """Which points `(P,)` belong to the largest set connected by edges no longer than this."""
    if len(points) < 2:
        return np.ones(len(points), dtype=bool)
    pairs = cKDTree(points).query_pairs(edge_m, output_type="ndarray")
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label == np.bincount(label).argmax())


def _cloud(depth_m: NDArray[np.float32], camera_matrix: FloatArray) -> FloatArray:
    """All measured points `(P, 3)` [m], at most a few thousand."""
    known = depth_m > 0
    rays = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], 1).rays(camera_matrix)[known]
    points = rays * depth_m[known][:, None]
    if len(points) > _CLOUD_POINTS:
        points = points[np.random.default_rng(_SEED).choice(len(points), _CLOUD_POINTS, replace=False)]
    return np.asarray(points)


def _icp(source: FloatArray, target: FloatArray, T_start: FloatArray, distance_m: float) -> FloatArray:
    o3d = _open3d()
    clouds = [o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points)) for points in (source, target)]
    registration = o3d.pipelines.registration
    point_to_point = registration.TransformationEstimationPointToPoint()
    return np.asarray(registration.registration_icp(*clouds, distance_m, T_start, point_to_point).transformation)


def _confidence(
    moved: FloatArray,
    hand_depth: NDArray[np.float32],
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    limits: AlignmentConfiguration,
) -> float:
    """Vertices at their depth confirm the hand, those seen through refute it, hidden ones do neither."""
    pixels = project(camera_matrix, moved)
    own, in_hand = points_at(_nearest_round(hand_depth), pixels, camera_matrix)
    any_surface, known = points_at(_nearest_round(depth_m), pixels, camera_matrix)
    confirmed = np.count_nonzero(in_hand & (np.abs(own[:, 2] - moved[:, 2]) < limits.agreement_m))
    refuted = np.count_nonzero(known & (any_surface[:, 2] - moved[:, 2] >= limits.agreement_m))
    if confirmed == 0:
        return 0.0
    return float(confirmed / (confirmed + refuted) * min(1.0, confirmed / (limits.enough_share * len(moved))))


def _nearest_round(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest depth within a pixel of each: vertices on the outline may fall just beside the hand."""
    known = np.where(depth_m > 0, depth_m, np.inf).astype(np.float32)
    nearest = cv2.erode(known, np.ones((3, 3), np.uint8))
    return np.where(np.isfinite(nearest), nearest, 0.0).astype(np.float32)


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise InputError(
            "open3d",
            "hand alignment",
            found=str(error),
            expected="Open3D",
            remedy="pip install open3d; apt install libgl1 libgomp1 libusb-1.0-0",
        ) from error
    return open3d
