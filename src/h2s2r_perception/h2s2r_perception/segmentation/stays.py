"""Stays: where something stood still on the table for a while, and was not there at another time.

A camera that does not move sees three things at a pixel where something stands: the same surface; a
nearer one, when somebody reaches across; or, when the thing has gone or turned, a farther one or another
colour at the same depth. Only the last is evidence that the thing itself moved, so things that are merely
reached across leave no trace here.

A hand that rests leaves its place too. What tells it from an object is who comes to whom: before an
object moves (and after it has moved) something else touches it that did not touch it all along.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import FloatArray, heights_above
from h2s2r_perception.segmentation.parts import connected_parts, joined_parts
from h2s2r_perception.segmentation.timelapse import Timelapse

_WINDOW = 3
"""Samples over which a surface must not move to count as still."""
_ABOVE_TABLE_M, _HIGHEST_M = 0.008, 0.5
_SMALLEST_CHANGE_PX = 25
_STEP_M, _STEP_SIGMAS = 0.008, 5.0
"""Depth has changed when it differs by the larger of both."""
_CHROMATICITY = 0.06
"""Change of r / (r + g + b) that a shadow cannot make."""
_BRIGHTNESS_RATIO = 2.0
"""Nor does a shadow halve the light, with other lamps on."""
_DARK = 40.0
"""Added to r + g + b: the colour of what is nearly black is noise."""
_LEFT_SHARE = 0.05
"""A thing has moved when so much of what is seen of it has changed."""
_SEEN_SHARE = 0.2
"""Nothing is said about a thing of which less is seen."""
_RING_PX = 5
"""Width of the border on which a hand is looked for."""
_FOOT_SHARE = 0.5
"""Of the length of a foot that may be noise."""
_MIXED_PX = 2
"""So near to the edge of something in front of it a surface takes on its colour."""


@dataclass(frozen=True, eq=False)
class Stay:
    """One thing in one place, in samples and pixels of a Timelapse."""

    sample: int
    """In which it was looked at."""
    first: int
    last: int
    """First and last sample in which it is known to stand there."""
    mask: NDArray[np.bool_]
    """`(h, w)`, what of it was seen then."""
    changed_share: float
    """Share of the mask that was seen to change at another time."""
    touched: float
    """By how much more other moving things cover it and its border just before it leaves, or just after it
    arrives, than at `sample`; in areas of that border."""
    covered: float
    """How much they cover it at `sample`."""
    size_m: float
    """Diagonal of the box round its seen points."""
    foot_m: float
    """Height of its lowest points above the table."""
    cut_off: bool
    """It reaches the border of the image."""

    @property
    def changed_px(self) -> float:
        """Pixels of it that were seen to change."""
        return float(self.mask.sum()) * self.changed_share


@dataclass(frozen=True, eq=False)
class _Scene:
    """The Timelapse with what is the same for every stay."""

    timelapse: Timelapse
    chromaticity: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Shares of red and of green, `(S, h, w)` each."""
    brightness: NDArray[np.float32]
    """`(S, h, w)`."""
    moving: NDArray[np.bool_]
    """`(S, h, w)`, nearer than the farthest that was ever seen there."""
    step_m: NDArray[np.float32]
    """`(h, w)`, the least change of depth that is not noise."""


@dataclass(frozen=True, eq=False)
class _View:
    """What stands still in one sample."""

    sample: int
    surface: NDArray[np.float32]
    """`(h, w)` [m], the farthest of the samples around, 0 = invalid."""
    points: FloatArray
    """`(h, w, 3)` [m], camera frame."""
    height: FloatArray
    """`(h, w)` [m] above the table."""


def deepest(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """The farthest surface `(h, w)` that pixels `(S, h, w)` show for some time: the scene without things.

    The nearest of three samples is taken first, so that the noise of one does not count.
    """
    if len(depth_m) < _WINDOW:
        return depth_m.max(axis=0)
    measured = depth_m > 0
    near = np.where(measured, depth_m, np.float32(np.inf))
    nearest = np.minimum(np.minimum(near[:-2], near[1:-1]), near[2:])
    often = measured[:-2].astype(np.uint8) + measured[1:-1] + measured[2:] >= 2
    return np.asarray(np.where(often, nearest, 0.0).max(axis=0), dtype=np.float32)


def least_step(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change of depth `(h, w)` [m] that the noise of samples `(S, h, w)` does not make."""
    change = np.abs(np.diff(depth_m, axis=0))
    change[(depth_m[1:] <= 0) | (depth_m[:-1] <= 0)] = 0.0
    sigma = cv2.blur(np.median(change, axis=0).astype(np.float32), (9, 9)) / 0.954
    return np.maximum(_STEP_M, _STEP_SIGMAS * sigma).astype(np.float32)


def moving_pixels(depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels `(S, h, w)` that show something that is not always there."""
    near = (depth_m > 0) & (deepest(depth_m) - depth_m > least_step(depth_m))
    opened = [cv2.morphologyEx(sample.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) for sample in near]
    return np.stack(opened).astype(bool)


def find_stays(timelapse: Timelapse, moving: NDArray[np.bool_], plane: FloatArray, largest_m: float) -> list[Stay]:
    """Every stay of everything that stands on a plane `(4,)`; a long one is found many times.

    Args:
        timelapse: The Recording in small.
        moving: Of `moving_pixels`.
        plane: The table, camera frame.
        largest_m: What is larger is not looked at.
    """
    colour = np.stack([cv2.blur(sample, (3, 3)) for sample in timelapse.rgb]).astype(np.float32)
    total = colour.sum(axis=-1) + _DARK
    scene = _Scene(
        timelapse, (colour[..., 0] / total, colour[..., 1] / total), total, moving, least_step(timelapse.depth_m)
    )
    found = []
    for start in range(0, len(timelapse.depth_m) - _WINDOW + 1, 2):
        window = timelapse.depth_m[start : start + _WINDOW]
        surface = window.max(axis=0)
        points = timelapse.rays * surface[..., None]
        view = _View(start + 1, surface, points, heights_above(plane, points))
        still = (window > 0).sum(axis=0) >= 2
        still &= surface - np.where(window > 0, window, np.inf).min(axis=0) < scene.step_m
        standing = still & (view.height > _ABOVE_TABLE_M) & (view.height < _HIGHEST_M)
        parts = _stays_of(connected_parts(standing, surface), scene, view, largest_m)
        # The rim of a mug cuts its inside from its outside: parts that touch and all moved may be one thing.
        found += parts + _stays_of(joined_parts([part.mask for part in parts]), scene, view, largest_m)
    return found


def _stays_of(masks: list[NDArray[np.bool_]], scene: _Scene, view: _View, largest_m: float) -> list[Stay]:
    """The stays of those parts that are small enough and moved at some time."""
    found = []
    for mask in masks:
        measured = mask & (view.surface > 0)
        size_m = float(np.linalg.norm(np.ptp(np.quantile(view.points[measured], [0.02, 0.98], axis=0), axis=0)))
        stay = _stay(scene, view, measured, size_m) if size_m <= largest_m else None
        if stay is not None:
            found.append(stay)
    return found


def _stay(scene: _Scene, view: _View, part: NDArray[np.bool_], size_m: float) -> Stay | None:
    """Follow one part through all samples, inside the smallest window that holds it and its border."""
    sample, surface, height = view.sample, view.surface, view.height
    row, column = np.nonzero(part)
    place = (
        slice(max(int(row.min()) - _RING_PX, 0), int(row.max()) + _RING_PX + 1),
        slice(max(int(column.min()) - _RING_PX, 0), int(column.max()) + _RING_PX + 1),
    )
    inside, step = part[place], scene.step_m[place]
    depth = scene.timelapse.depth_m[(slice(None), *place)]
    measured, farther = depth > 0, depth - surface[place]
    nearer = measured & (farther < -step)
    same_depth = measured & (np.abs(farther) < step) & ~_grown(nearer)
    gone = (measured & (farther >= step)) | (same_depth & _recoloured(scene, sample, place))
    seen = same_depth | gone
    lasting = gone[:-2] & gone[1:-1] & gone[2:]
    changed = cv2.morphologyEx((lasting.any(axis=0) & inside).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2))) > 0
    if changed.sum() < _SMALLEST_CHANGE_PX:
        return None
    seen_count = (seen & changed).sum(axis=(1, 2))
    left = (gone & changed).sum(axis=(1, 2)) > _LEFT_SHARE * np.maximum(seen_count, 1)
    left &= seen_count > _SEEN_SHARE * changed.sum()
    first = int(np.flatnonzero(left[:sample])[-1]) + 1 if left[:sample].any() else 0
    last = sample + int(np.flatnonzero(left[sample:])[0]) - 1 if left[sample:].any() else len(depth) - 1
    ring = cv2.dilate(inside.astype(np.uint8), np.ones((2 * _RING_PX + 1, 2 * _RING_PX + 1), np.uint8)) > inside
    foreign = scene.moving[(slice(None), *place)] & ring & (np.abs(farther) > step)
    foreign |= nearer & inside
    cover = foreign.sum(axis=(1, 2)) / max(int(ring.sum()), 1)
    covered = float(cover[sample - 1 : sample + 2].max())
    touched = max(
        float(cover[last]) - covered if last < len(depth) - 1 else 0.0,
        float(cover[first]) - covered if first > 0 else 0.0,
    )
    rows, columns = part.shape
    return Stay(
        sample=sample,
        first=first,
        last=max(last, sample),
        mask=part,
        changed_share=float(changed.sum() / inside.sum()),
        touched=max(touched, 0.0),
        covered=covered,
        size_m=size_m,
        foot_m=_foot(height[part]),
        cut_off=bool(min(row.min(), column.min()) <= 1 or row.max() >= rows - 2 or column.max() >= columns - 2),
    )


def _foot(height: FloatArray) -> float:
    """Height [m] of the lowest of points `(P,)`, but for noise: a foot is an outline, as long as P has a root."""
    noisy = int(_FOOT_SHARE * np.sqrt(len(height)))
    return float(np.partition(height, noisy)[noisy])


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels `(S, ...)` in or next to a mask: there the colours of both sides are mixed."""
    square = np.ones((2 * _MIXED_PX + 1, 2 * _MIXED_PX + 1), np.uint8)
    return np.stack([cv2.dilate(sample.astype(np.uint8), square) for sample in mask]).astype(bool)


def _recoloured(scene: _Scene, sample: int, place: tuple[slice, slice]) -> NDArray[np.bool_]:
    """Pixels `(S, ...)` whose colour differs from that of `sample` in a way no shadow explains."""
    everywhen = (slice(None), *place)
    ratio = scene.brightness[everywhen] / scene.brightness[(sample, *place)]
    other = (ratio > _BRIGHTNESS_RATIO) | (ratio < 1.0 / _BRIGHTNESS_RATIO)
    for share in scene.chromaticity:
        other |= np.abs(share[everywhen] - share[(sample, *place)]) > _CHROMATICITY
    return np.asarray(other)
