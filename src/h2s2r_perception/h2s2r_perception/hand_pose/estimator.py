"""What a hand pose estimator takes and gives.

Joint order everywhere (MANO and MediaPipe agree): wrist, then thumb, index, middle, ring and little
finger, four joints each from the base to the tip. Frames are those of the camera: x right, y down,
z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class HandLandmarks:
    """A hand in one colour image, before depth is used."""

    pixels: NDArray[np.float64]
    """`(21, 2)` joints in the image [px], x right, y down."""
    shape_m: NDArray[np.float64]
    """`(21, 3)` the hand's shape [m] about any origin, axes roughly those of the camera."""
    score: float
    """Of the detector, in [0, 1]."""
    right: bool
    """Whether the detector takes it for a right hand; unreliable when seen edge on."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What depth says about the landmarks of one image."""

    joint_depth: NDArray[np.float64]
    """`(21,)` depth of each joint's centre [m], NaN where unknown."""
    hidden: NDArray[np.bool_]
    """`(21,)` joints that lie behind another finger or an object, whose depth that is."""
    rigid: NDArray[np.float64]
    """`(21, 3)` the detected shape as one rigid body, camera frame [m]."""


@dataclass(frozen=True, eq=False)
class HandEstimate:
    """A hand in the camera frame."""

    joints_camera: NDArray[np.float64]
    """`(21, 3)` joint centres [m]."""
    confidence: float
    """In (0, 1]: the chance that the joints are less than 2 cm off on average, for the estimators calibrated so."""
    pixels: NDArray[np.float64]
    """`(21, 2)` the landmarks that it was lifted from [px]."""
    right: bool = True
    """Whether it looks like a right hand."""
    measured: Measured | None = None
    """What it was fitted to, for those who fit again when the whole recording is known; None where not kept."""
    seen: NDArray[np.bool_] | None = None
    """`(21,)` joints that agree with their own measured depth; None where that is not known."""


class HandPoseEstimator(Protocol):
    """Estimates the hand frame by frame, in the order of time; it may remember the last frames."""

    def estimate(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: NDArray[np.float64]
    ) -> HandEstimate | None:
        """Find the hand in one frame.

        Args:
            rgb: Colour `(H, W, 3)`, red first.
            depth_m: Depth `(H, W)` [m] along the optical axis, 0 where unknown, aligned to colour.
            camera_matrix: Intrinsics `(3, 3)` [px] of both.

        Returns:
            The hand, or None where none is seen.
        """

    def close(self) -> None:
        """Release what the estimator holds; it is not used again."""
