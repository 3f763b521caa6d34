"""The object's mask from a box or clicks: the table is removed, then depth tells, and colour where depth cannot."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop, FloatArray, heights_above
from h2s2r_perception.recording import Prompt
from h2s2r_perception.recording.prompt import Point
from h2s2r_perception.segmentation.areas import BORDER_SHARE, Box, discs_at, grown, pixels_at
from h2s2r_perception.segmentation.by_colour import mask_by_colour
from h2s2r_perception.segmentation.by_depth import mask_by_depth
from h2s2r_perception.segmentation.standing import hollow
from h2s2r_perception.segmentation.table_plane import INLIER_M, fit_table_plane

_SUPPORT_RATIO = 0.6
"""The largest plane is the table when it holds this share of what the best plane below the box holds."""
_CONTINUOUS_M = 0.01
"""Neighbouring pixels of one object differ less in depth."""
_SMALLEST_PX = 60


class ColourDepthSegmenter:
    """`Segmenter` that needs no download: GrabCut on what measured depth puts above the table."""

    def __init__(self, configuration: None = None) -> None:
        """There is nothing to configure."""

    def segment(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        prompt: Prompt,
        *,
        source: str = "prompt",
    ) -> NDArray[np.bool_]:
        """See `Segmenter.segment`."""
        return segment(rgb, depth_m, camera_matrix, prompt, source=source)[0]


def segment(
    rgb: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    camera_matrix: FloatArray,
    prompt: Prompt,
    *,
    source: str = "prompt",
) -> tuple[NDArray[np.bool_], FloatArray | None]:
    """Find the object a person pointed at.

    Args:
        rgb: `(H, W, 3)` uint8.
        depth_m: `(H, W)` [m], 0 = invalid.
        camera_matrix: `(3, 3)` [px].
        prompt: A box round the object, or a click on it.
        source: What errors name.

    Returns:
        The mask `(H, W)` and the plane `(4,)` under the object (camera frame), `None` if there is none.

    Raises:
        InputError: Nothing but table or missing depth is there.
    """
    whole = Crop(0, 0, rgb.shape[1], rgb.shape[0], 1)
    rays = whole.rays(camera_matrix)
    points = rays * depth_m[..., None]
    box = _box_of(prompt, rgb.shape) if prompt.box else None
    plane = table_round(points, depth_m, box)
    solid = depth_m > 0
    if plane is not None:
        solid &= heights_above(plane, points) > INLIER_M
    solid &= ~discs_at(prompt.but_not, solid.shape)
    if box is None:
        box = _box_from_clicks(depth_m, solid, prompt.points_on)
    mask = np.zeros_like(solid)
    if box is not None:
        by_depth = mask_by_depth(solid, depth_m, rays, box, prompt)
        mask = mask_by_colour(rgb, solid, depth_m, box, prompt) if by_depth is None else by_depth
        if plane is not None:
            mask |= hollow(mask, heights_above(plane, points)) & ~discs_at(prompt.but_not, solid.shape)
        mask |= pixels_at(prompt.points_on, solid.shape) & solid
    if mask.sum() < _SMALLEST_PX:
        raise InputError(
            source,
            f"frame {prompt.frame}, {'box' if prompt.box else 'click'}",
            found=f"an empty mask ({int(mask.sum())} px above the table)",
            expected="an object with measured depth",
            remedy="draw the box round the object, or choose a frame where it is in full view",
        )
    return mask, plane


def _box_of(prompt: Prompt, shape: tuple[int, ...]) -> Box:
    assert prompt.box is not None
    x0, y0, x1, y1 = (round(value) for value in prompt.box)
    return max(x0, 0), max(y0, 0), min(x1, shape[1]), min(y1, shape[0])


def table_round(points: FloatArray, depth_m: NDArray[np.float32], box: Box | None) -> FloatArray | None:
    """The table on which the object stands, seen round the box, not in it.

    The largest plane there may be a floor or a wall; then the plane below the box and beside its lower half
    is the table. With a click there is no box yet, and the whole image has to do.
    """
    measured = depth_m > 0
    if box is None:
        return fit_table_plane(points[measured])
    x0, y0, x1, y1 = grown(box, depth_m.shape, 2.0 * BORDER_SHARE)
    around = np.zeros_like(measured)
    around[y0:y1, x0:x1] = measured[y0:y1, x0:x1]
    around[box[1] : box[3], box[0] : box[2]] = False
    x0, _, x1, y1 = grown(box, depth_m.shape, BORDER_SHARE)
    below = np.zeros_like(measured)
    below[(box[1] + box[3]) // 2 : y1, x0:x1] = True
    below &= around
    largest, lower = fit_table_plane(points[around]), fit_table_plane(points[below])
    if largest is None or lower is None:
        return lower if largest is None else largest
    held = [(np.abs(heights_above(plane, points[below])) < INLIER_M).mean() for plane in (largest, lower)]
    return largest if held[0] > _SUPPORT_RATIO * held[1] else lower


def _box_from_clicks(depth_m: NDArray[np.float32], solid: NDArray[np.bool_], clicks: tuple[Point, ...]) -> Box | None:
    """Bounding box of what is connected with a clicked pixel in depth."""
    region = np.zeros_like(solid)
    for x, y in clicks:
        region |= _continuous(depth_m, solid, (int(x), int(y)))
    if not region.any():
        return None
    row, column = np.nonzero(region)
    box = (int(column.min()), int(row.min()), int(column.max()) + 1, int(row.max()) + 1)
    return grown(box, depth_m.shape, 0.05)


def _continuous(depth_m: NDArray[np.float32], solid: NDArray[np.bool_], seed: tuple[int, int]) -> NDArray[np.bool_]:
    x, y = seed
    if not solid[y, x]:
        return np.zeros_like(solid)
    barrier = np.ones((depth_m.shape[0] + 2, depth_m.shape[1] + 2), dtype=np.uint8)
    barrier[1:-1, 1:-1] = ~solid
    fill = np.where(solid, depth_m, 0.0).astype(np.float32)
    flags = 8 | cv2.FLOODFILL_MASK_ONLY | (2 << 8)
    cv2.floodFill(fill, barrier, (x, y), 0.0, _CONTINUOUS_M, _CONTINUOUS_M, flags)
    return np.asarray(barrier[1:-1, 1:-1] == 2)
