"""Which samples of the surface the camera should see at a pose, and whether the image confirms them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.appearance import Appearance
from h2s2r_perception.object_pose.free_space import crop_frame
from h2s2r_perception.object_pose.refinement import compiled
from h2s2r_perception.object_pose.view import View

EXPLAINED_M = 0.008
"""Measured this close to the model, a sample counts as seen."""
_SELF_OCCLUSION_M, _SLANT_PX = np.float32(0.006), np.float32(3.0)
_CLEAR_M = 0.004
"""A sample this much before the static background, where that is measured, was seen through."""
_COLOUR_LEVELS = 60.0
"""Farther than this (RGB distance) from what is printed there, the colour belongs to another place."""
_PLACE_PX, _PLACE_LEVELS = 5, 40.0
"""How far off in the crop, and in each channel, a colour may be from the one expected at its place."""


@dataclass(frozen=True)
class VisibleSurface:
    """The model's samples that face the camera, splatted into a crop."""

    outline_m: NDArray[np.float32]
    """Depth `(h, w)` [m] of the model, carried a few pixels beyond its outline; 0 farther away."""
    silhouette: NDArray[np.bool_]
    """Pixels `(h, w)` the model covers."""
    inner_m: NDArray[np.float32]
    """Depth `(h, w)` [m] of the model a little inside its outline, infinite elsewhere."""
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
    # The filled depth is that of the nearest of a few pixels: on a slanted face it lies before the face.
    pixel_m = crop.stride * depth / np.float32(camera_matrix[0, 0])
    visible = depth < filled[pixels[:, 0], pixels[:, 1]] + _SELF_OCCLUSION_M + _SLANT_PX * pixel_m
    inner = cv2.erode(silhouette.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    inner_m = np.where(inner, filled, np.inf).astype(np.float32)
    return VisibleSurface(outline, silhouette, inner_m, index[visible], pixels[visible], depth[visible])


@dataclass(frozen=True)
class Verdict:
    """What an image says about a pose: shares of the samples that should be visible."""

    explained: float
    """Measured at their depth, with a fitting colour."""
    refuted: float
    """The camera saw through them."""
    misprinted: float
    """Measured at their depth, in a colour of the object that belongs elsewhere on it."""
    colour_error: float
    """Mean distance [RGB levels] of the colours seen from those printed there, of samples on their place."""
    good: NDArray[np.int64]
    """Positions in `VisibleSurface.index` of the explained samples."""

    @property
    def agreement(self) -> float:
        """In [0, 1]: of the samples the image says something about, those it confirms."""
        said = self.explained + self.refuted + self.misprinted
        return self.explained / said if said > 0.0 else 0.0


def judge(
    surface: VisibleSurface, view: View, appearance: Appearance, R_camera_object: FloatArray, noise_m: float
) -> Verdict:
    """Compare the samples visible at a pose with a view. What has something in front of it says nothing.

    Args:
        surface: Visible samples at the pose.
        view: The image there.
        appearance: What the surface looks like.
        R_camera_object: Rotation `(3, 3)` of the pose.
        noise_m: Standard deviation of depth.
    """
    count = len(surface.index)
    if count == 0:
        return Verdict(0.0, 0.0, 0.0, 0.0, np.zeros(0, dtype=np.int64))
    row, column = surface.pixels.T
    measured = view.depth_m[row, column]
    difference = measured - surface.depth_m
    reach = max(EXPLAINED_M, 3.0 * noise_m)
    on_place = (measured > 0) & (np.abs(difference) < reach)
    still = view.still[row, column] & (difference > _CLEAR_M)
    refuted = (measured > 0) & ((difference >= reach) | still)
    fitting = on_place & ~still & view.colour_matches[row, column]
    expected, known = appearance.expected(surface.index, R_camera_object)
    distance = np.linalg.norm(view.rgb[row, column] - expected, axis=1)
    misprinted = fitting & known & (distance > _COLOUR_LEVELS)
    good = np.flatnonzero(fitting & ~misprinted)
    compared = fitting & known
    error = float(np.minimum(distance[compared], 2.0 * _COLOUR_LEVELS).mean()) if compared.any() else 0.0
    return Verdict(len(good) / count, float(refuted.mean()), float(misprinted.mean()), error, good)


def expected_colours(
    surface: VisibleSurface, view: View, appearance: Appearance, R_camera_object: FloatArray
) -> NDArray[np.bool_]:
    """Pixels `(h, w)` whose colour is one that the surface shows thereabouts; all where that is not known.

    A hand may have a colour of the object, hardly the one of the very place it covers.

    Args:
        surface: Visible samples at the pose expected.
        view: The image there.
        appearance: What the surface looks like.
        R_camera_object: Rotation `(3, 3)` of the pose.
    """
    expected, known = appearance.expected(surface.index, R_camera_object)
    if len(known) == 0 or not known.all():
        return np.ones(view.depth_m.shape, dtype=bool)
    row, column = surface.pixels.T
    empty: NDArray[np.uint8] = np.ones(view.depth_m.shape, dtype=np.uint8)
    empty[row, column] = 0
    _, nearest = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    colour_of = np.zeros((int(nearest.max()) + 1, 3), dtype=np.float32)
    colour_of[nearest[row, column]] = expected
    colours = colour_of[nearest]
    reach = np.ones((_PLACE_PX, _PLACE_PX), np.uint8)
    lowest, highest = cv2.erode(colours, reach), cv2.dilate(colours, reach)
    near = (view.rgb > lowest - _PLACE_LEVELS) & (view.rgb < highest + _PLACE_LEVELS)
    return np.asarray(near[..., 0] & near[..., 1] & near[..., 2])


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
