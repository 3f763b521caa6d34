"""Image files of others: listed by pairs of colour and depth, decoded, and refused in words when they do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

FIRST_STAMP_NS = 1_000_000_000
"""An arbitrary second for layouts without stamps: stamp 0 means "no stamp" to many tools."""
_COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png")
"""The last wins: the published scripts leave JPEG copies beside the PNG originals."""


@dataclass(frozen=True)
class ImagePair:
    """Colour and depth of one frame."""

    stem: str
    """File name without its ending."""
    rgb: Path
    depth: Path


def image_pairs(colour_folder: Path, depth_folder: Path) -> list[ImagePair]:
    """Colour and depth files of the same stem, in the order of their names.

    Raises:
        InputError: There is none, or a file has no partner.
    """
    colour = {
        path.stem: path for suffix in _COLOUR_SUFFIXES for path in sorted(colour_folder.glob(f"*{suffix}"))
    }  # fmt: skip
    depth = {path.stem: path for path in depth_folder.glob("*.png")}
    if not colour:
        raise InputError(
            colour_folder, "frames", found="none", expected="at least one PNG or JPEG", remedy="check the folder"
        )
    for stem in sorted(colour.keys() ^ depth.keys(), key=_in_order):
        missing = depth_folder / f"{stem}.png" if stem in colour else colour_folder / f"{stem}.png"
        raise InputError(
            missing,
            "frame",
            found=f"no such file ({len(colour)} colour, {len(depth)} depth images)",
            expected="one colour and one depth image of each name",
            remedy="restore the frame, or delete its partner",
        )
    return [ImagePair(stem, colour[stem], depth[stem]) for stem in sorted(colour, key=_in_order)]


def stamps_at(count: int, frame_rate_hz: float, source: Path) -> list[int]:
    """Stamps [ns] of frames that carry none.

    Raises:
        InputError: The rate is no rate of a camera.
    """
    if not 0.1 <= frame_rate_hz <= 1000.0:
        raise InputError(
            source,
            "frame rate",
            found=f"{frame_rate_hz:g} Hz",
            expected="0.1 to 1000 Hz",
            remedy="give the rate the camera recorded with (--rate)",
        )
    return [FIRST_STAMP_NS + round(index * 1e9 / frame_rate_hz) for index in range(count)]


def read_image(path: Path, flag: int) -> NDArray[Any]:
    """Read an image as OpenCV orders its channels.

    Raises:
        InputError: It cannot be decoded.
    """
    image = cv2.imread(str(path), flag)
    if image is None:
        raise InputError(
            path, "content", found="a missing or broken image", expected="a whole image", remedy="copy it again"
        )
    return np.asarray(image)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Colour `(H, W, 3)`, red first; a grey image gives three equal channels."""
    return np.ascontiguousarray(read_image(path, cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)


def read_depth(path: Path) -> NDArray[np.uint16]:
    """Depth `(H, W)` uint16 in the file's own steps.

    Raises:
        InputError: It is not one channel of 16 bit.
    """
    image = read_image(path, cv2.IMREAD_UNCHANGED)
    if image.dtype != np.uint16 or image.ndim != 2:
        channels = 1 if image.ndim == 2 else image.shape[2]
        raise InputError(
            path,
            "format",
            found=f"{channels} channels of {8 * image.dtype.itemsize} bit",
            expected="1 channel of 16 bit",
            remedy="save depth as uint16 PNG, not as a picture of it",
        )
    return image


def millimetres(depth: NDArray[Any], step_m: float) -> NDArray[np.uint16]:
    """Depth in steps of `step_m` [m] as uint16 [mm]; 0 where it is not finite, not positive or beyond 65.5 m."""
    if depth.dtype == np.uint16 and step_m == 0.001:
        return np.asarray(depth)
    with np.errstate(invalid="ignore", over="ignore"):
        value = np.rint(np.asarray(depth, dtype=np.float64) * (step_m * 1000.0))
        return np.where((value > 0.0) & (value <= 65535.0), value, 0.0).astype(np.uint16)


def same_size(image: NDArray[Any], size: tuple[int, int], path: Path | str) -> None:
    """Check that depth `(H, W)` has the size (width, height) of its colour image.

    Raises:
        InputError: It has another, so it is not aligned to colour.
    """
    found = (image.shape[1], image.shape[0])
    if found != size:
        raise InputError(
            path,
            "size",
            found=f"{found[0]}x{found[1]}",
            expected=f"{size[0]}x{size[1]} like the colour image",
            remedy="align depth to colour before recording",
        )


def _in_order(stem: str) -> tuple[int, str]:
    """Numbers by value, whatever their leading zeros."""
    return (int(stem), stem) if stem.isdigit() else (-1, stem)
