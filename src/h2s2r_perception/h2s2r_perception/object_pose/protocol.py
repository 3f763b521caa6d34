"""What every object-pose estimator promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PoseEstimate:
    """One frame's answer; the pose is finite even when the object is lost."""

    T_camera_object: FloatArray
    """`(4, 4)` [m], pose of the mesh's frame in the optical frame; the last good one when lost."""
    confidence: float
    """In [0, 1]: how much of the model's visible surface the image confirms."""
    lost: bool
    """Do not use the pose."""


class ObjectPoseEstimator(Protocol):
    """Finds a known object and follows it, one image pair after the other."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels `(H, W)` of the last image that belong to the object."""
        ...

    def set_table_plane(self, plane: FloatArray | None) -> None:
        """Name the plane the object may rest on, `(4,)` as in `segmentation.table_plane`; none by default."""
        ...

    def register(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        mask: NDArray[np.bool_],
    ) -> PoseEstimate:
        """Find the object with no idea of its pose.

        Args:
            rgb: `(H, W, 3)` uint8.
            depth_m: `(H, W)` [m], 0 = invalid, aligned to colour.
            camera_matrix: `(3, 3)` [px]; kept for `track`.
            mask: `(H, W)`, which pixels belong to the object.

        Raises:
            InputError: The mask holds too little depth.
        """
        ...

    def track(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> PoseEstimate:
        """Follow the object into the next image; finds it again by itself when it was lost.

        Raises:
            RuntimeError: `register` was never called.
        """
        ...
