"""The Recording: colour and aligned depth of one fixed camera, as files a person can look at.

```
rgb/%05d.png      8-bit colour
depth/%05d.png    16-bit, steps of `depth_scale_m` (1 mm), 0 = no measurement, aligned to colour
cam_K.txt         3x3 intrinsic matrix [px]
prompt.json       optional: {"frame": i, "box" or "click" or "mask": ...}, see `prompt`
meta.json         stamps, depth scale, T_world_camera, camera name
```

The file layout is the one that the published system, FoundationPose and SAM 2 read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, Schema, read_meta
from h2s2r_perception.recording.calibration import FloatArray, check_pose, read_camera_matrix
from h2s2r_perception.recording.image_file import PngHeader, read_png_header
from h2s2r_perception.recording.prompt import PROMPT_FILE, Prompt, read_prompt

RECORDING_SCHEMA = Schema("recording", 1)
DEPTH_SCALE_M = 0.001
"""Metres for each step of a depth image."""


@dataclass(frozen=True)
class Recording:
    """A validated Recording on disk; frames are read when asked for."""

    folder: Path
    stamp_ns: NDArray[np.int64]
    """Time of each frame `(T,)` [ns], strictly increasing."""
    camera_matrix: FloatArray
    """Intrinsics `(3, 3)` [px] of colour and depth alike."""
    T_world_camera: FloatArray
    """Pose `(4, 4)` [m] of the optical frame (x right, y down, z forward) in the world."""
    camera_name: str
    image_size: tuple[int, int]
    """Width and height [px]."""
    depth_scale_m: float
    prompt: Prompt | None

    @classmethod
    def open(cls, folder: Path | str) -> Recording:
        """Open and check a Recording; image headers are read, pixels are not.

        Raises:
            InputError: Anything is missing, contradicts another part, or is of a newer schema.
        """
        folder = Path(folder)
        meta = read_meta(folder, RECORDING_SCHEMA, remedy="record one, or import your folder with `h2s2r import`")
        size, count = check_images(folder)
        stamp_ns = _stamps(folder, meta.get("stamp_ns"), count)
        return cls(
            folder=folder,
            stamp_ns=stamp_ns,
            camera_matrix=read_camera_matrix(folder / "cam_K.txt", size),
            T_world_camera=check_pose(meta.get("T_world_camera"), folder / "meta.json", "T_world_camera"),
            camera_name=str(meta.get("camera_name", "camera")),
            image_size=size,
            depth_scale_m=_depth_scale(folder, meta.get("depth_scale_m", DEPTH_SCALE_M)),
            prompt=read_prompt(folder / PROMPT_FILE, size, count) if (folder / PROMPT_FILE).exists() else None,
        )

    @property
    def frame_count(self) -> int:
        """Number of frames T."""
        return len(self.stamp_ns)

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """Colour `(H, W, 3)`, red first."""
        image = self._read("rgb", index, cv2.IMREAD_COLOR)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """Depth `(H, W)` [m] along the optical axis, 0 where there is no measurement."""
        image = self._read("depth", index, cv2.IMREAD_UNCHANGED)
        return image.astype(np.float32) * np.float32(self.depth_scale_m)

    def _read(self, kind: str, index: int, flag: int) -> NDArray[np.uint8]:
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} of a Recording with {self.frame_count} frames")
        path = self.folder / frame_path(kind, index)
        image = cv2.imread(str(path), flag)
        if image is None:
            raise InputError(
                path, "content", found="a broken image", expected="a whole PNG", remedy="record or copy the frame again"
            )
        return np.asarray(image)


def frame_path(kind: str, index: int) -> Path:
    """Path of a frame inside the folder; `kind` is `rgb`, `depth` or a folder of masks."""
    return Path(kind) / f"{index:05d}.png"


def check_images(folder: Path) -> tuple[tuple[int, int], int]:
    """Check every header; return the size (width, height) and the number of frames."""
    count = len(list((folder / "rgb").glob("*.png")))
    depth_count = len(list((folder / "depth").glob("*.png")))
    if count == 0:
        raise InputError(
            folder / "rgb", "frames", found="none", expected="at least one PNG", remedy="record at least one frame"
        )
    first = read_png_header(folder / frame_path("rgb", 0))
    for index in range(max(count, depth_count)):
        colour = _header(folder / frame_path("rgb", index), count, depth_count)
        depth = _header(folder / frame_path("depth", index), depth_count, count)
        _check_frame(folder, index, first.size, colour, depth)
    return first.size, count


def _header(path: Path, own_count: int, other_count: int) -> PngHeader:
    if not path.is_file():
        raise InputError(
            path,
            "frame",
            found=f"no such file ({own_count} frames here, {other_count} in the other stream)",
            expected="one colour and one depth image for each frame, numbered from 00000",
            remedy="restore the frame, or record again",
        )
    return read_png_header(path)


def _check_frame(folder: Path, index: int, size: tuple[int, int], colour: PngHeader, depth: PngHeader) -> None:
    for kind, header in (("rgb", colour), ("depth", depth)):
        if header.size != size:
            raise InputError(
                folder / frame_path(kind, index),
                "size",
                found=f"{header.size[0]}x{header.size[1]}",
                expected=f"{size[0]}x{size[1]} like the first colour frame",
                remedy="align depth to colour before recording",
            )
    if colour.bit_depth != 8 or colour.channels < 3:
        raise InputError(
            folder / frame_path("rgb", index),
            "format",
            found=f"{colour.channels} channels of {colour.bit_depth} bit",
            expected="3 channels of 8 bit",
            remedy="save colour as 8-bit RGB",
        )
    if depth.bit_depth != 16 or depth.channels != 1:
        raise InputError(
            folder / frame_path("depth", index),
            "format",
            found=f"{depth.channels} channels of {depth.bit_depth} bit",
            expected="1 channel of 16 bit (millimetres)",
            remedy="save depth as uint16 PNG, not as a picture of it",
        )


def _stamps(folder: Path, value: object, count: int) -> NDArray[np.int64]:
    source = folder / "meta.json"
    if not isinstance(value, list) or not all(isinstance(stamp, int) for stamp in value):
        raise InputError(
            source, "stamp_ns", found=type(value).__name__, expected="a list of integers", remedy="record again"
        )
    if len(value) != count:
        raise InputError(
            source,
            "stamp_ns",
            found=f"{len(value)} stamps",
            expected=f"{count}, one for each frame",
            remedy="restore the missing frames or stamps",
        )
    stamp_ns = np.asarray(value, dtype=np.int64)
    step = np.diff(stamp_ns)
    if np.any(step <= 0):
        index = int(np.argmax(step <= 0)) + 1
        raise InputError(
            source,
            f"stamp_ns[{index}]",
            found=f"{stamp_ns[index]} after {stamp_ns[index - 1]}",
            expected="strictly increasing stamps",
            remedy="sort the frames by time or record again",
        )
    return stamp_ns


def _depth_scale(folder: Path, value: object) -> float:
    if not isinstance(value, float | int) or not 1e-5 <= float(value) <= 1e-2:
        raise InputError(
            folder / "meta.json",
            "depth_scale_m",
            found=str(value),
            expected="metres for each depth step, 0.001 for millimetres",
            remedy="correct the scale",
        )
    return float(value)
