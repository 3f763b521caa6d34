"""Boxes that stand on the table, and the table's own extent, from one depth view.

A box is seen by its top and by the sides that face the camera. Its footprint is a rectangle on which lie the points
of those sides, and, where the top ends against something further away, the rays through the middle between the last
pixel of the top and the first beyond it, cut with the plane of the top: so neither depth noise at an edge nor the
size of a pixel moves the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from h2s2r_sim.twin_building.level_table import LevelTable

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_STANDS_M = 0.012
_TALLEST_M = 0.6
_CONTINUOUS_M = 0.015
_SMALLEST_PX = 150
_TOP_BAND_M = 0.007
_SIDE_BAND_M = 0.012
"""Side points nearer to top or table than this may belong to those."""
_ROBUST_M = 0.003
_FITS_M = 0.006
_CUT_SHARE = 0.05
"""Share of the table's outline at the image's border from which on the table is called cut."""
_BOX_LIKE = 0.8
"""Share of the edge points that a box explains."""
_STRAY = 0.035
"""How far the outline of a box's top may stray from straight edges, in its mean width; or by a pixel, if that is
more. Real depth of a cracker box strayed by 0.033, rendered bottles by 0.05 and more."""


@dataclass(frozen=True)
class FittedBox:
    """A box on the table, in the level frame (axes of the world)."""

    size_m: tuple[float, float, float]
    position_m: tuple[float, float, float]
    """Its centre."""
    yaw_rad: float
    """In (-pi/4, pi/4]; turning a box further only swaps its edges."""
    explained: float
    """Share of its edge points that lie within 6 mm of its edges: 1 for a box, less for a bottle."""
    outline_rms_m: float
    """How far the outline of its top strays from the rectangle: a pixel for a box, 1/20 of the width for a bottle."""
    pixel_m: float
    """Size of a pixel on its top."""
    cut_by_image: bool
    """It reaches beyond the image, so its size is only what is seen."""

    @property
    def is_box(self) -> bool:
        """Whether a box explains what was seen."""
        width = float(np.sqrt(self.size_m[0] * self.size_m[1]))
        straight = self.outline_rms_m < max(self.pixel_m, _STRAY * width)
        return straight and self.explained >= _BOX_LIKE


def find_boxes(table: LevelTable, camera_matrix: FloatArray) -> list[FittedBox]:
    """Fit a box to each thing that stands on the table, the largest first."""
    height = table.points[..., 2] - table.height_m
    inside = table.measured & (height > _STANDS_M) & (height < _TALLEST_M)
    inside[inside] = _above_table(table, table.points[inside])
    depth = np.where(inside, np.linalg.norm(table.points - table.T_level_camera[:3, 3], axis=-1), 0.0)
    jump = cv2.dilate(depth.astype(np.float32), np.ones((3, 3), np.uint8)) - depth > _CONTINUOUS_M
    count, labels, stats, _ = cv2.connectedComponentsWithStats((inside & ~jump).astype(np.uint8), connectivity=4)
    boxes = []
    for index in np.argsort(-stats[1:, cv2.CC_STAT_AREA]) + 1 if count > 1 else ():
        if stats[index, cv2.CC_STAT_AREA] >= _SMALLEST_PX:
            # Depth jumps cut a margin away; what lies beside the part and at its height belongs to it.
            part = cv2.dilate((labels == index).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & inside
            box = _fit(table, part, height, camera_matrix)
            if box is not None:
                boxes.append(box)
    return boxes


def table_rectangle(table: LevelTable) -> tuple[FittedBox, bool]:
    """The table's upper face as a box of no height, and whether the image cuts it (then it is as large as seen)."""
    seen = _largest_part(table.on_table)
    points = table.points[seen][:, :2]
    edge = seen & (cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    outer = _outline(seen)
    own, at_border = edge & outer & _inner(seen.shape), outer & ~_inner(seen.shape)
    cut = bool(at_border.sum() > _CUT_SHARE * outer.sum())
    if own.sum() > at_border.sum():
        middle, size, yaw, _ = _rectangle(table.points[own][:, :2], points)
    else:  # hardly an edge is seen
        low, high = points.min(axis=0), points.max(axis=0)
        middle, size, yaw = (low + high) / 2, high - low, 0.0
    size_m = (float(size[0]), float(size[1]), 0.0)
    return FittedBox(size_m, (float(middle[0]), float(middle[1]), table.height_m), yaw, 1.0, 0.0, 0.0, cut), cut


def _outline(mask: Mask) -> Mask:
    """The outer border `(H, W)` of a part, without the borders of its holes."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    drawn = np.zeros(mask.shape, dtype=np.uint8)
    cv2.drawContours(drawn, contours, -1, 1, 1)
    return drawn.astype(bool) & mask


def _fit(table: LevelTable, part: Mask, height: FloatArray, camera_matrix: FloatArray) -> FittedBox | None:
    values = height[part]
    bins = np.arange(0.0, _TALLEST_M + 0.004, 0.004)
    counts = np.histogram(values, bins)[0].astype(float)
    smooth = np.convolve(counts, [0.5, 1.0, 0.5], "same") * (bins[:-1] > 0.5 * np.percentile(values, 95))
    top = float(bins[int(np.argmax(smooth))] + 0.002)
    for _ in range(2):
        top = float(np.median(values[np.abs(values - top) < _TOP_BAND_M]))
    on_top = part & (np.abs(height - top) < _TOP_BAND_M)
    if on_top.sum() < _SMALLEST_PX / 3:
        return None
    side = part & (height < top - _SIDE_BAND_M) & (height > _SIDE_BAND_M)
    silhouette = _silhouette(table, on_top, height, top, camera_matrix)
    edges = np.concatenate([silhouette, _thinned(table.points[side][:, :2])])
    if len(edges) < 20:
        return None
    middle, size, yaw, off = _rectangle(edges, np.concatenate([table.points[on_top][:, :2], edges]))
    if min(size) < 0.01:
        return None
    return FittedBox(
        size_m=(float(size[0]), float(size[1]), top),
        position_m=(float(middle[0]), float(middle[1]), table.height_m + top / 2),
        yaw_rad=float(yaw),
        explained=float((np.abs(off) < _FITS_M).mean()),
        outline_rms_m=float(np.sqrt(np.mean(off[: len(silhouette) or None] ** 2))),
        pixel_m=_pixel_size(table.points, on_top),
        cut_by_image=_touches_border(part),
    )


def _silhouette(
    table: LevelTable, on_top: Mask, height: FloatArray, top: float, camera_matrix: FloatArray
) -> FloatArray:
    """Points `(N, 2)` of the top's plane on rays between the last pixel of the top and a first one far below it."""
    filled = cv2.morphologyEx(on_top.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(bool)
    filled &= on_top | ~table.measured  # holes in the depth at an edge belong to the top
    origin, R = table.T_level_camera[:3, 3], table.T_level_camera[:3, :3]
    plane_z = table.height_m + top
    found = []
    for row, column in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beyond = np.roll(filled, (-row, -column), axis=(0, 1))
        further = np.roll(np.where(table.measured, height, -1.0), (-2 * row, -2 * column), axis=(0, 1))
        edge = filled & ~beyond & (further < top - 3 * _TOP_BAND_M) & _inner(filled.shape)
        v, u = np.nonzero(edge)
        if len(u) == 0:
            continue
        pixel = np.stack([u + column / 2, v + row / 2, np.ones(len(u))], axis=1)
        ray = np.linalg.solve(camera_matrix, pixel.T).T @ R.T
        # A side that faces the camera is no silhouette: its points say where it is.
        towards = _outward(table, column, row, v, u)
        away = (towards * (table.points[v, u] - origin)[:, :2]).sum(axis=1) > 0.0
        hit = origin + ray * ((plane_z - origin[2]) / ray[:, 2])[:, None]
        found.append(hit[away][:, :2])
    return np.concatenate(found) if found else np.zeros((0, 2))


def _outward(table: LevelTable, column: int, row: int, v: NDArray[np.int64], u: NDArray[np.int64]) -> FloatArray:
    """Horizontal direction `(N, 2)` in which the image step leads, from the level frame's axes."""
    R = table.T_level_camera[:3, :3]
    step = R @ np.array([float(column), float(row), 0.0])
    return np.broadcast_to(step[:2], (len(v), 2))


def _rectangle(edges: FloatArray, everything: FloatArray) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """The rectangle on whose sides the edge points `(N, 2)` lie: middle, size, yaw, and their distances `(N,)`."""
    (_, _), (_, _), angle = cv2.minAreaRect(everything.astype(np.float32))
    yaw = float(np.radians(angle))
    for _ in range(2):
        local = everything @ _turn(yaw)
        # The start: all but the outermost points, which noise put there.
        low, high = np.percentile(local, 0.5, axis=0), np.percentile(local, 99.5, axis=0)
        side = _nearest_side(edges @ _turn(yaw), low, high)

        def residual(x: FloatArray, side: NDArray[np.int64] = side) -> FloatArray:
            turned = edges @ _turn(x[0])
            return np.asarray(turned[np.arange(len(edges)), side // 2] - x[1 + side])

        start = np.array([yaw, low[0], high[0], low[1], high[1]])
        known = np.isin(np.arange(4), side)
        free = np.concatenate([[True], known])

        def reduced(y: FloatArray, start: FloatArray = start, free: Mask = free) -> FloatArray:
            x = start.copy()
            x[free] = y
            return residual(x)

        fit = least_squares(reduced, start[free], loss="soft_l1", f_scale=_ROBUST_M)
        start[free] = fit.x
        yaw = float(start[0])
        off = residual(start)
    low, high = start[[1, 3]], start[[2, 4]]
    size = high - low
    middle = _turn(yaw) @ ((low + high) / 2)
    while yaw > np.pi / 4 or yaw <= -np.pi / 4:
        yaw, size = yaw - np.sign(yaw) * np.pi / 2, size[::-1]
    return np.asarray(middle), np.asarray(size), float(yaw), off


def _nearest_side(local: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.int64]:
    """Which side `(N,)` each point is nearest to: 0 and 1 low and high of the first axis, 2 and 3 of the second."""
    off = np.stack([local[:, 0] - low[0], high[0] - local[:, 0], local[:, 1] - low[1], high[1] - local[:, 1]])
    return np.asarray(np.abs(off).argmin(axis=0))


def _pixel_size(points: FloatArray, mask: Mask) -> float:
    """The longer edge of a pixel's footprint [m], median over a part."""
    below = mask & np.roll(mask, -1, axis=0)
    beside = mask & np.roll(mask, -1, axis=1)
    steps = [
        float(np.median(np.linalg.norm((np.roll(points, -1, axis=axis) - points)[both][:, :2], axis=1)))
        for axis, both in ((0, below), (1, beside))
        if both.any()
    ]
    return max(steps, default=0.0)


def _turn(yaw: float) -> FloatArray:
    """Matrix whose columns are the rectangle's axes; `points @ it` are coordinates along them."""
    return np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])


def _above_table(table: LevelTable, points: FloatArray) -> Mask:
    """Which points `(N, 3)` stand over the seen part of the table, a little margin included."""
    hull = cv2.convexHull(table.points[_largest_part(table.on_table)][:, :2].astype(np.float32))[:, 0]
    hull = cv2.approxPolyDP(hull, 0.004, True)[:, 0].astype(float)
    edge = np.roll(hull, -1, axis=0) - hull
    normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1) / np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-9)
    offset = (normal * hull).sum(axis=1)
    sign = np.sign(offset.sum() - (normal @ hull.mean(axis=0)).sum())
    over = (points[:, :2] @ (sign * normal).T - sign * offset).max(axis=-1)
    return np.asarray(over < 0.02)


def _largest_part(mask: Mask) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return mask if count < 2 else labels == int(np.argmax(stats[1:, cv2.CC_STAT_AREA])) + 1


def _touches_border(mask: Mask, margin: int = 3) -> bool:
    return bool((mask & ~_inner(mask.shape, margin)).sum() > 10)


def _inner(shape: tuple[int, ...], margin: int = 3) -> Mask:
    inner = np.zeros(shape, dtype=bool)
    inner[margin:-margin, margin:-margin] = True
    return inner


def _thinned(points: FloatArray, most: int = 600) -> FloatArray:
    return points[:: max(1, len(points) // most)]
