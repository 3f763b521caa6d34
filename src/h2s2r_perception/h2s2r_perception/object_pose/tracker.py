"""The default estimator: Gauss-Newton on the signed distance, outline, print and features, and what to do when lost.

The mask decides everything (a hand that touches the object steals a tracker without one). So a measured point
belongs to the object only if it lies near the surface at the predicted pose, has a colour learned at
registration, and is neither table nor what stood there before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, pose, rotation_from_vector, vector_from_rotation
from h2s2r_perception.image_points import heights_above
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.appearance import Appearance
from h2s2r_perception.object_pose.background import StaticBackground
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.features import AnchoredFeatures
from h2s2r_perception.object_pose.first_sight import SEARCH_BORDER_PX, SMALLEST_MASK, find_in_mask, view_slopes
from h2s2r_perception.object_pose.free_space import TABLE_SKIN_M, FreeSpace, background_mask
from h2s2r_perception.object_pose.protocol import FloatArray, PoseEstimate
from h2s2r_perception.object_pose.refinement import NO_FEATURES, Terms, compiled, distance_to_surface, refine
from h2s2r_perception.object_pose.registration import subset
from h2s2r_perception.object_pose.relocalisation import LastSeen, relocalise, search_pixels
from h2s2r_perception.object_pose.signed_distance import signed_distance_field
from h2s2r_perception.object_pose.view import Image, View, crop_at, crop_of_pixels, view_of
from h2s2r_perception.object_pose.visibility import Verdict, VisibleSurface, expected_colours, judge, visible_surface

_BAND_M = 0.02
"""A point this near the predicted surface may be the object's."""
_PRINT_BAND_M = 0.012
"""A measurement this near to where the surface is expected may show its print."""
_POINTS, _SAMPLES = 900, 600
_LAST_SCALE_M = 0.005
_NARROW_M, _WIDE_M = (tuple(np.geomspace(first, _LAST_SCALE_M, steps)) for first, steps in ((0.01, 7), (0.02, 9)))
"""The robust scale of each step: from how far off a point may lead the way to how near it must lie in the end.

Where the object goes on as expected, a hand before it is not let in by the narrow ones; the thin wall of a
vessel would be dragged along by it.
"""
_AS_BEFORE = 0.9
"""A pose this nearly as well confirmed as the last one needs no second try."""
_FEATURE_SHARE_BESIDE_PRINT = 0.3
"""The print is where the mesh says, features are where the tracker believed."""
_TURNS, _TURNS_ASKED = 36, 1
_ASKED_SHARE, _LESS_ERROR = 0.9, 0.8
"""A turn is believed when it is confirmed nearly as well as the pose, and its colours are this much nearer."""
_VELOCITY_SHARE = 0.8
"""How much of the last frame's motion is expected again."""
_GOOD, _FOUND = 0.5, 0.6
"""Confidence from which on a pose is kept, and from which on a lost object counts as found."""
_LEARNING = 0.7
"""Confidence from which on background and appearance are learned."""
_ENOUGH_SHARE = 0.25
"""Share of the visible samples that must be explained for full confidence; a hand may cover the rest."""
_LOST_FRAMES = 3
_SPEED_M, _LARGEST_REACH_M = 0.012, 0.30
"""How far the object may move in one frame while nobody sees it, and altogether."""
_SCORES, _CONFIDENCES = (0.0, 0.45, 0.5, 0.7, 0.85, 1.0), (0.0, 0.3, 0.7, 0.95, 0.99, 1.0)
"""How often a pose of a score is within a tenth of the diameter, on the development half of the benchmark."""


@dataclass(frozen=True)
class _Judged:
    """A pose, what should be seen of the object there, and whether it is."""

    T_camera_object: FloatArray
    surface: VisibleSurface
    verdict: Verdict
    score: float


class SignedDistanceTracker:
    """An `ObjectPoseEstimator` for any watertight mesh; texture helps but is not needed.

    Args:
        model: The object.
        device: Where torch works; `cpu` or `cuda`.
    """

    def __init__(self, model: ObjectModel, device: str = "cpu") -> None:
        compiled()  # now, not in the first frame
        self._model = model
        self._field = signed_distance_field(model, device)
        self._samples = subset(model.points, _SAMPLES)
        self._plane: FloatArray | None = None
        self._camera_matrix: FloatArray | None = None
        self._colour = ColourModel(None)
        self._background = StaticBackground()
        self._appearance = Appearance(model)
        self._features = AnchoredFeatures(self._field)
        self._noise_m = 0.0
        self._T = np.eye(4)
        self._T_previous = np.eye(4)
        self._last_score = 0.0
        self._turn = 0
        self._bad_frames = 0
        self._mask: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels `(H, W)` of the last image that belong to the object."""
        return self._mask

    def set_table_plane(self, plane: FloatArray | None) -> None:
        """Name the plane `(4,)` the object may rest on: unit normal away from the table, and offset [m]."""
        self._plane = None if plane is None else np.asarray(plane, dtype=np.float64)

    def register(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        mask: NDArray[np.bool_],
    ) -> PoseEstimate:
        """Find the object anywhere in `mask`; see `ObjectPoseEstimator.register`."""
        self._camera_matrix = np.asarray(camera_matrix, dtype=np.float64)
        self._colour, self._background = ColourModel(None), StaticBackground()
        self._appearance.forget()
        self._features.forget()
        image = Image.of(rgb, depth_m, self._camera_matrix)
        T = find_in_mask(self._model, self._field, image, mask, self._plane, self._appearance)
        self._T = self._T_previous = T
        self._bad_frames, self._noise_m, self._last_score = 0, 0.0, 0.0
        estimate = self._tracked(image, T, _GOOD)
        if self._bad_frames == 0:
            self._learn_at_rest(image)
        return estimate

    def track(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> PoseEstimate:
        """Follow the object; see `ObjectPoseEstimator.track`."""
        if self._camera_matrix is None:
            raise RuntimeError("track() before register()")
        image = Image.of(rgb, depth_m, self._camera_matrix)
        self._background.check(depth_m)
        followed = None
        if self._bad_frames < _LOST_FRAMES:
            followed = self._tracked(image, self._predicted(), _GOOD)
            if self._bad_frames == 0:
                return followed
        bad_frames = self._bad_frames
        found = self._searched(image)
        again = self._bad(image) if found is None else self._tracked(image, found, _FOUND)
        if followed is None or self._bad_frames == 0:
            return again
        self._bad_frames = bad_frames
        return followed

    def _predicted(self) -> FloatArray:
        """Constant velocity in the object's frame, damped."""
        motion = inverse(self._T_previous) @ self._T
        turn = rotation_from_vector(_VELOCITY_SHARE * vector_from_rotation(motion[:3, :3]))
        return np.asarray(self._T @ pose(turn, _VELOCITY_SHARE * motion[:3, 3]))

    def _searched(self, image: Image) -> FloatArray | None:
        """Look for the object near where it was last seen."""
        reach_m = min(0.05 + _SPEED_M * self._bad_frames, _LARGEST_REACH_M)
        last = LastSeen(self._T, reach_m)
        crop = crop_of_pixels(search_pixels(self._model, image.camera_matrix, last), 0, image)
        if crop is None:
            return None
        view = view_of(image, crop, SEARCH_BORDER_PX, self._plane, self._colour, self._background)
        return relocalise(self._model, self._field, view, image.camera_matrix, last, self._appearance, self._noise_m)

    def _tracked(self, image: Image, T_start: FloatArray, wanted: float) -> PoseEstimate:
        """Refine a start and judge the result; a bad pose is not kept."""
        place = crop_at(self._model, T_start, image)
        if place is None:
            return self._bad(image)
        view = view_of(image, *place, self._plane, self._colour, self._background)
        terms = self._terms(image, view, T_start)
        if terms is None:
            return self._bad(image)
        score, best = -1.0, None
        for scales_m in (_NARROW_M, _WIDE_M):
            found = self._judged(image, view, refine(self._field, terms, T_start[None], scales_m)[0])
            if found.score > score:
                score, best = found.score, found
            if score >= max(wanted, _AS_BEFORE * self._last_score):
                break
        if best is None or score < wanted:
            return self._bad(image, max(score, 0.0))
        best = self._turned(image, view, terms, best, _TURNS - 1 if self._bad_frames else _TURNS_ASKED)
        T = best.T_camera_object
        self._T_previous, self._T = (self._T, T) if self._bad_frames == 0 else (T, T)
        self._bad_frames, self._last_score = 0, score
        self._keep(image, view, best.surface, best.verdict, learning=score >= _LEARNING)
        return PoseEstimate(T, _confidence(score), lost=False)

    def _turned(self, image: Image, view: View, terms: Terms, now: _Judged, count: int) -> _Judged:
        """Ask for the next so many turns about z whether the print fits better there: shape may not tell."""
        if self._model.symmetry == "yaw" or not self._appearance.placed:
            return now
        for _ in range(count):
            self._turn = self._turn % (_TURNS - 1) + 1
            angle = 2.0 * np.pi * ((self._turn * 7) % _TURNS) / _TURNS
            R = rotation_from_vector(np.array([0.0, 0.0, angle]))
            asked = self._judged(
                image, view, now.T_camera_object @ pose(R, self._model.centre - R @ self._model.centre)
            )
            if asked.score < _ASKED_SHARE * now.score:
                continue
            if asked.verdict.colour_error < _LESS_ERROR * now.verdict.colour_error:
                still = replace(terms, features=terms.features[:0], printed=terms.printed[:0])
                T = refine(self._field, still, asked.T_camera_object[None], _NARROW_M[-3:])[0]
                asked = self._judged(image, view, T)
                if asked.score > now.score and asked.verdict.colour_error < _LESS_ERROR * now.verdict.colour_error:
                    self._features.forget()
                    self._T_previous = self._T = asked.T_camera_object
                    return asked
        return now

    def _judged(self, image: Image, view: View, T: FloatArray) -> _Judged:
        """A pose and what the view says about it."""
        if not np.all(np.isfinite(T)):
            T = self._T
        surface = visible_surface(self._model, T, image.camera_matrix, view.crop, view.border_px)
        verdict = judge(surface, view, self._appearance, T[:3, :3], self._noise_m)
        score = verdict.agreement * min(1.0, verdict.explained / _ENOUGH_SHARE)
        return _Judged(T, surface, verdict, score)

    def _bad(self, image: Image, score: float = 0.0) -> PoseEstimate:
        """Hold the last good pose, standing still; after a few such frames it is lost."""
        self._bad_frames += 1
        self._T_previous = self._T
        self._features.forget()
        self._mask = np.zeros(image.depth_m.shape, dtype=bool)
        return PoseEstimate(self._T, _confidence(score), lost=self._bad_frames >= _LOST_FRAMES)

    def _terms(self, image: Image, view: View, T_start: FloatArray) -> Terms | None:
        """What a view says about poses near a start; `None` when that is nothing."""
        surface = visible_surface(self._model, T_start, image.camera_matrix, view.crop, view.border_px)
        free = background_mask(view.depth_m, surface.outline_m, view.height_m)
        free |= view.still & (view.depth_m > surface.outline_m - TABLE_SKIN_M)
        free &= surface.outline_m > 0
        usable = view.candidates & expected_colours(surface, view, self._appearance, T_start[:3, :3])
        near = self._near_surface(view.points[usable], T_start, _BAND_M)
        points = subset(view.points[usable][near], _POINTS)
        if len(points) < SMALLEST_MASK:
            return None
        features = NO_FEATURES
        if not self._appearance.plain:
            features = self._features.follow(image.gray, view.crop, T_start, image.camera_matrix)
        free_space = FreeSpace.of(free, view.crop, image.camera_matrix)
        in_view = usable & (np.abs(view.depth_m - surface.inner_m) < _PRINT_BAND_M)
        shown_m = np.where(in_view, surface.inner_m, np.inf).astype(np.float32)
        printed = self._appearance.rows(T_start, free_space.frame, shown_m)
        if len(printed):
            features[:, 5] *= np.float32(_FEATURE_SHARE_BESIDE_PRINT)
        return Terms(
            points,
            free_space,
            self._samples_above_table(T_start),
            features,
            view_slopes(image, view, float(T_start[2, 3])),
            printed,
            hold_yaw=self._model.symmetry == "yaw",
        )

    def _keep(self, image: Image, view: View, surface: VisibleSurface, verdict: Verdict, *, learning: bool) -> None:
        """Remember what a good pose tells about object and background."""
        usable = view.candidates
        mine = np.zeros(view.depth_m.shape, dtype=bool)
        mine[usable] = self._near_surface(view.points[usable], self._T, 2.0 * _LAST_SCALE_M)
        mine &= surface.silhouette
        self._mask = view.crop.full_mask(mine, image.depth_m.shape)
        if not self._appearance.plain:
            self._features.settle(image.gray, self._T, image.camera_matrix, mine, view.depth_m, view.crop)
        if not learning:
            return
        row, column = surface.pixels[verdict.good].T
        self._appearance.learn(surface.index[verdict.good], self._T[:3, :3], view.rgb[row, column])
        own = cv2.dilate(surface.silhouette.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
        self._background.learn(view.crop, view.depth_m, own)
        others = self._background.before(view.crop, view.depth_m) & ~own
        if np.count_nonzero(others) > SMALLEST_MASK:
            self._colour = self._colour.knowing(view.rgb[others])
        residual = view.depth_m[row, column] - surface.depth_m[verdict.good]
        noise_m = 1.48 * float(np.median(np.abs(residual - np.median(residual))))
        self._noise_m = noise_m if self._noise_m == 0.0 else 0.9 * self._noise_m + 0.1 * noise_m

    def _learn_at_rest(self, image: Image) -> None:
        """Colours of what lies on the registered surface against those round it; background everywhere else."""
        place = crop_at(self._model, self._T, image)
        assert place is not None
        view = view_of(image, *place, self._plane, self._colour, self._background)
        surface = visible_surface(self._model, self._T, image.camera_matrix, view.crop, view.border_px)
        on_surface = (view.depth_m > 0) & surface.silhouette
        on_surface[on_surface] = self._near_surface(view.points[on_surface], self._T, _LAST_SCALE_M)
        outline = cv2.dilate(surface.silhouette.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        self._colour = ColourModel.learn(view.rgb, on_surface, ~outline)
        own = cv2.dilate(surface.silhouette.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
        self._background.begin(image.depth_m, view.crop.full_mask(own, image.depth_m.shape))

    def _near_surface(self, points: NDArray[np.float32], T: FloatArray, band_m: float) -> NDArray[np.bool_]:
        """Which points `(P, 3)` of the camera's frame lie within a band of the surface at a pose."""
        return np.asarray(np.abs(distance_to_surface(self._field, T, points)) < band_m)

    def _samples_above_table(self, T: FloatArray) -> NDArray[np.float32]:
        """Surface samples that stand clear of the table: its skin counts as background."""
        if self._plane is None:
            return self._samples
        clear = heights_above(self._plane, self._samples @ T[:3, :3].T + T[:3, 3]) > 2.0 * TABLE_SKIN_M
        return self._samples[clear]


def _confidence(score: float) -> float:
    """How likely a pose of this score is right."""
    return float(np.interp(score, _SCORES, _CONFIDENCES))
