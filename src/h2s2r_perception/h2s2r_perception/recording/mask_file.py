"""Masks as files: 8-bit PNG, 255 where it is, 0 elsewhere; what FoundationPose and HaMeR read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask `(H, W)`; a full disk raises `OSError`."""
    # Encoded in memory: `cv2.imwrite` would hide a full disk behind a return value.
    _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    path.write_bytes(data.tobytes())
