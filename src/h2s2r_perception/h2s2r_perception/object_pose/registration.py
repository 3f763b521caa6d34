"""Finds the object's pose in one image: many poses at once, refined, then judged.

1. A sweep over evenly spread rotations, each with the translation that lays its visible side on the
   measured points, refined by a few Gauss-Newton steps on few points: one batch.
2. The best, without duplicates, refined on more points.
3. Each of the best is also turned about its own axes: a vessel hardly shows in its shape which way it is
   turned, and the sweep is too coarse for a handle.
4. Depth, outline and print decide together, since depth alone can hardly tell a box from itself turned by
   180 degrees; the print then pulls the best into place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.appearance import Appearance
from h2s2r_perception.object_pose.free_space import FreeSpace
from h2s2r_perception.object_pose.ray_casting import render
from h2s2r_perception.object_pose.refinement import Terms, costs, distance_to_surface, refine
from h2s2r_perception.object_pose.rotations import super_fibonacci
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField
from h2s2r_perception.object_pose.visibility import EXPLAINED_M, visible_surface

_ROTATIONS = 384
_SWEEP_POINTS, _SWEEP_STEPS = 150, 8
_REFINED, _POINTS, _REFINE_STEPS = 32, 600, 12
_TURNED, _TURN_STEPS, _TURNS = 5, 6, 72
_TURN_POINTS = 300
_WORSE = 0.15
"""A turned pose whose cost is this much above the best is none."""
_JUDGED, _PLACED, _PLACE_ROUNDS = 150, 12, 3
_EXACT_POINTS = 3000
_EXACT_SCALES_M = tuple(np.geomspace(0.02, 0.004, 20))
"""Two sides of a plain bottle differ by tenths of a millimetre: they are compared where each fits best."""
_DUPLICATE_RAD, _DUPLICATE_M = 0.06, 0.01
_COLOUR_SHARE = 0.5
"""Weight of how well the print explains the colours against how well the shape explains the depth."""
_DIRECTIONS, _CELLS = 200, 40

_middles: dict[str, tuple[FloatArray, FloatArray]] = {}


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
    slopes: NDArray[np.float32]
    """`(h, w, 3)` over the crop, as `refinement.Terms` has them."""

    def terms(self, model: ObjectModel, count: int) -> Terms:
        """The same for the least squares, with at most so many points and samples."""
        return Terms(
            subset(self.points, count),
            self.free_space,
            subset(model.points, count),
            hold_yaw=model.symmetry == "yaw",
        )


def find_pose(
    model: ObjectModel, field: SignedDistanceField, evidence: Evidence, appearance: Appearance
) -> tuple[FloatArray, float]:
    """The best pose `T_camera_object (4, 4)` [m] and its score (at most `1 + _COLOUR_SHARE`).

    `appearance` is left as learned there.
    """
    judged = evidence.terms(model, _POINTS)
    T = refine(field, evidence.terms(model, _SWEEP_POINTS), _start_poses(model, evidence.points), _scales(_SWEEP_STEPS))
    T = distinct(T[np.argsort(costs(field, judged, T))], _REFINED)
    T = refine(field, judged, T, _scales(_REFINE_STEPS))
    T = distinct(T[np.argsort(costs(field, judged, T))], _TURNED)
    T = _with_turns(model, field, evidence, T)
    candidates = distinct(T[np.argsort(costs(field, judged, T))], _JUDGED)
    scores = [_score(model, field, evidence, appearance, candidate) for candidate in candidates]
    best = [candidates[index] for index in np.argsort(scores)[::-1][:_PLACED]]
    placed = [_placed(model, field, evidence, appearance, candidate) for candidate in best]
    scores = [
        _score(model, field, evidence, appearance, candidate) + _drawn_share(model, candidate, evidence)
        for candidate in placed
    ]
    chosen = placed[int(np.argmax(scores))]
    # Once more, so that the appearance is left as it was learned at the chosen pose.
    return chosen, _score(model, field, evidence, appearance, chosen)


def subset(points: NDArray, count: int) -> NDArray[np.float32]:
    """At most `count` of the points `(P, 3)`, the same every time."""
    if len(points) > count:
        points = points[np.random.default_rng(0).choice(len(points), count, replace=False)]
    return np.ascontiguousarray(points, dtype=np.float32)


def _scales(steps: int) -> list[float]:
    """The robust scale [m] shrinks step by step."""
    return [float(scale_m) for scale_m in np.geomspace(0.04, 0.008, steps)]


def _with_turns(model: ObjectModel, field: SignedDistanceField, evidence: Evidence, T: FloatArray) -> FloatArray:
    """Poses `(B, 4, 4)` and what remains of them turned about their own axes, refined."""
    terms = evidence.terms(model, _TURN_POINTS)
    angles = 2.0 * np.pi * np.arange(1, _TURNS) / _TURNS
    axes = np.eye(3)[:2] if model.symmetry == "yaw" else np.eye(3)
    R = rotation_from_vector((angles[:, None, None] * axes).reshape(-1, 3))
    about_centre = pose(R, model.centre - R @ model.centre)
    turned = (T[:, None] @ about_centre).reshape(-1, 4, 4)
    cost = costs(field, terms, turned)
    turned = turned[cost < costs(field, terms, T).min() + _WORSE]
    return np.concatenate([T, refine(field, terms, turned, _scales(_TURN_STEPS)[2:])])


def _placed(
    model: ObjectModel,
    field: SignedDistanceField,
    evidence: Evidence,
    appearance: Appearance,
    T_camera_object: FloatArray,
) -> FloatArray:
    """A pose `(4, 4)` pulled into place by its print, whose shading is learned on the way, or by its shape alone."""
    T = T_camera_object
    terms = evidence.terms(model, _POINTS)
    for _ in range(_PLACE_ROUNDS):
        surface = visible_surface(model, T, evidence.camera_matrix, evidence.crop, 0)
        appearance.forget()
        row, column = surface.pixels.T
        here = np.abs(evidence.depth_m[row, column] - surface.depth_m) < EXPLAINED_M
        appearance.learn(surface.index[here], T[:3, :3], evidence.rgb[row[here], column[here]])
        printed = appearance.rows(T, terms.free_space.frame, surface.inner_m)
        if len(printed) == 0:
            return refine(field, evidence.terms(model, _EXACT_POINTS), T[None], _EXACT_SCALES_M)[0]
        with_print = Terms(
            terms.points,
            terms.free_space,
            terms.samples,
            slopes=evidence.slopes,
            printed=printed,
            hold_yaw=terms.hold_yaw,
        )
        T = refine(field, with_print, T[None], _scales(_TURN_STEPS)[2:])[0]
    return T


def _score(
    model: ObjectModel,
    field: SignedDistanceField,
    evidence: Evidence,
    appearance: Appearance,
    T_camera_object: FloatArray,
) -> float:
    """Agreement of shape and measured depth, in [0, 1], plus weighted share of the colours the print explains."""
    if not np.all(np.isfinite(T_camera_object)):
        return -1.0
    surface = visible_surface(model, T_camera_object, evidence.camera_matrix, evidence.crop, 0)
    row, column = surface.pixels.T
    measured = evidence.depth_m[row, column]
    difference = measured - surface.depth_m
    explained = (measured > 0) & (np.abs(difference) < EXPLAINED_M) & evidence.mask[row, column]
    seen_through = (measured > 0) & (difference > EXPLAINED_M) & ~evidence.mask[row, column]
    off = np.abs(distance_to_surface(field, T_camera_object, subset(evidence.points, 4 * _POINTS))) / EXPLAINED_M
    # Half by how many points are explained, half by how well: two sides of a bottle differ by millimetres.
    near = 0.5 * float((off < 1.0).mean()) + 0.5 * float(1.0 - np.minimum(off, 1.0).mean())
    shape = float(explained.sum()) / max(float(explained.sum() + seen_through.sum()), 1.0) * near
    appearance.forget()
    colours = evidence.rgb[row[explained], column[explained]]
    appearance.learn(surface.index[explained], T_camera_object[:3, :3], colours)
    explains = appearance.explains(surface.index[explained], T_camera_object[:3, :3], colours)
    return shape + _COLOUR_SHARE * explains


def _drawn_share(model: ObjectModel, T_camera_object: FloatArray, evidence: Evidence) -> float:
    """Share of agreeing pixels, in [0, 1], of those where the drawn model or the mask says the object is."""
    drawn_m = render(model, T_camera_object, evidence.camera_matrix, evidence.crop).depth_m
    drawn, measured = drawn_m > 0, evidence.depth_m > 0
    difference = evidence.depth_m - drawn_m
    mine = evidence.mask & measured
    agrees = drawn & mine & (np.abs(difference) < EXPLAINED_M)
    seen_through = drawn & measured & ~evidence.mask & (difference > EXPLAINED_M)
    unexplained = mine & ~agrees
    return float(agrees.sum()) / max(float(agrees.sum() + seen_through.sum() + unexplained.sum()), 1.0)


def _start_poses(model: ObjectModel, points: NDArray) -> FloatArray:
    """`(_ROTATIONS, 4, 4)`: the middle of the side turned to the camera lies on the middle of the points."""
    rotation = super_fibonacci(_ROTATIONS)
    return np.asarray(pose(rotation, start_positions(model, rotation, points)))


def start_positions(model: ObjectModel, rotation: FloatArray, points: NDArray) -> FloatArray:
    """Positions `(R, 3)` [m] for rotations `(R, 3, 3)`: what is seen of the object lies on the points' middle."""
    middle = points.mean(axis=0)
    towards = -np.einsum("rkl,k->rl", rotation, middle / np.linalg.norm(middle))
    directions, visible = _visible_middles(model)
    nearest = np.argmax(towards @ directions.T, axis=1)
    return np.asarray(middle - np.einsum("rkl,rl->rk", rotation, visible[nearest]))


def _visible_middles(model: ObjectModel) -> tuple[FloatArray, FloatArray]:
    """Directions `(D, 3)` to a far camera, and the middle `(D, 3)` [m] of what it sees; once for each mesh.

    The far wall of a vessel faces the camera too, but the near one hides it.
    """
    if model.sha256 not in _middles:
        turn = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(_DIRECTIONS)
        z = 1.0 - 2.0 * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
        flat = np.sqrt(1.0 - z * z)
        directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
        _middles[model.sha256] = directions, np.array([_visible_middle(model, way) for way in directions])
    return _middles[model.sha256]


def _visible_middle(model: ObjectModel, towards_camera: FloatArray) -> FloatArray:
    u = np.cross(towards_camera, np.eye(3)[np.argmin(np.abs(towards_camera))])
    u /= np.linalg.norm(u)
    v = np.cross(towards_camera, u)
    facing = model.normals @ towards_camera
    points, weight = model.points[facing > 0.0] - model.centre, facing[facing > 0.0]
    cell = np.stack([points @ u, points @ v], axis=1) / model.diameter * _CELLS + 0.5 * _CELLS
    column, row = np.clip(cell.astype(int), 0, _CELLS - 1).T
    distance = -points @ towards_camera
    nearest = np.full((_CELLS, _CELLS), np.inf, dtype=np.float32)
    np.minimum.at(nearest, (row, column), distance.astype(np.float32))
    hiding = cv2.erode(nearest, np.ones((3, 3), np.uint8))
    weight = weight * (distance < hiding[row, column] + 0.04 * model.diameter)
    return np.asarray(model.centre + weight @ points / weight.sum())


def distinct(T: FloatArray, count: int) -> FloatArray:
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
