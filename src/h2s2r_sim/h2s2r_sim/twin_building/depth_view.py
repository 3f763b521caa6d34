"""One quiet depth image of a scene: the median over frames, without what is to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop
from h2s2r_perception.recording import Recording

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST_FRAMES = 15
"""The noise of a median falls with the root of the number; more than these change nothing that matters."""
_SMALLEST_SHARE = 0.05


@dataclass(frozen=True)
class DepthView:
    """Depth of a scene that stands still, from one camera."""

    depth_m: FloatArray
    """`(H, W)` [m] along the optical axis, 0 where nothing was measured or it is left out."""
    camera_matrix: FloatArray
    """`(3, 3)` [px]."""
    T_world_camera: FloatArray
    """`(4, 4)` [m], as stated; the scene may say otherwise."""

    def camera_points(self) -> FloatArray:
        """Points `(H, W, 3)` [m] in the camera's frame; the origin where there is no depth."""
        height, width = self.depth_m.shape
        return np.asarray(Crop(0, 0, width, height, 1).rays(self.camera_matrix) * self.depth_m[..., None])


def median_depth(recording: Recording, frames: Sequence[int], left_out: Sequence[Mask] = ()) -> DepthView:
    """The median of each pixel over frames.

    Args:
        recording: A Recording whose scene stands still in these frames.
        frames: Their numbers; up to fifteen, evenly taken from them, are read.
        left_out: Masks `(H, W)` of what does not belong to the scene (object, hand).

    Raises:
        InputError: There are no such frames, or hardly any depth in them.
    """
    frames = [frame for frame in frames if 0 <= frame < recording.frame_count]
    if not frames:
        raise InputError(
            recording.folder,
            "frames",
            found="none of these",
            expected=f"0 to {recording.frame_count - 1}",
            remedy="correct --frames",
        )
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).round().astype(int))
    stack = np.stack([recording.depth_m(frames[int(index)]) for index in chosen]).astype(np.float64)
    stack[stack <= 0.0] = np.nan
    measured = np.isfinite(stack).any(axis=0)
    depth = np.zeros(stack.shape[1:])
    depth[measured] = np.nanmedian(stack[:, measured], axis=0)
    for mask in left_out:
        depth[mask] = 0.0
    share = float((depth > 0).mean())
    if share < _SMALLEST_SHARE:
        raise InputError(
            recording.folder / "depth",
            "measured pixels",
            found=f"{100 * share:.1f} %",
            expected=f"at least {100 * _SMALLEST_SHARE:.0f} %",
            remedy="record with the depth stream on, 0.4 to 1.5 m from the table",
        )
    return DepthView(depth, recording.camera_matrix, recording.T_world_camera)


def box_mask(box: tuple[int, int, int, int], shape: tuple[int, int]) -> Mask:
    """The pixels `(H, W)` inside x0, y0, x1, y1."""
    mask = np.zeros(shape, dtype=bool)
    mask[max(box[1], 0) : max(box[3], 0), max(box[0], 0) : max(box[2], 0)] = True
    return mask
