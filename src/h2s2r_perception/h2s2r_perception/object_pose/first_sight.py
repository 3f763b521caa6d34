"""The object in a mask, with no idea of its pose; a mask that lost the handle is looked at once more."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.appearance import Appearance, gray_slopes
from h2s2r_perception.object_pose.background import StaticBackground
from h2s2r_perception.object_pose.colour_model import ColourModel
from h2s2r_perception.object_pose.free_space import FreeSpace, background_mask
from h2s2r_perception.object_pose.registration import Evidence, find_pose
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField
from h2s2r_perception.object_pose.view import Image, View, crop_of_pixels, view_of
from h2s2r_perception.object_pose.visibility import visible_surface

SMALLEST_MASK = 40
"""Points; fewer say nothing about a pose."""
SEARCH_BORDER_PX = 24
"""How far round a mask, or round where it was lost, the object is looked for."""
_GROWN_SHARE = 0.02
"""Of the mask; as much more in the object's colours is looked at again."""
_BLUR_M = 0.0015


def find_in_mask(
    model: ObjectModel,
    field: SignedDistanceField,
    image: Image,
    mask: NDArray[np.bool_],
    plane: FloatArray | None,
    appearance: Appearance,
) -> FloatArray:
    """Pose `T_camera_object (4, 4)` [m] of the object in a mask `(H, W)`.

    Args:
        model: The object.
        field: Its signed distance.
        image: Colour and depth.
        mask: The object's pixels, perhaps not all of them.
        plane: The table `(4,)`, camera frame, if known.
        appearance: Left as learned at the pose found.

    Raises:
        InputError: The mask holds too little depth.
    """
    row, column = np.nonzero(mask & (image.depth_m > 0))
    if len(row) < SMALLEST_MASK:
        raise InputError(
            "object mask",
            "pixels with depth",
            found=str(len(row)),
            expected=f"at least {SMALLEST_MASK}",
            remedy="give a box or click on the object where depth is measured",
        )
    crop = crop_of_pixels(np.stack([column, row], axis=1).astype(np.float64), SEARCH_BORDER_PX, image)
    assert crop is not None
    view = view_of(image, crop, SEARCH_BORDER_PX, plane, ColourModel(None), StaticBackground())
    mine = np.ascontiguousarray(crop.of(mask)) & view.candidates
    T, _ = find_pose(model, field, _evidence(model, image, view, mine), appearance)
    grown = _grown(model, image, view, mine, T)
    if np.count_nonzero(grown & ~mine) < _GROWN_SHARE * np.count_nonzero(mine):
        return T
    return find_pose(model, field, _evidence(model, image, view, grown), appearance)[0]


def view_slopes(image: Image, view: View, distance_m: float) -> NDArray[np.float32]:
    """Slopes of the grey image `(h, w, 3)` over a view, blurred alike on an object whatever its distance [m]."""
    blur_px = _BLUR_M * image.camera_matrix[0, 0] / max(distance_m, 0.1)
    return gray_slopes(np.ascontiguousarray(view.crop.of(image.gray)), view.crop.stride, blur_px)


def _grown(
    model: ObjectModel, image: Image, view: View, mine: NDArray[np.bool_], T_camera_object: FloatArray
) -> NDArray[np.bool_]:
    """The object's pixels `(h, w)` and what touches them in its colours."""
    silhouette = visible_surface(model, T_camera_object, image.camera_matrix, view.crop, view.border_px).silhouette
    outside = ~cv2.dilate((silhouette | mine).astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    colour = ColourModel.learn(view.rgb, mine, outside)
    if colour.probability is None or not outside.any():
        return mine
    centre = T_camera_object[:3, :3] @ model.centre + T_camera_object[:3, 3]
    usable = view.candidates & colour.matches(view.rgb)
    usable &= np.linalg.norm(view.points - centre, axis=-1) < 0.6 * model.diameter
    count, labels = cv2.connectedComponents((usable | mine).astype(np.uint8))
    own = np.bincount(labels[mine], minlength=count)
    own[0] = 0
    return np.asarray(mine | (usable & (labels == int(np.argmax(own)))))


def _evidence(model: ObjectModel, image: Image, view: View, mine: NDArray[np.bool_]) -> Evidence:
    """What a view says about the object, given its pixels `(h, w)`."""
    middle = np.median(view.points[mine], axis=0)
    mine = mine & (np.linalg.norm(view.points - middle, axis=-1) < model.diameter)
    own_depth = np.where(mine, view.depth_m, 0.0).astype(np.float32)
    reach = 2 * max(view.border_px // view.crop.stride, 1) + 1
    outline = cv2.dilate(own_depth, np.ones((reach, reach), np.uint8))
    reference = np.where(outline > 0, outline, middle[2]).astype(np.float32)
    free = background_mask(view.depth_m, reference, view.height_m) & ~mine
    return Evidence(
        view.points[mine],
        FreeSpace.of(free, view.crop, image.camera_matrix),
        view.crop,
        image.camera_matrix,
        view.rgb,
        view.depth_m,
        mine,
        view_slopes(image, view, float(middle[2])),
    )
