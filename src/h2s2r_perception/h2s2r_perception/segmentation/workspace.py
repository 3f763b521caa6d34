"""Where the object may be when nobody points at it: what stands on the table inside a box of the world."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.segmentation.likeness import colour_bins, colour_histogram, histogram_overlap

_ABOVE_TABLE_M = 0.008
_CONTINUOUS_M = 0.012
_SMALLEST_PX = 60
_LARGEST_SHARE = 1.3
"""A part wider than this many object diameters is something else."""
_SMALLEST_LIKENESS, _SMALLEST_DENSITY = 0.3, 0.002
_RARER = 0.25
"""A colour this much rarer on the model than in the workspace is somebody else's."""


@dataclass(frozen=True)
class Workspace:
    """A box aligned with the world's axes, standing on the table."""

    lower_m: tuple[float, float]
    """Smallest x and y."""
    upper_m: tuple[float, float]
    """Largest x and y."""
    table_height_m: float
    """World z of the table's upper face."""
    height_m: float = 0.35
    """How far above the table the object may be."""


def propose_masks(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    T_world_camera: FloatArray,
    workspace: Workspace,
    model: ObjectModel,
) -> list[NDArray[np.bool_]]:
    """Masks `(H, W)` of things that may be the object, the most likely first; empty if there are none.

    What stands on the table is cut where depth jumps, with and without what has a colour foreign to the
    model: a hand that touches the object, or a wall it lies against, would otherwise belong to it. Parts
    that are too large or of other colours are dropped; the rest is ordered by how many more pixels of the
    model's colours it holds than of others. Colours are compared by hue and saturation only, since the
    light is not the scanner's.
    """
    points = Crop(0, 0, rgb.shape[1], rgb.shape[0], 1).rays(camera_matrix) * depth_m[..., None]
    world = points @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
    height = world[..., 2] - workspace.table_height_m
    inside = (depth_m > 0) & (height > _ABOVE_TABLE_M) & (height < workspace.height_m)
    inside &= np.all((world[..., :2] > workspace.lower_m) & (world[..., :2] < workspace.upper_m), axis=-1)
    own = _own_colours(rgb, inside, model)
    scored = []
    for mask in _parts(inside & own, depth_m) + _parts(inside, depth_m):
        spread = np.ptp(np.quantile(world[mask], [0.02, 0.98], axis=0), axis=0)
        likeness = _likeness(rgb[mask], model)
        if np.linalg.norm(spread) <= _LARGEST_SHARE * model.diameter and likeness > _SMALLEST_LIKENESS:
            scored.append((int((mask & own).sum()) - int((mask & ~own).sum()), mask))
    return [mask for _, mask in sorted(scored, key=lambda item: -item[0])]


def _parts(inside: NDArray[np.bool_], depth_m: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """Connected parts of a mask, cut where depth jumps."""
    depth = np.where(inside, depth_m, 0.0).astype(np.float32)
    jump = cv2.dilate(depth, np.ones((3, 3), np.uint8)) - depth > _CONTINUOUS_M
    count, labels, stats, _ = cv2.connectedComponentsWithStats((inside & ~jump).astype(np.uint8), connectivity=4)
    return [labels == index for index in range(1, count) if stats[index, cv2.CC_STAT_AREA] >= _SMALLEST_PX]


def _own_colours(rgb: NDArray[np.uint8], inside: NDArray[np.bool_], model: ObjectModel) -> NDArray[np.bool_]:
    """Pixels `(H, W)` whose hue and saturation are the model's, and no more frequent here than on it.

    So the white of a label counts for little where a white wall stands beside it.
    """
    if model.colours is None or not inside.any():
        return np.ones(rgb.shape[:2], dtype=bool)
    on_model, here = colour_histogram(model.colours), colour_histogram(rgb[inside])
    own = (on_model > _SMALLEST_DENSITY) & (on_model > _RARER * here)
    return np.asarray(own[colour_bins(rgb)])


def _likeness(rgb: NDArray[np.uint8], model: ObjectModel) -> float:
    """How alike the colours of pixels `(P, 3)` and model are, in [0, 1]; 1 if it has none."""
    if model.colours is None:
        return 1.0
    return histogram_overlap(colour_histogram(rgb), colour_histogram(model.colours))
