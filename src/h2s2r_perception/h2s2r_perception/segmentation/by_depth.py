"""The object in a box by depth alone: what fills the box and ends inside it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation.areas import BORDER_SHARE, Box, discs_at, filled, grown, overlap, pixels_at
from h2s2r_perception.segmentation.creases import REACH_PX, creases
from h2s2r_perception.segmentation.parts import connected_parts

_OWN_SHARE = 0.9
"""A part of which so much lies in the box ends inside it."""
_FILLS_BOX = 0.4
"""How well what is found must fit the box; people draw a margin of a fifth round it, on each side."""
_FILLS_INSIDE = 0.35
"""Share of what stands in the box that it must be; the rest stands in front of it."""
_NEAR_SHARE = 0.5
"""Parts of one object lie this near to each other in depth, in diagonals of the box at their distance."""
_RIDGE_PX = 1.5
"""Blur of the creases, so that small gaps in them close."""


def mask_by_depth(
    solid: NDArray[np.bool_], depth_m: NDArray[np.float32], rays: FloatArray, box: Box, prompt: Prompt
) -> NDArray[np.bool_] | None:
    """What fills the box and ends inside it; `None` where depth cannot tell.

    Where nothing ends inside the box the object touches something; then it is cut along creases.
    """
    x0, y0, x1, y1 = grown(box, solid.shape, BORDER_SHARE)
    place = slice(y0, y1), slice(x0, x1)
    here = np.zeros_like(solid)
    here[place] = solid[place]
    parts = connected_parts(here, depth_m)
    diagonal = float(np.linalg.norm(rays[box[3] - 1, box[2] - 1] - rays[box[1], box[0]]))
    mask = _ends_inside(here, parts, depth_m, box, diagonal, prompt)
    if mask is None and parts:
        inside = filled(box, here.shape)
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
    middle = filled((box[0] + dx, box[1] + dy, box[2] - dx, box[3] - dy), main.shape)
    seed = main & (middle | discs_at(prompt.points_on, main.shape)) & ~folded
    if not seed.any() or not (main & ~inside).any():
        return None
    label = np.where(main & inside, 0, 2).astype(np.int32)
    label[seed] = 1
    ridge = cv2.GaussianBlur((folded | ~main).astype(np.uint8) * 255, (0, 0), _RIDGE_PX)
    cv2.watershed(cv2.cvtColor(ridge, cv2.COLOR_GRAY2BGR), label)
    mask = (label == 1) & main
    return mask if overlap(mask, box) > _FILLS_BOX else None


def _ends_inside(
    here: NDArray[np.bool_],
    parts: list[NDArray[np.bool_]],
    depth_m: NDArray[np.float32],
    box: Box,
    diagonal: float,
    prompt: Prompt,
) -> NDArray[np.bool_] | None:
    """The parts that end inside the box, whose diagonal at 1 m is given, if together they fill it.

    They may be several, such as a mug's outside and inside, or what shows on both sides of a thing in front.
    """
    inside = filled(box, here.shape)
    own = [part for part in parts if (part & inside).sum() > _OWN_SHARE * part.sum()]
    if not own:
        return None
    main = max(own, key=lambda part: int(part.sum()))
    low, high = np.quantile(depth_m[main], [0.02, 0.98])
    margin_m = _NEAR_SHARE * diagonal * float(low)
    mask, others = np.zeros_like(here), np.zeros_like(here)
    for part in parts:
        mine = (part & inside).sum() > _OWN_SHARE * part.sum()
        near = low - margin_m < float(np.median(depth_m[part])) < high + margin_m
        if mine and near:
            mask |= part
        else:
            others |= part
    reach = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    mask = (cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, reach) > 0) & here & inside & ~others
    clicked = pixels_at(prompt.points_on, here.shape) & here
    if (clicked & ~mask).any() or mask.sum() < _FILLS_INSIDE * (here & inside).sum() or overlap(mask, box) < _FILLS_BOX:
        return None
    return mask
