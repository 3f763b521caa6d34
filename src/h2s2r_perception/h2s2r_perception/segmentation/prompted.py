"""The object's mask from one box or one click: the table is removed by depth, the rest by colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop, FloatArray, heights_above
from h2s2r_perception.recording import Prompt
from h2s2r_perception.recording.prompt import Point
from h2s2r_perception.segmentation.creases import REACH_PX, creases
from h2s2r_perception.segmentation.standing import hollow
from h2s2r_perception.segmentation.stays import connected_parts
from h2s2r_perception.segmentation.table_plane import INLIER_M, fit_table_plane

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 [px], the last two exclusive."""

_GRABCUT_SIDE_PX = 200
"""Longer side of the crop that GrabCut sees; its cost grows with the area."""
_GRABCUT_ROUNDS = 4
_BORDER_SHARE = 0.4
"""Width of the surroundings, in box sides, from which table and background are learned."""
_SUPPORT_RATIO = 0.6
"""The largest plane is the table when it holds this share of what the best plane below the box holds."""
_CONTINUOUS_M = 0.01
"""Neighbouring pixels of one object differ less in depth."""
_SMALLEST_PX = 60
_OWN_SHARE = 0.9
"""A part of which so much lies in the box ends inside it."""
_FILLS_BOX = 0.6
"""How well what is found must fit the box that a person drew."""
_FILLS_INSIDE = 0.35
"""Share of what stands in the box that it must be; the rest stands in front of it."""
_NEAR_M = 0.03
"""Parts of one object lie this near to each other in depth."""
_POINT_RADIUS_PX = 3
"""Pixels this near to a point given by a person are what the point is."""


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
    plane = _plane_round(points, depth_m, box)
    solid = depth_m > 0
    if plane is not None:
        solid &= heights_above(plane, points) > INLIER_M
    solid &= ~_discs(prompt.but_not, solid.shape)
    if box is None:
        box = _box_from_clicks(depth_m, solid, prompt.points_on)
    mask = np.zeros_like(solid)
    if box is not None:
        by_depth = _by_depth(solid, depth_m, rays, box, prompt)
        mask = _by_colour(rgb, solid, depth_m, box, prompt) if by_depth is None else by_depth
        if plane is not None:
            mask |= hollow(mask, heights_above(plane, points)) & ~_discs(prompt.but_not, solid.shape)
        mask |= _pixels(prompt.points_on, solid.shape) & solid
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


def _grown(box: Box, shape: tuple[int, ...], share: float) -> Box:
    x0, y0, x1, y1 = box
    dx, dy = max(8, round(share * (x1 - x0))), max(8, round(share * (y1 - y0)))
    return max(x0 - dx, 0), max(y0 - dy, 0), min(x1 + dx, shape[1]), min(y1 + dy, shape[0])


def _plane_round(points: FloatArray, depth_m: NDArray[np.float32], box: Box | None) -> FloatArray | None:
    """The table on which the object stands, seen round the box, not in it.

    The largest plane there may be a floor or a wall; then the plane below the box and beside its lower half
    is the table. With a click there is no box yet, and the whole image has to do.
    """
    measured = depth_m > 0
    if box is None:
        return fit_table_plane(points[measured])
    x0, y0, x1, y1 = _grown(box, depth_m.shape, 2.0 * _BORDER_SHARE)
    around = np.zeros_like(measured)
    around[y0:y1, x0:x1] = measured[y0:y1, x0:x1]
    around[box[1] : box[3], box[0] : box[2]] = False
    x0, _, x1, y1 = _grown(box, depth_m.shape, _BORDER_SHARE)
    below = np.zeros_like(measured)
    below[(box[1] + box[3]) // 2 : y1, x0:x1] = True
    below &= around
    largest, lower = fit_table_plane(points[around]), fit_table_plane(points[below])
    if largest is None or lower is None:
        return lower if largest is None else largest
    held = [(np.abs(heights_above(plane, points[below])) < INLIER_M).mean() for plane in (largest, lower)]
    return largest if held[0] > _SUPPORT_RATIO * held[1] else lower


def _by_depth(
    solid: NDArray[np.bool_], depth_m: NDArray[np.float32], rays: FloatArray, box: Box, prompt: Prompt
) -> NDArray[np.bool_] | None:
    """What fills the box and ends inside it; `None` where depth cannot tell.

    Where nothing ends inside the box the object touches something; then it is cut along creases.
    """
    x0, y0, x1, y1 = _grown(box, solid.shape, _BORDER_SHARE)
    place = slice(y0, y1), slice(x0, x1)
    here = np.zeros_like(solid)
    here[place] = solid[place]
    parts = connected_parts(here, depth_m)
    mask = _ends_inside(here, parts, depth_m, box, prompt)
    if mask is None and parts:
        inside = _filled_box(box, here.shape)
        main = max(parts, key=lambda part: int((part & inside).sum()))
        folded = np.zeros_like(solid)
        folded[place] = creases(depth_m[place], rays[place])
        mask = _cut_along(folded, main, inside, box, prompt)
    return mask


def _cut_along(
    folded: NDArray[np.bool_], main: NDArray[np.bool_], inside: NDArray[np.bool_], box: Box, prompt: Prompt
) -> NDArray[np.bool_] | None:
    """Split a part by a watershed whose ridges are the creases: the box's middle against what lies outside it."""
    dx, dy = (box[2] - box[0]) // 4, (box[3] - box[1]) // 4
    middle = _filled_box((box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy), main.shape)
    seed = main & (middle | _discs(prompt.points_on, main.shape)) & ~folded
    if not seed.any() or not (main & ~inside).any():
        return None
    label = np.where(main & inside, 0, 2).astype(np.int32)
    label[seed] = 1
    ridge = cv2.GaussianBlur((folded | ~main).astype(np.uint8) * 255, (0, 0), 1.5)
    cv2.watershed(cv2.cvtColor(ridge, cv2.COLOR_GRAY2BGR), label)
    mask = (label == 1) & main
    return mask if _box_overlap(mask, box) > _FILLS_BOX else None


def _ends_inside(
    here: NDArray[np.bool_],
    parts: list[NDArray[np.bool_]],
    depth_m: NDArray[np.float32],
    box: Box,
    prompt: Prompt,
) -> NDArray[np.bool_] | None:
    """The parts that end inside the box, if together they fill it.

    They may be several, such as a mug's outside and inside, or what shows on both sides of a thing in front.
    """
    inside = _filled_box(box, here.shape)
    own = [part for part in parts if (part & inside).sum() > _OWN_SHARE * part.sum()]
    if not own:
        return None
    main = max(own, key=lambda part: int(part.sum()))
    low, high = np.quantile(depth_m[main], [0.02, 0.98])
    mask, others = np.zeros_like(here), np.zeros_like(here)
    for part in parts:
        mine = (part & inside).sum() > _OWN_SHARE * part.sum()
        near = low - _NEAR_M < float(np.median(depth_m[part])) < high + _NEAR_M
        if mine and near:
            mask |= part
        else:
            others |= part
    reach = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    mask = (cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, reach) > 0) & here & inside & ~others
    clicked = _pixels(prompt.points_on, here.shape) & here
    if (
        (clicked & ~mask).any()
        or mask.sum() < _FILLS_INSIDE * (here & inside).sum()
        or _box_overlap(mask, box) < _FILLS_BOX
    ):
        return None
    return mask


def _filled_box(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inside = np.zeros(shape[:2], dtype=bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    return inside


def _box_overlap(mask: NDArray[np.bool_], box: Box) -> float:
    """Intersection over union of the box round a mask and another box."""
    row, column = np.nonzero(mask)
    x0, y0, x1, y1 = column.min(), row.min(), column.max() + 1, row.max() + 1
    both = max(min(x1, box[2]) - max(x0, box[0]), 0) * max(min(y1, box[3]) - max(y0, box[1]), 0)
    return float(both / ((x1 - x0) * (y1 - y0) + (box[2] - box[0]) * (box[3] - box[1]) - both))


def _box_from_clicks(depth_m: NDArray[np.float32], solid: NDArray[np.bool_], clicks: tuple[Point, ...]) -> Box | None:
    """Bounding box of what is connected with a clicked pixel in depth."""
    region = np.zeros_like(solid)
    for x, y in clicks:
        region |= _continuous(depth_m, solid, (int(x), int(y)))
    if not region.any():
        return None
    row, column = np.nonzero(region)
    box = (int(column.min()), int(row.min()), int(column.max()) + 1, int(row.max()) + 1)
    return _grown(box, depth_m.shape, 0.05)


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


def _by_colour(
    rgb: NDArray[np.uint8], solid: NDArray[np.bool_], depth_m: NDArray[np.float32], box: Box, prompt: Prompt
) -> NDArray[np.bool_]:
    """What colour tells apart inside the box, where depth alone cannot: the object touches something."""
    return _one_object(_grabcut(rgb, solid, depth_m, box, prompt) & solid, depth_m, prompt)


def _grabcut(
    rgb: NDArray[np.uint8],
    solid: NDArray[np.bool_],
    depth_m: NDArray[np.float32],
    box: Box,
    prompt: Prompt,
) -> NDArray[np.bool_]:
    """Colour segmentation on a small crop: outside the box and the table are background for sure."""
    x0, y0, x1, y1 = _grown(box, rgb.shape, _BORDER_SHARE)
    label: NDArray[np.uint8] = np.full(rgb.shape[:2], cv2.GC_BGD, dtype=np.uint8)
    inside = label[box[1] : box[3], box[0] : box[2]]
    inside[:] = cv2.GC_PR_FGD
    known = depth_m > 0
    label[known & ~solid] = cv2.GC_BGD
    label[_discs(prompt.points_on, label.shape) & solid] = cv2.GC_FGD
    label, colour = label[y0:y1, x0:x1], rgb[y0:y1, x0:x1]
    if not np.any(label == cv2.GC_PR_FGD) or not np.any(label == cv2.GC_BGD):
        return np.asarray(_paste(label != cv2.GC_BGD, (x0, y0, x1, y1), rgb.shape))
    scale = min(1.0, _GRABCUT_SIDE_PX / max(label.shape))
    size = (max(1, round(label.shape[1] * scale)), max(1, round(label.shape[0] * scale)))
    small_label = cv2.resize(label, size, interpolation=cv2.INTER_NEAREST)
    small_colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    cv2.setRNGSeed(0)
    cv2.grabCut(
        small_colour,
        small_label,
        (0, 0, 0, 0),
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        _GRABCUT_ROUNDS,
        int(cv2.GC_INIT_WITH_MASK),
    )
    small = ((small_label == cv2.GC_FGD) | (small_label == cv2.GC_PR_FGD)).astype(np.uint8)
    full = cv2.resize(small, (label.shape[1], label.shape[0]), interpolation=cv2.INTER_NEAREST).astype(bool)
    return _paste(full, (x0, y0, x1, y1), rgb.shape)


def _paste(mask: NDArray[np.bool_], place: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    full = np.zeros(shape[:2], dtype=bool)
    full[place[1] : place[3], place[0] : place[2]] = mask
    return full


def _one_object(mask: NDArray[np.bool_], depth_m: NDArray[np.float32], prompt: Prompt) -> NDArray[np.bool_]:
    """The connected parts that were clicked, or the largest; parts are cut where depth jumps."""
    far = cv2.dilate(np.where(mask, depth_m, 0.0).astype(np.float32), np.ones((3, 3), np.uint8))
    jump = mask & (far - depth_m > 3.0 * _CONTINUOUS_M)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask & ~jump).astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    clicked = {int(labels[int(y), int(x)]) for x, y in prompt.points_on} - {0}
    return np.isin(labels, list(clicked or {1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))}))


def _pixels(points: tuple[Point, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The very pixels `(H, W)` of the points."""
    pixels = np.zeros(shape[:2], dtype=bool)
    for x, y in points:
        pixels[int(y), int(x)] = True
    return pixels


def _discs(points: tuple[Point, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels `(H, W)` near any of the points."""
    discs = np.zeros(shape[:2], dtype=np.uint8)
    for x, y in points:
        cv2.circle(discs, (int(x), int(y)), _POINT_RADIUS_PX, 1, -1)
    return discs.astype(bool)
