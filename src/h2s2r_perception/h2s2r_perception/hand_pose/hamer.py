"""The published system's hand: HaMeR's mesh, moved to where depth was measured.

HaMeR must be told where the hand is. Best are the masks that SAM 2 makes (`segmentation.sam2_video`); without them
the default estimator finds the hand, and what lies at its depth is the mask.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import transform_points
from h2s2r_perception.hand_pose.depth_alignment import AlignmentConfiguration, align_to_depth
from h2s2r_perception.hand_pose.estimator import HandEstimate, HandPoseEstimator
from h2s2r_perception.hand_pose.hamer_model import HamerModel
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandEstimator
from h2s2r_perception.image_points import project

_PADDING_PX = 5
_SMALLEST_PX = 50
_SKIN_M = 0.03
"""The hand's surface is no farther than this before or behind its joints."""
_MARGIN = 0.3
"""Of the box round the joints, in sizes of it: a hand cut short at the wrist slides along itself in ICP."""


@dataclass(frozen=True)
class HamerConfiguration:
    """Where HaMeR's files are, and how it is shown the hand."""

    data: str = ""
    """HaMeR's `_DATA` folder: `hamer_ckpts/` and `data/mano/MANO_RIGHT.pkl`."""
    hand_masks: str = ""
    """Folder of the hand's masks `%05d.png`, one for each frame; the default estimator looks for it when empty."""
    device: str = "auto"
    """`cuda`, `cpu` (seconds per frame), or `auto`: CUDA where there is one."""
    rescale: float = 2.0
    """HaMeR is shown this many times the box round the hand, as in its demo."""
    alignment: AlignmentConfiguration = field(default_factory=AlignmentConfiguration)


class HamerHandEstimator:
    """A `HandPoseEstimator` for a right hand; counts the frames, since masks are files by number.

    Args:
        configuration: Where HaMeR's files are.
        finder: Finds the hand where no masks are given; the default estimator when None.

    Raises:
        InputError: HaMeR, its weights or MANO is missing.
    """

    def __init__(
        self, configuration: HamerConfiguration | None = None, finder: HandPoseEstimator | None = None
    ) -> None:
        self._settings = configuration or HamerConfiguration()
        if not self._settings.data:
            raise InputError(
                "hamer", "data", found="none given", expected="HaMeR's _DATA folder", remedy="see docs/adapters.md"
            )
        cuda = torch.cuda.is_available()
        device = self._settings.device
        if device.startswith("cuda") and not cuda:
            raise InputError("hamer", "device", found="no CUDA device", expected="one", remedy="use device: auto")
        self._model = HamerModel(
            Path(self._settings.data).expanduser(), ("cuda" if cuda else "cpu") if device == "auto" else device
        )
        self._masks = Path(self._settings.hand_masks).expanduser() if self._settings.hand_masks else None
        self._finder = finder or (MediaPipeHandEstimator() if self._masks is None else None)
        self._index = 0

    def estimate(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: NDArray[np.float64]
    ) -> HandEstimate | None:
        """See `HandPoseEstimator.estimate`."""
        mask, right = self._mask(rgb, depth_m, camera_matrix)
        self._index += 1
        if np.count_nonzero(mask) < _SMALLEST_PX:
            return None
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        box = (x - _PADDING_PX, y - _PADDING_PX, x + width + _PADDING_PX, y + height + _PADDING_PX)
        hand = self._model.reconstruct(rgb, box, camera_matrix, self._settings.rescale)
        aligned = align_to_depth(hand.vertices, hand.faces, depth_m, camera_matrix, mask, self._settings.alignment)
        if aligned is None:
            return None
        joints = transform_points(aligned.T_measured_estimated, hand.joints)
        return HandEstimate(joints, aligned.confidence, project(camera_matrix, hand.joints), right)

    def close(self) -> None:
        """See `HandPoseEstimator.close`."""
        if self._finder is not None:
            self._finder.close()

    def _mask(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], bool]:
        """The hand's pixels `(H, W)`, empty where none is seen, and whether it looks like a right hand."""
        if self._masks is not None:
            return _read_mask(self._masks / f"{self._index:05d}.png", depth_m.shape), True
        assert self._finder is not None
        found = self._finder.estimate(rgb, depth_m, camera_matrix)
        if found is None:
            return np.zeros(depth_m.shape, dtype=bool), True
        return _round_joints(found, depth_m), found.right


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape != shape:
        raise InputError(
            path,
            "hand mask",
            found="no image" if image is None else f"{image.shape[1]}x{image.shape[0]}",
            expected=f"{shape[1]}x{shape[0]}, one for each frame of the recording",
            remedy="write them with h2s2r_perception.segmentation.sam2_video",
        )
    return np.asarray(image > 0)


def _round_joints(found: HandEstimate, depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels in the box round the joints that are measured about as far away as they are."""
    low, high = found.pixels.min(axis=0), found.pixels.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    x0, y0 = np.maximum(np.floor(low - margin), 0).astype(int)
    x1, y1 = np.ceil(high + margin).astype(int) + 1
    z = found.joints_camera[:, 2]
    mask = np.zeros(depth_m.shape, dtype=bool)
    inside = depth_m[y0:y1, x0:x1]
    mask[y0:y1, x0:x1] = (inside > z.min() - _SKIN_M) & (inside < z.max() + _SKIN_M)
    return mask
