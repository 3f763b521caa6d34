"""What a PNG file says about itself in its first bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from h2s2r_perception.artefact import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
"""PNG colour type to channels; 3 is a palette of RGB."""


@dataclass(frozen=True)
class PngHeader:
    """The IHDR chunk."""

    size: tuple[int, int]
    """Width and height [px]."""
    bit_depth: int
    channels: int


def read_png_header(path: Path) -> PngHeader:
    """Read size and pixel format without decoding (PNG specification, section 11.2.1).

    Raises:
        InputError: The file is missing or is not a PNG.
    """
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise InputError(
            path, "file", found=error.strerror or str(error), expected="a PNG image", remedy="restore the frame"
        ) from error
    if len(head) < 26 or not head.startswith(_SIGNATURE):
        raise InputError(
            path, "content", found=f"{len(head)} bytes, not a PNG", expected="a PNG image", remedy="restore the frame"
        )
    width, height, bit_depth, colour_type = struct.unpack(">IIBB", head[16:26])
    return PngHeader((width, height), bit_depth, _CHANNELS.get(colour_type, 0))
