"""Which samples of the surface the camera should see at a pose, and whether the image confirms them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray, project
from h2s2r_perception.object_model import ObjectModel

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
    pixels: NDArray[np.int64]
    """Crop row and column `(P, 2)` of the visible samples."""
    depth_m: FloatArray
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
    R, t = T_camera_object[:3, :3], T_camera_object[:3, 3]
    facing = np.einsum("nk,nk->n", model.normals, model.points + t @ R) < 0.0
    points = model.points[facing] @ R.T + t
    uv = project(camera_matrix, points)
    column = np.rint((uv[:, 0] - crop.x0) / crop.stride).astype(np.int64)
    row = np.rint((uv[:, 1] - crop.y0) / crop.stride).astype(np.int64)
    height = len(range(crop.y0, crop.y1, crop.stride))
    width = len(range(crop.x0, crop.x1, crop.stride))
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    row, column, depth = row[inside], column[inside], points[inside, 2]
    far_first = np.argsort(-depth)
    nearest = np.full((height, width), np.inf, dtype=np.float32)
    nearest[row[far_first], column[far_first]] = depth[far_first]
    # Samples leave gaps between them; the nearest neighbour's depth fills those.
    filled = cv2.erode(nearest, np.ones((5, 5), np.uint8))
    silhouette = cv2.erode(np.isfinite(filled).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    reach = 2 * max(reach_px // crop.stride, 1) + 1
    known = np.where(np.isfinite(filled), filled, 0.0).astype(np.float32)
    outline = cv2.dilate(known, np.ones((reach, reach), np.uint8)).astype(np.float32, copy=False)
    visible = depth < filled[row, column] + _SELF_OCCLUSION_M
    return VisibleSurface(outline, silhouette, np.stack([row, column], axis=1)[visible], depth[visible])


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
