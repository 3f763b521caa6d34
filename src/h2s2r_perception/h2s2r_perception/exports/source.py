"""What every writer takes: the Recording, and what is known of object and hand in its frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.accuracy import GROUND_TRUTH, read_ground_truth
from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.geometry import inverse, transform_points
from h2s2r_perception.recording import Recording

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExportSource:
    """A Recording and what perception, or the truth, says about it."""

    recording: Recording
    T_camera_object: FloatArray | None = None
    """`(T, 4, 4)` [m] as perceived; NaN in frames where the object is unknown."""
    T_camera_truth: FloatArray | None = None
    """`(T, 4, 4)` [m] the object by the ground truth; NaN where it has none."""
    hand_joints_camera: FloatArray | None = None
    """`(T, 21, 3)` [m]; NaN in frames without a hand."""
    masks: Path | None = None
    """Folder of object masks, `%05d.png`."""
    hand_masks: Path | None = None

    @classmethod
    def open(cls, recording: Path, demonstration: Path | None = None, ground_truth: Path | None = None) -> ExportSource:
        """Open the artefacts and check that they are of the same frames.

        Raises:
            InputError: One is unusable, or of another recording.
        """
        opened = Recording.open(recording)
        T_camera_world = inverse(opened.T_world_camera)
        poses = true_poses = hands = masks = hand_masks = None
        if demonstration is not None:
            perceived = Demonstration.load(demonstration)
            _check_stamps(demonstration, perceived.stamp_ns, opened)
            poses = T_camera_world @ perceived.T_world_object
            hands = transform_points(T_camera_world, perceived.hand_joints_world)
            masks, hand_masks = (_folder(demonstration / name) for name in ("masks", "hand_masks"))
        if ground_truth is not None:
            truth = read_ground_truth(ground_truth)
            _check_stamps(ground_truth / GROUND_TRUTH, truth["stamp_ns"], opened)
            true_poses = T_camera_world @ truth["T_world_object"]
        return cls(opened, poses, true_poses, hands, masks, hand_masks)


def _folder(path: Path) -> Path | None:
    return path if path.is_dir() else None


def _check_stamps(source: Path, stamp_ns: NDArray[np.int64], recording: Recording) -> None:
    if not np.array_equal(stamp_ns, recording.stamp_ns):
        raise InputError(
            source,
            "stamp_ns",
            found=f"{len(stamp_ns)} stamps that differ",
            expected=f"the {recording.frame_count} stamps of {recording.folder}",
            remedy="perceive this recording first",
        )
