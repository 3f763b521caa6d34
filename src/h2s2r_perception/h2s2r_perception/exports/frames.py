"""Images of a Recording in the names another layout wants."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import DEPTH_SCALE_M, Recording, frame_path


def copy_frames(recording: Recording, output: Path, name: str) -> None:
    """Copy `rgb/` and `depth/` as they are; `name` formats the frame's number."""
    for kind in ("rgb", "depth"):
        (output / kind).mkdir(parents=True, exist_ok=True)
        for index in range(recording.frame_count):
            shutil.copyfile(recording.folder / frame_path(kind, index), output / kind / name.format(index))


def depth_mm(recording: Recording, index: int) -> NDArray[np.uint16]:
    """Depth `(H, W)` [mm] of a frame."""
    path = recording.folder / frame_path("depth", index)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputError(path, "content", found="a broken image", expected="a whole PNG", remedy="record again")
    if recording.depth_scale_m == DEPTH_SCALE_M:
        return np.asarray(image)
    return np.rint(image * (1000.0 * recording.depth_scale_m)).clip(0, 65535).astype(np.uint16)


def copy_masks(folder: Path, output: Path, count: int, name: str, *, channels: int = 1) -> None:
    """Copy masks `%05d.png` of 0 and 255, with as many equal channels as the layout wants.

    Raises:
        InputError: One is missing or broken.
    """
    output.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        path = folder / f"{index:05d}.png"
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise InputError(path, "mask", found="no image", expected="a mask", remedy="perceive the recording again")
        write_png(output / name.format(index), np.repeat(mask[..., None], 3, axis=2) if channels == 3 else mask)


def write_png(path: Path, image: NDArray[Any]) -> None:
    """Write an image of OpenCV's channel order."""
    # Encoded in memory: `cv2.imwrite` would hide a full disk behind a return value.
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(data.tobytes())
