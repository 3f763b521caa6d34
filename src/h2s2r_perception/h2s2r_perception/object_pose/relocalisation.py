"""Finds a lost object again, near where it was, within one frame's time.

What may be the object (its colours, not the table, not what stood there before) is cut into parts. In each
part poses are tried: the last rotation and its neighbours, and all rotations coarsely. A few steps of least
squares, then the judgement of `visibility`, in which the print decides between turns that shape cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import FloatArray, project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.appearance import Appearance
from h2s2r_perception.object_pose.free_space import FreeSpace, background_mask
from h2s2r_perception.object_pose.refinement import Terms, costs, refine
from h2s2r_perception.object_pose.registration import distinct, start_positions, subset
from h2s2r_perception.object_pose.rotations import super_fibonacci
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField
from h2s2r_perception.object_pose.view import View
from h2s2r_perception.object_pose.visibility import judge, visible_surface

_PARTS = 2
_SMALLEST_SHARE = 0.15
"""Of the area the object had; a smaller part is a glimpse between fingers."""
_SWEPT, _NEAR_ANGLES_RAD = 64, (-0.9, -0.6, -0.3, 0.3, 0.6, 0.9)
_SWEEP_POINTS, _SWEEP_SCALES_M = 120, tuple(np.geomspace(0.04, 0.01, 6))
_KEPT, _POINTS, _SCALES_M = 10, 300, tuple(np.geomspace(0.02, 0.006, 8))
_FAR_PENALTY = 0.05
"""Taken off the score for each radian turned and each 10 cm moved since the object was seen."""


@dataclass(frozen=True)
class LastSeen:
    """Where the object was before it was lost."""

    T_camera_object: FloatArray
    """`(4, 4)` [m]."""
    reach_m: float
    """How far it may have moved since."""


def relocalise(
    model: ObjectModel,
    field: SignedDistanceField,
    view: View,
    camera_matrix: FloatArray,
    last: LastSeen,
    appearance: Appearance,
    noise_m: float,
) -> FloatArray | None:
    """The best pose `(4, 4)` [m] in a view, `None` when nothing in it can be the object."""
    T = last.T_camera_object
    centre = T[:3, :3] @ model.centre + T[:3, 3]
    usable = view.candidates
    usable &= np.linalg.norm(view.points - centre, axis=-1) < last.reach_m + 0.5 * model.diameter
    area = visible_surface(model, T, camera_matrix, view.crop, view.border_px).silhouette.sum()
    best: tuple[float, FloatArray | None] = (0.0, None)
    for part in parts(usable, view.depth_m, max(_SMALLEST_SHARE * float(area), 40.0)):
        terms = _terms(model, view, part, camera_matrix)
        starts = _starts(model, T, view.points[part])
        coarse = Terms(subset(terms.points, _SWEEP_POINTS), terms.free_space, terms.samples[:_SWEEP_POINTS])
        swept = refine(field, coarse, starts, _SWEEP_SCALES_M)
        swept = distinct(swept[np.argsort(costs(field, coarse, swept))], _KEPT)
        stayed = refine(field, coarse, starts[: 2 + 2 * len(_NEAR_ANGLES_RAD)], _SCALES_M)
        for candidate in refine(field, terms, np.concatenate([swept, stayed]), _SCALES_M):
            if not np.all(np.isfinite(candidate)):
                continue
            surface = visible_surface(model, candidate, camera_matrix, view.crop, view.border_px)
            verdict = judge(surface, view, appearance, candidate[:3, :3], noise_m)
            covered = surface.silhouette[part].mean()
            turn = _turn(candidate, T, model.symmetry)
            shift = np.linalg.norm(candidate[:3, :3] @ model.centre + candidate[:3, 3] - centre)
            score = verdict.agreement * covered * min(1.0, verdict.explained / 0.3)
            score -= _FAR_PENALTY * (turn + shift / 0.1)
            if score > best[0]:
                best = (score, candidate)
    return best[1]


def parts(usable: NDArray[np.bool_], depth_m: NDArray[np.float32], smallest_px: float) -> list[NDArray[np.bool_]]:
    """The largest connected parts of a mask `(h, w)`, cut where depth jumps, small gaps closed."""
    depth = np.where(usable, depth_m, 0.0).astype(np.float32)
    jump = usable & (cv2.dilate(depth, np.ones((3, 3), np.uint8)) - depth > 0.03)
    closed = cv2.morphologyEx((usable & ~jump).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    order = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA])
    found = [usable & (labels == label) for label in order[:_PARTS] if count > 1]
    return [part for part in found if part.sum() >= smallest_px]


def _terms(model: ObjectModel, view: View, part: NDArray[np.bool_], camera_matrix: FloatArray) -> Terms:
    own = np.where(part, view.depth_m, 0.0).astype(np.float32)
    reach = 2 * max(view.border_px // view.crop.stride, 1) + 1
    outline = cv2.dilate(own, np.ones((reach, reach), np.uint8))
    reference = np.where(outline > 0, outline, np.median(view.depth_m[part])).astype(np.float32)
    free = (background_mask(view.depth_m, reference, view.height_m) | view.still) & ~part
    free_space = FreeSpace.of(free, view.crop, camera_matrix)
    return Terms(subset(view.points[part], _POINTS), free_space, subset(model.points, _POINTS))


def _starts(model: ObjectModel, T_last: FloatArray, points: NDArray[np.float32]) -> FloatArray:
    """The last rotation, its neighbours about each axis, and all rotations coarsely; laid on the points."""
    turns = [np.zeros(3)] + [angle * axis for axis in np.eye(3) for angle in (*_NEAR_ANGLES_RAD, np.pi)]
    near = T_last[:3, :3] @ rotation_from_vector(np.array(turns))
    rotation = np.concatenate([near, super_fibonacci(_SWEPT)])
    laid = pose(rotation, start_positions(model, rotation, points))
    return np.concatenate([T_last[None], laid])


def _turn(T: FloatArray, T_last: FloatArray, symmetry: str) -> float:
    """Angle [rad] between two poses; turns about z do not count when nobody can see them."""
    if symmetry == "yaw":
        cosine = float(T[:3, 2] @ T_last[:3, 2])
    else:
        cosine = (float(np.trace(T[:3, :3].T @ T_last[:3, :3])) - 1.0) / 2.0
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))


def search_pixels(model: ObjectModel, camera_matrix: FloatArray, last: LastSeen) -> FloatArray:
    """Corners `(2, 2)` [px] of the part of the image the object can be in."""
    T = last.T_camera_object
    centre = T[:3, :3] @ model.centre + T[:3, 3]
    half = (0.5 * model.diameter + last.reach_m) * camera_matrix[[0, 1], [0, 1]] / max(centre[2], 0.1)
    middle = project(camera_matrix, centre[None])[0]
    return np.stack([middle - half, middle + half])
