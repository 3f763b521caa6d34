"""Points of the image that stick to the object: they turn with it where its shape does not show the turn.

Corners are followed from image to image (Lucas and Kanade) and remembered where they sit on the surface, so
that errors do not add up from one image to the next, as long as the corner lives.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray, project
from h2s2r_perception.object_pose.refinement import NO_FEATURES, project_to_surface
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField

_WANTED, _FEWEST = 60, 35
_WINDOW_PX, _LEVELS = 13, 2
_THERE_AND_BACK_PX = 0.7
_STRAY_PX = 2.5
"""A corner this far from where the pose puts it has slipped off."""
_GRAZING = -0.3
"""Cosine between line of sight and outward normal, above which a corner is seen too flat."""
_WEIGHT = 2.0
_QUALITY, _SPACING_PX = 0.02, 5
_CONTRAST = 4e-5
"""Smallest eigenvalue of a corner, on a scale of 1 for black and white: less is noise."""


class AnchoredFeatures:
    """Remembers corners: where they sit on the object, its normal there, where they were seen last.

    Args:
        field: The object's signed distance.
    """

    def __init__(self, field: SignedDistanceField) -> None:
        self._field = field
        self.forget()

    def forget(self) -> None:
        """Begin anew: the object was lost."""
        self._body: NDArray[np.float32] = np.zeros((0, 3), dtype=np.float32)
        self._normal = self._body
        self._pixel: NDArray[np.float32] = np.zeros((0, 2), dtype=np.float32)
        self._gray: NDArray[np.uint8] | None = None

    def follow(
        self, gray: NDArray[np.uint8], region: Crop, T_camera_object: FloatArray, camera_matrix: FloatArray
    ) -> NDArray[np.float32]:
        """Find the corners in the next image `(H, W)`, given its region and the pose expected in it.

        Returns:
            `(F, 6)` as `refinement.Terms` has them.
        """
        if self._gray is None or len(self._body) == 0:
            return NO_FEATURES
        corner = np.array([region.x0, region.y0], dtype=np.float32)
        before, now = _part(self._gray, region), _part(gray, region)
        start = (self._pixel - corner).reshape(-1, 1, 2)
        expected = project(camera_matrix, self._body @ T_camera_object[:3, :3].T + T_camera_object[:3, 3])
        guess = (expected.astype(np.float32) - corner).reshape(-1, 1, 2)
        found, good = _flow(before, now, start, guess)
        back, good_back = _flow(now, before, found, start.copy())
        returned = np.linalg.norm((back - start)[:, 0], axis=1) < _THERE_AND_BACK_PX
        kept = good & good_back & returned
        self._body, self._normal = self._body[kept], self._normal[kept]
        self._pixel = found[kept, 0] + corner
        weight = np.full((len(self._body), 1), _WEIGHT, dtype=np.float32)
        return np.ascontiguousarray(np.concatenate([self._body, self._pixel, weight], axis=1), dtype=np.float32)

    def settle(
        self,
        gray: NDArray[np.uint8],
        T_camera_object: FloatArray,
        camera_matrix: FloatArray,
        own: NDArray[np.bool_],
        depth_m: NDArray[np.float32],
        crop: Crop,
    ) -> None:
        """Drop what slipped or turned away at the pose now known, look for new corners when few are left.

        Args:
            gray: `(H, W)`, the image in which the pose holds.
            T_camera_object: `(4, 4)` [m].
            camera_matrix: `(3, 3)` [px].
            own: Pixels `(h, w)` of the object, over the crop.
            depth_m: `(h, w)` [m], over the crop.
            crop: Of the image.
        """
        R, t = T_camera_object[:3, :3], T_camera_object[:3, 3]
        point = self._body @ R.T + t
        stray = np.linalg.norm(project(camera_matrix, point) - self._pixel, axis=1) > _STRAY_PX
        sight = point / np.linalg.norm(point, axis=1, keepdims=True)
        kept = ~stray & (np.einsum("pk,pk->p", sight, self._normal @ R.T) < _GRAZING)
        self._body, self._normal, self._pixel = self._body[kept], self._normal[kept], self._pixel[kept]
        self._gray = gray
        if len(self._body) < _FEWEST:
            self._add(T_camera_object, camera_matrix, own, depth_m, crop)

    def _add(
        self,
        T: FloatArray,
        camera_matrix: FloatArray,
        own: NDArray[np.bool_],
        depth_m: NDArray[np.float32],
        crop: Crop,
    ) -> None:
        assert self._gray is not None
        # Corners at the outline belong to the outline, not to the object.
        inner = cv2.erode(own.astype(np.uint8), np.ones((5, 5), np.uint8))
        size = (crop.x1 - crop.x0, crop.y1 - crop.y0)
        wanted = cv2.resize(inner, (inner.shape[1] * crop.stride, inner.shape[0] * crop.stride), interpolation=0)
        wanted = np.ascontiguousarray(wanted[: size[1], : size[0]])
        for x, y in np.rint(self._pixel - (crop.x0, crop.y0)).astype(int).tolist():
            cv2.circle(wanted, (x, y), _SPACING_PX, 0, -1)
        view = _part(self._gray, crop)
        corners = cv2.goodFeaturesToTrack(view, _WANTED - len(self._body), _QUALITY, _SPACING_PX, mask=wanted)
        if corners is None:
            return
        corners = corners[:, 0]
        strength = cv2.cornerMinEigenVal(view, 3)[corners[:, 1].astype(int), corners[:, 0].astype(int)]
        corners = corners[strength > _CONTRAST]
        column, row = (corners.astype(int) // crop.stride).T
        z = depth_m[row, column]
        pixel = corners + np.array([crop.x0, crop.y0], dtype=np.float32)
        ray = (pixel - camera_matrix[:2, 2]) / camera_matrix[[0, 1], [0, 1]]
        point = np.concatenate([ray, np.ones((len(ray), 1))], axis=1) * z[:, None]
        body, normal = project_to_surface(self._field, (point - T[:3, 3]) @ T[:3, :3])
        self._body = np.concatenate([self._body, body])
        self._normal = np.concatenate([self._normal, normal])
        self._pixel = np.concatenate([self._pixel, pixel.astype(np.float32)])


def _part(image: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
    """The crop at full resolution."""
    return np.ascontiguousarray(image[crop.y0 : crop.y1, crop.x0 : crop.x1])


def _flow(
    before: NDArray[np.uint8], now: NDArray[np.uint8], start: NDArray[np.float32], guess: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points `(F, 1, 2)` [px] went, and for which `(F,)` that is known."""
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        start,
        guess,
        winSize=(_WINDOW_PX, _WINDOW_PX),
        maxLevel=_LEVELS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(found, dtype=np.float32), np.asarray(status[:, 0] > 0)
