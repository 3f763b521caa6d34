"""Which samples of the surface the camera should see at a pose, and whether the image confirms them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.free_space import crop_frame
from h2s2r_perception.object_pose.refinement import compiled

EXPLAINED_M = 0.008
"""Measured this close to the model, a sample counts as seen."""
_SELF_OCCLUSION_M = 0.008
_ENOUGH_SHARE = 0.3
"""Share of the visible samples that must be explained for full confidence; a hand may cover the rest."""


@dataclass(frozen=True)
class VisibleSurface:
    """The model's samples that face the camera, splatted into a crop."""

    outline_m: NDArray[np.float32]
    """Depth `(h, w)` [m] of the model, carried a few pixels beyond its outline; 0 farther away."""
    silhouette: NDArray[np.bool_]
    """Pixels `(h, w)` the model covers."""
    index: NDArray[np.int64]
    """Which samples of the model are visible `(P,)`."""
    pixels: NDArray[np.int64]
    """Crop row and column `(P, 2)` of the visible samples."""
    depth_m: NDArray[np.float32]
    """Their depth `(P,)` [m]."""


def visible_surface(
    model: ObjectModel, T_camera_object: FloatArray, camera_matrix: FloatArray, crop: Crop, reach_px: int
) -> VisibleSurface:
    """Splat the samples that face the camera at a pose `(4, 4)` [m].

    Args:
        model: The object.
        T_camera_object: `(4, 4)` [m].
        camera_matrix: `(3, 3)` [px].
        crop: Where to look.
        reach_px: How far beyond the outline its depth is carried.
    """
    height, width = len(range(crop.y0, crop.y1, crop.stride)), len(range(crop.x0, crop.x1, crop.stride))
    nearest = np.full((height, width), np.inf, dtype=np.float32)
    index, pixels, depth = _splat(model, T_camera_object, crop_frame(crop, camera_matrix), nearest)
    # Samples leave gaps between them; the nearest neighbour's depth fills those.
    filled = cv2.erode(nearest, np.ones((5, 5), np.uint8))
    silhouette = cv2.erode(np.isfinite(filled).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    reach = 2 * max(reach_px // crop.stride, 1) + 1
    known = np.where(np.isfinite(filled), filled, 0.0).astype(np.float32)
    outline = cv2.dilate(known, np.ones((reach, reach), np.uint8)).astype(np.float32, copy=False)
    visible = depth < filled[pixels[:, 0], pixels[:, 1]] + _SELF_OCCLUSION_M
    return VisibleSurface(outline, silhouette, index[visible], pixels[visible], depth[visible])


def _splat(
    model: ObjectModel, T: FloatArray, frame: tuple[float, ...], nearest: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Index, row and column, and depth [m] of the samples that face the camera, drawn into `nearest (h, w)`."""
    kernels = compiled()
    if kernels is not None:
        count = len(model.points)
        index, pixels = np.empty(count, dtype=np.int64), np.empty((count, 2), dtype=np.int64)
        depth = np.empty(count, dtype=np.float32)
        T = np.ascontiguousarray(T, dtype=np.float64)
        found = kernels.splat(model.points, model.normals, T, frame, nearest, index, pixels, depth)
        return index[:found], pixels[:found], depth[:found]
    fx, fy, cx, cy, x0, y0, stride = frame
    facing = np.einsum("nk,nk->n", model.normals, model.points + T[:3, 3] @ T[:3, :3]) < 0.0
    points = model.points @ T[:3, :3].T + T[:3, 3]
    z = np.maximum(points[:, 2], 0.05)
    column = np.rint((points[:, 0] / z * fx + cx - x0) / stride).astype(np.int64)
    row = np.rint((points[:, 1] / z * fy + cy - y0) / stride).astype(np.int64)
    inside = (points[:, 2] >= 0.05) & (column >= 0) & (column < nearest.shape[1])
    index = np.flatnonzero(facing & inside & (row >= 0) & (row < nearest.shape[0]))
    far_first = index[np.argsort(-points[index, 2])]
    nearest[row[far_first], column[far_first]] = points[far_first, 2]
    return index, np.stack([row, column], axis=1)[index], points[index, 2].astype(np.float32)


def confidence(surface: VisibleSurface, depth_m: NDArray[np.float32], colour_matches: NDArray[np.bool_]) -> float:
    """How well an image confirms a pose, in [0, 1].

    Samples measured at their depth with a fitting colour explain the pose, samples the camera saw through
    refute it, samples with something in front say nothing; but enough must be explained.

    Args:
        surface: Visible samples at the pose.
        depth_m: Measured `(h, w)` [m] over the same crop.
        colour_matches: Pixels `(h, w)` with a colour of the object.
    """
    row, column = surface.pixels.T
    measured = depth_m[row, column]
    difference = measured - surface.depth_m
    explained = (measured > 0) & (np.abs(difference) < EXPLAINED_M) & colour_matches[row, column]
    refuted = (measured > 0) & (difference >= EXPLAINED_M)
    if not explained.any():
        return 0.0
    share = explained.sum() / (explained.sum() + refuted.sum())
    enough = min(1.0, explained.sum() / (_ENOUGH_SHARE * len(row)))
    return float(share * enough)
