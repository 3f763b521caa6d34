"""Finds the object's pose in one image: many rotations at once, refined, then judged by rendering.

1. A sweep over evenly spread rotations, each with the translation that lays its visible side on the
   measured points, refined by a few Gauss-Newton steps on few points: one batch.
2. The best, without duplicates, refined on more points.
3. Rendered depth and colour decide: depth alone can hardly tell a box from itself turned by 180 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose
from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.free_space import FreeSpace
from h2s2r_perception.object_pose.ray_casting import render
from h2s2r_perception.object_pose.refinement import Terms, costs, refine
from h2s2r_perception.object_pose.rotations import super_fibonacci
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField

_ROTATIONS = 384
_SWEEP_POINTS, _SWEEP_STEPS = 150, 8
_REFINED, _REFINE_POINTS, _REFINE_STEPS = 32, 600, 12
_RENDERED = 10
_DUPLICATE_RAD, _DUPLICATE_M = 0.15, 0.01
_DEPTH_AGREES_M = 0.008
_COLOUR_SHARE = 0.5
"""Weight of the colour correlation against the share of agreeing depth pixels."""


@dataclass(frozen=True)
class Evidence:
    """What one image says about the object."""

    points: NDArray[np.float32]
    """Measured points `(P, 3)` [m] of the object, camera frame."""
    free_space: FreeSpace
    crop: Crop
    camera_matrix: FloatArray
    rgb: NDArray[np.uint8]
    """`(h, w, 3)` over the crop."""
    depth_m: NDArray[np.float32]
    """`(h, w)` [m] over the crop."""
    mask: NDArray[np.bool_]
    """`(h, w)` over the crop."""

    def terms(self, model: ObjectModel, count: int) -> Terms:
        """The same for the least squares, with at most so many points and samples."""
        return Terms(subset(self.points, count), self.free_space, subset(model.points, count))


def find_pose(model: ObjectModel, field: SignedDistanceField, evidence: Evidence) -> tuple[FloatArray, float]:
    """The best pose `T_camera_object (4, 4)` [m] and its score (at most `1 + _COLOUR_SHARE`)."""
    judged = evidence.terms(model, _REFINE_POINTS)
    T = refine(field, evidence.terms(model, _SWEEP_POINTS), _start_poses(model, evidence.points), _scales(_SWEEP_STEPS))
    T = _distinct(T[np.argsort(costs(field, judged, T))], _REFINED)
    T = refine(field, judged, T, _scales(_REFINE_STEPS))
    candidates = _distinct(T[np.argsort(costs(field, judged, T))], _RENDERED)
    scores = [render_score(model, candidate, evidence) for candidate in candidates]
    best = int(np.argmax(scores))
    return candidates[best], scores[best]


def subset(points: NDArray, count: int) -> NDArray[np.float32]:
    """At most `count` of the points `(P, 3)`, the same every time."""
    if len(points) > count:
        points = points[np.random.default_rng(0).choice(len(points), count, replace=False)]
    return np.ascontiguousarray(points, dtype=np.float32)


def _scales(steps: int) -> list[float]:
    """The robust scale [m] shrinks step by step."""
    return [float(scale_m) for scale_m in np.geomspace(0.04, 0.008, steps)]


def render_score(model: ObjectModel, T_camera_object: FloatArray, evidence: Evidence) -> float:
    """Share of agreeing depth pixels plus weighted colour correlation."""
    rendering = render(model, T_camera_object, evidence.camera_matrix, evidence.crop)
    rendered, measured = rendering.depth_m > 0, evidence.depth_m > 0
    difference = evidence.depth_m - rendering.depth_m
    mine = evidence.mask & measured
    agrees = rendered & mine & (np.abs(difference) < _DEPTH_AGREES_M)
    seen_through = rendered & measured & ~evidence.mask & (difference > _DEPTH_AGREES_M)
    unexplained = mine & ~agrees
    total = agrees.sum() + seen_through.sum() + unexplained.sum()
    score = float(agrees.sum() / max(total, 1))
    if rendering.rgb is not None and agrees.sum() > 20:
        score += _COLOUR_SHARE * _colour_correlation(rendering.rgb, evidence.rgb, agrees)
    return score


def _colour_correlation(rendered: NDArray[np.uint8], measured: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Correlation in [-1, 1] over all three Lab channels together; brightness and contrast cancel out."""
    parts = []
    for image in (rendered, measured):
        lab = cv2.cvtColor(cv2.GaussianBlur(image, (3, 3), 0), cv2.COLOR_RGB2LAB)[where].astype(np.float64)
        parts.append((lab - lab.mean(axis=0)).reshape(-1))
    norm = np.linalg.norm(parts[0]) * np.linalg.norm(parts[1])
    return float(parts[0] @ parts[1] / max(norm, 1e-9))


def _start_poses(model: ObjectModel, points: NDArray) -> FloatArray:
    """`(_ROTATIONS, 4, 4)`: the middle of the side turned to the camera lies on the middle of the points."""
    rotation = super_fibonacci(_ROTATIONS)
    middle = np.median(points, axis=0)
    view = middle / np.linalg.norm(middle)
    towards = np.maximum(0.0, -np.einsum("nk,rlk,l->rn", model.normals, rotation, view))
    visible = towards @ model.points / towards.sum(axis=1, keepdims=True)
    position = middle - np.einsum("rkl,rl->rk", rotation, visible)
    return np.asarray(pose(rotation, position))


def _distinct(T: FloatArray, count: int) -> FloatArray:
    """The first `count` poses, best first, that differ from all better ones."""
    kept: list[int] = []
    for index in np.flatnonzero(np.isfinite(T).all(axis=(1, 2))):
        if kept:
            cosine = (np.einsum("bij,ij->b", T[kept, :3, :3], T[index, :3, :3]) - 1.0) / 2.0
            distance = np.linalg.norm(T[kept, :3, 3] - T[index, :3, 3], axis=1)
            if np.any((cosine > np.cos(_DUPLICATE_RAD)) & (distance < _DUPLICATE_M)):
                continue
        kept.append(int(index))
        if len(kept) == count:
            break
    return T[kept]
