"""The default estimator: Gauss-Newton on the signed distance, outline, colour, and what to do when lost.

The mask decides everything (`facts`: a hand that touches the object steals a tracker without one). So a
measured point belongs to the object only if it lies near the surface at the predicted pose, has a colour
learned at registration, and is not part of the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_from_vector, vector_from_rotation
from h2s2r_perception.image_points import Crop, crop_around, heights_above, project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.free_space import TABLE_SKIN_M, FreeSpace, background_mask
from h2s2r_perception.object_pose.protocol import FloatArray, PoseEstimate
from h2s2r_perception.object_pose.refinement import Terms, distance_to_surface, refine
from h2s2r_perception.object_pose.registration import Evidence, find_pose, subset
from h2s2r_perception.object_pose.signed_distance import signed_distance_field
from h2s2r_perception.object_pose.visibility import confidence, visible_surface

_BORDER_PX = 20
_CROP_PIXELS = 9000
_BAND_M = 0.02
"""A point this near the predicted surface may be the object's."""
_POINTS, _SAMPLES = 900, 600
_LAST_SCALE_M = 0.005
_SCALES_M = tuple(np.geomspace(0.02, _LAST_SCALE_M, 9))
"""The robust scale of each step: from how far off a point may lead the way to how near it must lie in the end."""
_VELOCITY_SHARE = 0.8
"""How much of the last frame's motion is expected again."""
_GOOD = 0.5
_LOST_FRAMES = 3
_RETRY_FRAMES = 5
_SMALLEST_MASK = 40
"""Points; fewer say nothing about a pose."""


@dataclass(frozen=True)
class _View:
    """One image, seen from the pose expected in it."""

    crop: Crop
    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    points: NDArray[np.float32]
    """`(h, w, 3)` [m], camera frame."""
    height_m: FloatArray | None
    """`(h, w)` [m] above the table, if known."""
    colour_matches: NDArray[np.bool_]


class SignedDistanceTracker:
    """An `ObjectPoseEstimator` for any watertight mesh; texture helps but is not needed.

    Args:
        model: The object.
        device: Where torch works; `cpu` or `cuda`.
    """

    def __init__(self, model: ObjectModel, device: str = "cpu") -> None:
        self._model = model
        self._field = signed_distance_field(model, device)
        self._samples = subset(model.points, _SAMPLES)
        self._plane: FloatArray | None = None
        self._camera_matrix: FloatArray | None = None
        self._colour = ColourModel(None)
        self._T = np.eye(4)
        self._T_previous = np.eye(4)
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
        self._colour = ColourModel(None)
        T = self._find(rgb, depth_m, mask)
        self._T = self._T_previous = T
        self._bad_frames = 0
        estimate = self._refined(rgb, depth_m, T)
        if estimate.confidence >= _GOOD:
            self._colour = self._learned_colours(rgb, depth_m)
        return estimate

    def track(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> PoseEstimate:
        """Follow the object; see `ObjectPoseEstimator.track`."""
        if self._camera_matrix is None:
            raise RuntimeError("track() before register()")
        if self._bad_frames >= _LOST_FRAMES and self._bad_frames % _RETRY_FRAMES == 0:
            return self._relocalise(rgb, depth_m)
        return self._refined(rgb, depth_m, self._predicted())

    def _learned_colours(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> ColourModel:
        """Colours of what lies on the registered surface, against those round its outline."""
        view = self._view(rgb, depth_m, self._T)
        assert view is not None
        silhouette = visible_surface(self._model, self._T, self._K, view.crop, _BORDER_PX).silhouette
        on_surface = (view.depth_m > 0) & silhouette
        on_surface[on_surface] = self._near_surface(view.points[on_surface], self._T, _LAST_SCALE_M)
        outline = cv2.dilate(silhouette.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        return ColourModel.learn(view.rgb, on_surface, ~outline)

    def _predicted(self) -> FloatArray:
        """Constant velocity in the object's frame, damped."""
        motion = inverse(self._T_previous) @ self._T
        turn = rotation_from_vector(_VELOCITY_SHARE * vector_from_rotation(motion[:3, :3]))
        return np.asarray(self._T @ pose(turn, _VELOCITY_SHARE * motion[:3, 3]))

    def _refined(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], T_start: FloatArray) -> PoseEstimate:
        """Gauss-Newton from a start, then the verdict; a bad pose is not kept."""
        view = self._view(rgb, depth_m, T_start)
        if view is None:
            return self._bad(rgb)
        T, mine = self._solve(view, T_start)
        if not np.all(np.isfinite(T)):
            return self._bad(rgb)
        surface = visible_surface(self._model, T, self._K, view.crop, _BORDER_PX)
        score = confidence(surface, view.depth_m, view.colour_matches)
        if score < _GOOD:
            return self._bad(rgb, score)
        self._T_previous, self._T = (self._T, T) if self._bad_frames == 0 else (T, T)
        self._bad_frames = 0
        self._mask = view.crop.full_mask(mine & surface.silhouette, rgb.shape)
        return PoseEstimate(T, score, lost=False)

    def _bad(self, rgb: NDArray[np.uint8], score: float = 0.0) -> PoseEstimate:
        """Hold the last good pose, standing still; after a few such frames it is lost."""
        self._bad_frames += 1
        self._T_previous = self._T
        self._mask = np.zeros(rgb.shape[:2], dtype=bool)
        return PoseEstimate(self._T, score, lost=self._bad_frames >= _LOST_FRAMES)

    @property
    def _K(self) -> FloatArray:
        assert self._camera_matrix is not None
        return self._camera_matrix

    def _view(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], T: FloatArray) -> _View | None:
        centred = self._model.vertices @ T[:3, :3].T + T[:3, 3]
        if centred[:, 2].min() < 0.05:
            return None
        crop = crop_around(
            project(self._K, centred), depth_m.shape, border_px=_BORDER_PX, largest_pixel_count=_CROP_PIXELS
        )
        return None if crop is None else self._view_of(crop, rgb, depth_m)

    def _view_of(self, crop: Crop, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> _View:
        depth = np.ascontiguousarray(crop.of(depth_m))
        points = (crop.rays(self._K) * depth[..., None]).astype(np.float32)
        height_m = None if self._plane is None else heights_above(self._plane, points)
        colour = np.ascontiguousarray(crop.of(rgb))
        return _View(crop, colour, depth, points, height_m, self._colour.matches(colour))

    def _solve(self, view: _View, T_start: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Refine a pose in a view; also return the view's pixels that belong to the object there."""
        surface = visible_surface(self._model, T_start, self._K, view.crop, _BORDER_PX)
        background = background_mask(view.depth_m, surface.outline_m, view.height_m)
        background &= surface.outline_m > 0
        free_space = FreeSpace.of(background, view.crop, self._K)
        usable = (view.depth_m > 0) & view.colour_matches
        if view.height_m is not None:
            usable &= view.height_m > TABLE_SKIN_M
        near = self._near_surface(view.points[usable], T_start, _BAND_M)
        points = subset(view.points[usable][near], _POINTS)
        refined = T_start
        if len(points) >= _SMALLEST_MASK:
            terms = Terms(points, free_space, self._samples_above_table(T_start))
            refined = refine(self._field, terms, T_start[None], _SCALES_M)[0]
        mine = np.zeros(view.depth_m.shape, dtype=bool)
        mine[usable] = self._near_surface(view.points[usable], refined, 2.0 * _LAST_SCALE_M)
        return refined, mine

    def _near_surface(self, points: NDArray[np.float32], T: FloatArray, band_m: float) -> NDArray[np.bool_]:
        """Which points `(P, 3)` of the camera's frame lie within a band of the surface at a pose."""
        return np.asarray(np.abs(distance_to_surface(self._field, T, points)) < band_m)

    def _samples_above_table(self, T: FloatArray) -> NDArray[np.float32]:
        """Surface samples that stand clear of the table: its skin counts as background."""
        if self._plane is None:
            return self._samples
        clear = heights_above(self._plane, self._samples @ T[:3, :3].T + T[:3, 3]) > 2.0 * TABLE_SKIN_M
        return self._samples[clear]

    def _find(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], mask: NDArray[np.bool_]) -> FloatArray:
        """Sweep over all rotations for the object in a mask `(H, W)`."""
        row, column = np.nonzero(mask & (depth_m > 0))
        if len(row) < _SMALLEST_MASK:
            raise InputError(
                "object mask",
                "pixels with depth",
                found=str(len(row)),
                expected=f"at least {_SMALLEST_MASK}",
                remedy="give a box or click on the object where depth is measured",
            )
        pixels = np.stack([column, row], axis=1).astype(np.float64)
        crop = crop_around(pixels, depth_m.shape, border_px=3 * _BORDER_PX, largest_pixel_count=_CROP_PIXELS)
        assert crop is not None
        view = self._view_of(crop, rgb, depth_m)
        mine = np.ascontiguousarray(crop.of(mask)) & (view.depth_m > 0)
        if view.height_m is not None:
            mine &= view.height_m > TABLE_SKIN_M
        middle = np.median(view.points[mine], axis=0)
        near = np.linalg.norm(view.points - middle, axis=-1) < self._model.diameter
        mine &= near
        own_depth = np.where(mine, view.depth_m, 0.0).astype(np.float32)
        reach = 2 * max(_BORDER_PX // crop.stride, 1) + 1
        outline = cv2.dilate(own_depth, np.ones((reach, reach), np.uint8))
        reference = np.where(outline > 0, outline, middle[2]).astype(np.float32)
        background = background_mask(view.depth_m, reference, view.height_m) & ~mine
        free_space = FreeSpace.of(background, crop, self._K)
        evidence = Evidence(view.points[mine], free_space, crop, self._K, view.rgb, view.depth_m, mine)
        T, _ = find_pose(self._model, self._field, evidence)
        return T

    def _relocalise(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> PoseEstimate:
        """Look for the object afresh among what has its colour near where it was last seen."""
        centre = self._T[:3, :3] @ self._model.centre + self._T[:3, 3]
        half = self._model.diameter * self._K[0, 0] / max(centre[2], 0.1)
        corner = project(self._K, centre[None])[0]
        pixels = np.stack([corner - half, corner + half])
        crop = crop_around(pixels, depth_m.shape, border_px=0, largest_pixel_count=_CROP_PIXELS)
        if crop is None:
            return self._bad(rgb)
        view = self._view_of(crop, rgb, depth_m)
        usable = (view.depth_m > 0) & view.colour_matches
        usable &= np.linalg.norm(view.points - centre, axis=-1) < self._model.diameter
        if view.height_m is not None:
            usable &= view.height_m > TABLE_SKIN_M
        mask = crop.full_mask(_largest_part(usable), rgb.shape)
        if np.count_nonzero(mask & (depth_m > 0)) < 4 * _SMALLEST_MASK:
            return self._bad(rgb)
        return self._refined(rgb, depth_m, self._find(rgb, depth_m, mask))


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask, small gaps closed and specks removed."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return mask
    return np.asarray(mask & (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))))
