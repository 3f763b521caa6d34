"""What every reader of someone else's data takes and gives, so that one function makes the Recording of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.recording import Prompt
from h2s2r_perception.recording.calibration import FloatArray


@dataclass(frozen=True, eq=False)
class ForeignFrame:
    """One frame as a Recording keeps it."""

    stamp_ns: int
    rgb: NDArray[np.uint8]
    """`(H, W, 3)`, red first."""
    depth_mm: NDArray[np.uint16]
    """`(H, W)` [mm], aligned to colour, 0 = invalid."""


@dataclass(frozen=True, eq=False)
class ForeignTruth:
    """Poses that came with the data, one for each frame; NaN where it has none."""

    T_camera_object: FloatArray
    """`(T, 4, 4)` [m], optical frame."""
    hand_joints_camera: FloatArray
    """`(T, 21, 3)` [m], in the order of a Demonstration."""
    origin: str
    """Where they come from, for people."""


@dataclass(frozen=True, eq=False)
class ForeignRecording:
    """Data of others, opened but not yet read."""

    camera_matrix: FloatArray
    """Intrinsics `(3, 3)` [px]."""
    camera_name: str
    frames: Callable[[], Iterator[ForeignFrame]]
    """Reads them one after the other, in the order of strictly increasing stamps."""
    T_world_camera: FloatArray | None = None
    """`(4, 4)` [m], where the data know it."""
    prompt: Prompt | None = None
    truth: ForeignTruth | None = None
    notes: tuple[str, ...] = ()
    """What the user should know: what was assumed, undistorted or left out."""


@dataclass(frozen=True, eq=False)
class ImportOptions:
    """What the data may not say themselves."""

    T_world_camera: FloatArray | None = None
    """Pose `(4, 4)` [m] of the optical frame in the robot's base; wins over the data's own."""
    frame_rate_hz: float = 30.0
    """For layouts without stamps."""
    depth_scale_m: float = 0.001
    """Metres for each step of a depth image, in layouts that do not say: a tenth of a millimetre is common, too."""
    prompt: Prompt | None = None
    """Which object is meant; wins over the data's own."""
    object_name: str | None = None
    """Which of several annotated objects: a BOP object id."""
    colour_topic: str | None = None
    depth_topic: str | None = None
    camera_info_topic: str | None = None
    """Topics of a bag; those of realsense2_camera when None."""
    world_frame: str = "world"
    """The robot's base in a bag's /tf_static."""
    pairing_tolerance_s: float = 0.015
    """Colour and depth of one frame may be this far apart [s]: under half a frame at 30 Hz."""


@dataclass(frozen=True)
class Layout:
    """A format that can be imported."""

    name: str
    description: str
    """For `--help`: what lies where."""
    evidence: Callable[[Path], str | None]
    """What was found that makes it this layout, in words; None when it is another. Cheap, never raises."""
    read: Callable[[Path, ImportOptions], ForeignRecording]


def no_truth(count: int) -> tuple[FloatArray, FloatArray]:
    """Object poses `(T, 4, 4)` and hand joints `(T, 21, 3)`, all unknown, for a reader to fill."""
    return np.full((count, 4, 4), np.nan), np.full((count, 21, 3), np.nan)
