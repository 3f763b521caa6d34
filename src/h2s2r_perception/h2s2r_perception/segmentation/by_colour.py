"""The object in a box by colour: where it touches something of another colour and depth cannot tell."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation.areas import BORDER_SHARE, Box, discs_at, grown

_GRABCUT_SIDE_PX = 200
"""Longer side of the crop that GrabCut sees; its cost grows with the area."""
_GRABCUT_ROUNDS = 4
_JUMP_M = 0.03
"""Parts that differ so much in depth where they meet are two things."""


def mask_by_colour(
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
    x0, y0, x1, y1 = grown(box, rgb.shape, BORDER_SHARE)
    label: NDArray[np.uint8] = np.full(rgb.shape[:2], cv2.GC_BGD, dtype=np.uint8)
    inside = label[box[1] : box[3], box[0] : box[2]]
    inside[:] = cv2.GC_PR_FGD
    known = depth_m > 0
    label[known & ~solid] = cv2.GC_BGD
    label[discs_at(prompt.points_on, label.shape) & solid] = cv2.GC_FGD
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
    jump = mask & (far - depth_m > _JUMP_M)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((mask & ~jump).astype(np.uint8), connectivity=4)
    if count < 2:
        return mask
    clicked = {int(labels[int(y), int(x)]) for x, y in prompt.points_on} - {0}
    return np.isin(labels, list(clicked or {1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))}))
