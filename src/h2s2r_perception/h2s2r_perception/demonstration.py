"""The Demonstration artefact: what the human did, as object and hand paths in the world frame.

demonstration/
  masks/%05d.png         where the object was seen (uint8, 0 or 255)
  ob_in_cam/%05d.txt     T_camera_object, 4x4, metres (the layout of FoundationPose)
  overlay.mp4            the estimates drawn over the video, to judge by eye
  demonstration.npz      the arrays of `Demonstration`
  meta.json
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, Schema, read_meta

SCHEMA = Schema("demonstration", 1)
ARRAYS = "demonstration.npz"
JOINTS = 21
_REMEDY = "make it again with `h2s2r perceive`"
_ORTHONORMAL_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Demonstration:
    """Object and hand paths of one demonstration, in the world frame (robot base, z up).

    Joint order of the hand (MANO and MediaPipe agree): wrist, then thumb, index, middle, ring and
    little finger, four joints each from the base to the tip.
    """

    stamp_ns: NDArray[np.int64]
    """`(T,)` time of each frame, strictly increasing."""
    T_world_object: NDArray[np.float64]
    """`(T, 4, 4)` object poses [m]."""
    object_confidence: NDArray[np.float64]
    """`(T,)` in [0, 1]; below 0.5 where the object was out of sight and its path bridged, less the longer."""
    hand_joints_world: NDArray[np.float64]
    """`(T, 21, 3)` hand joints [m]; a frame without a hand is NaN throughout."""
    hand_confidence: NDArray[np.float64]
    """`(T,)` in [0, 1]; 0 exactly where the joints are NaN."""
    motion_start: int
    """First frame in which the object moves."""
    motion_end: int
    """Last frame in which the object moves (inclusive)."""
    premanipulation_index: int
    """Frame whose hand pose starts the robot: shortly before `motion_start`."""

    @classmethod
    def load(cls, folder: Path) -> Demonstration:
        """Read a Demonstration folder and check everything in it.

        Raises:
            InputError: The folder is no Demonstration, is of a newer schema, or an array is missing
                or breaks a rule stated at its field.
        """
        folder = Path(folder)
        read_meta(folder, SCHEMA, remedy=_REMEDY)
        path = folder / ARRAYS
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(path, "content", found=str(error), expected="NumPy arrays", remedy=_REMEDY) from error
        for field in fields(cls):
            if field.name not in arrays:
                _refuse(path, field.name, "nothing", "an array of this name")
        values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        values.update({name: _index(path, name, values[name]) for name in _INDICES})
        demonstration = cls(**values)
        demonstration.validate(path)
        return demonstration

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder that is being made by `artefact.writing`.

        Raises:
            InputError: An array breaks a rule stated at its field.
        """
        self.validate(folder)
        np.savez_compressed(folder / ARRAYS, **{field.name: getattr(self, field.name) for field in fields(self)})

    def validate(self, source: Path) -> None:
        """Check shapes, types, finiteness, order in time and index ranges.

        Args:
            source: Named in errors.

        Raises:
            InputError: Naming the first array that is wrong.
        """
        frames = len(self.stamp_ns) if np.ndim(self.stamp_ns) == 1 else 0
        if frames < 2 or self.stamp_ns.dtype != np.int64:
            found = f"{self.stamp_ns.dtype} of shape {self.stamp_ns.shape}"
            _refuse(source, "stamp_ns", found, "int64 of shape (T,) with T of at least 2")
        if not (np.diff(self.stamp_ns) > 0).all():
            frame = int(np.argmin(np.diff(self.stamp_ns) > 0)) + 1
            _refuse(source, "stamp_ns", f"no increase at frame {frame}", "strictly increasing stamps")
        for name, tail in _SHAPES.items():
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != (frames, *tail):
                _refuse(source, name, f"{array.dtype} of shape {array.shape}", f"float64 of shape {(frames, *tail)}")
        _check_poses(source, self.T_world_object)
        for name in ("object_confidence", "hand_confidence"):
            confidence = getattr(self, name)
            if not ((confidence >= 0.0) & (confidence <= 1.0)).all():
                _refuse(source, name, "values outside [0, 1]", "confidences in [0, 1]")
        self._check_hand(source)
        self._check_indices(source, frames)

    def _check_hand(self, source: Path) -> None:
        seen = np.isfinite(self.hand_joints_world).all(axis=(1, 2))
        absent = np.isnan(self.hand_joints_world).all(axis=(1, 2))
        if not (seen | absent).all():
            frame = int(np.argmin(seen | absent))
            _refuse(source, "hand_joints_world", f"a partly unknown hand in frame {frame}", "whole hands or all NaN")
        if not ((self.hand_confidence > 0.0) == seen).all():
            frame = int(np.argmin((self.hand_confidence > 0.0) == seen))
            _refuse(source, "hand_confidence", f"a contradiction in frame {frame}", "0 exactly where the hand is NaN")

    def _check_indices(self, source: Path, frames: int) -> None:
        start, end, before = self.motion_start, self.motion_end, self.premanipulation_index
        if not 0 <= before <= start < end < frames:
            found = f"premanipulation_index {before}, motion_start {start}, motion_end {end} of {frames} frames"
            _refuse(source, "motion", found, "0 <= premanipulation_index <= motion_start < motion_end < T")
        if not self.hand_confidence[before] > 0.0:
            _refuse(source, "hand_joints_world", f"no hand at frame {before}", "a hand at premanipulation_index")

    def goal_trajectory(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The object path that the robot is to reproduce: from the first to the last moving frame.

        Reward, goal node and baselines all take it from here.

        Returns:
            `stamp_s (K,)` starting at 0, and `T_world_object (K, 4, 4)`, K of at least 2.
        """
        moving = slice(self.motion_start, self.motion_end + 1)
        stamp_ns = self.stamp_ns[moving]
        return (stamp_ns - stamp_ns[0]) * 1e-9, self.T_world_object[moving].copy()

    @property
    def premanipulation_object(self) -> NDArray[np.float64]:
        """`T_world_object (4, 4)` at the pre-manipulation frame."""
        return self.T_world_object[self.premanipulation_index]


_INDICES = ("motion_start", "motion_end", "premanipulation_index")
_SHAPES: dict[str, tuple[int, ...]] = {
    "T_world_object": (4, 4),
    "object_confidence": (),
    "hand_joints_world": (JOINTS, 3),
    "hand_confidence": (),
}


def _check_poses(source: Path, T: NDArray[np.float64]) -> None:
    finite = np.isfinite(T).all(axis=(1, 2))
    if not finite.all():
        _refuse(source, "T_world_object", f"a non-finite pose in frame {int(np.argmin(finite))}", "finite poses")
    R = T[:, :3, :3]
    skewed = np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max(axis=(1, 2)) > _ORTHONORMAL_TOLERANCE
    wrong = skewed | (np.linalg.det(R) < 0.0) | (np.abs(T[:, 3] - [0.0, 0.0, 0.0, 1.0]).max(axis=1) > 1e-9)
    if wrong.any():
        found = f"no rigid transform in frame {int(np.argmax(wrong))}"
        _refuse(source, "T_world_object", found, "orthonormal right-handed rotations and a last row 0 0 0 1")


def _index(source: Path, name: str, value: NDArray[Any]) -> int:
    if value.shape != () or value.dtype.kind not in "iu":
        _refuse(source, name, f"{value.dtype} of shape {value.shape}", "one integer")
    return int(value)


def _refuse(source: Path, field: str, found: str, expected: str) -> None:
    raise InputError(source, field, found=found, expected=expected, remedy=_REMEDY)
