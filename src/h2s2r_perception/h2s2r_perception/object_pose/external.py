"""Poses that another process estimates from our images: are they current, plausible and confirmed by the image?

That process (FoundationPose as a ROS node) answers later, says nothing about how sure it is, and needs a mask of the
object to start from. So images are kept until their answer comes, and every answer is compared with its own image.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.agreement import GOOD_CONFIDENCE, PoseChecker
from h2s2r_perception.object_pose.protocol import FloatArray
from h2s2r_perception.segmentation import Workspace, plane_from_height, propose_masks

_KEPT_IMAGES = 15
"""Half a second at 30 Hz: an older answer is of no use to a controller."""
_LOST_FRAMES = 3


@dataclass(frozen=True)
class ExternalConfiguration:
    """When the other process is not believed."""

    least_overlap: float = 0.2
    """Of the drawn object with what looks like it, as in the published system's code."""
    largest_speed: float = 2.0
    """Of the object's middle [m/s]; a faster one jumped. People move things at less than 1 m/s."""
    mismatch_s: float = 1.0
    """Refused for so long, it is asked to register afresh, as in the published system."""
    stale_s: float = 0.5
    """Without an answer for so long, it is not running."""


@dataclass(frozen=True, eq=False)
class ExternalPose:
    """What became of one answer."""

    T_world_object: FloatArray
    """`(4, 4)` [m] as it was answered."""
    confidence: float
    """In [0, 1]."""
    refused: str
    """Why it must not be used: `unconfirmed`, `jump`; empty when it may."""
    lost: bool
    """Several in a row were refused."""


class ExternalPoseChecker:
    """Remembers the last images, the last good pose, and since when there is none.

    Args:
        model: The object.
        T_world_camera: `(4, 4)` [m] pose of the optical frame.
        workspace: Where the object may be, and the height of the table.
        configuration: The defaults when None.
    """

    def __init__(
        self,
        model: ObjectModel,
        T_world_camera: FloatArray,
        workspace: Workspace,
        configuration: ExternalConfiguration | None = None,
    ) -> None:
        self._settings = configuration or ExternalConfiguration()
        self._model = model
        self._T_world_camera = T_world_camera
        self._workspace = workspace
        self._checker = PoseChecker(model)
        self._checker.set_table_plane(plane_from_height(T_world_camera, workspace.table_height_m))
        self._images: OrderedDict[int, tuple[NDArray[np.uint8], NDArray[np.float32], FloatArray]] = OrderedDict()
        self._answered_ns: int | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the object: its next pose may be anywhere."""
        self._checker.forget_colours()
        self._known_colours = False
        self._good: tuple[int, FloatArray] | None = None
        self._refused_since_ns: int | None = None
        self._refused = 0
        self._mask: NDArray[np.bool_] | None = None

    def see(
        self, stamp_ns: int, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: FloatArray
    ) -> NDArray[np.bool_] | None:
        """Take an image that the other process will answer.

        Returns:
            Pixels `(H, W)` it may register the object from, or None where nothing looks like it.
        """
        self._images[stamp_ns] = rgb, depth_m, camera_matrix
        while len(self._images) > _KEPT_IMAGES:
            self._images.popitem(last=False)
        if self._mask is not None and self._refused == 0:
            return self._mask
        masks = propose_masks(rgb, depth_m, camera_matrix, self._T_world_camera, self._workspace, self._model)
        return masks[0] if masks else None

    def judge(self, stamp_ns: int, T_camera_object: FloatArray) -> ExternalPose | None:
        """Take an answer, the pose `(4, 4)` [m] of the mesh in the image of that stamp; None for an image long gone."""
        images = self._images.pop(stamp_ns, None)
        if images is None:
            return None
        self._answered_ns = stamp_ns
        found = self._checker.check(*images, T_camera_object)
        T_world_object = self._T_world_camera @ T_camera_object
        refused = ""
        if found.confidence < GOOD_CONFIDENCE or found.overlap < self._settings.least_overlap:
            refused = "unconfirmed"
        elif self._jumped(stamp_ns, T_world_object):
            refused = "jump"
        if refused:
            self._refused += 1
            self._refused_since_ns = stamp_ns if self._refused_since_ns is None else self._refused_since_ns
        else:
            self._refused, self._refused_since_ns = 0, None
            self._good, self._mask = (stamp_ns, T_world_object), found.mask
            if not self._known_colours:
                self._checker.learn_colours(*images, T_camera_object)
                self._known_colours = True
        return ExternalPose(T_world_object, found.confidence, refused, lost=self._refused >= _LOST_FRAMES)

    def must_register(self, stamp_ns: int) -> bool:
        """Whether its answers were refused for so long that it should look for the object afresh; said once."""
        since = self._refused_since_ns
        if since is None or stamp_ns - since < self._settings.mismatch_s * 1e9:
            return False
        self.reset()
        return True

    def is_stale(self, stamp_ns: int) -> bool:
        """Whether no answer came for too long before an image of this stamp."""
        return self._answered_ns is None or stamp_ns - self._answered_ns > self._settings.stale_s * 1e9

    def _jumped(self, stamp_ns: int, T_world_object: FloatArray) -> bool:
        """Farther from the last good pose than the object can have moved since."""
        if self._good is None:
            return False
        last_ns, T_last = self._good
        middle = np.append(self._model.centre, 1.0)
        moved = np.linalg.norm(((T_world_object - T_last) @ middle)[:3])
        return bool(moved > self._settings.largest_speed * max((stamp_ns - last_ns) * 1e-9, 1.0 / 30.0))
