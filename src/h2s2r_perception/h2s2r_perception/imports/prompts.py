"""A mask that came with the data says which object is meant: the box round it becomes the prompt."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.images import read_image
from h2s2r_perception.recording import Prompt


def box_round(mask_path: Path, frame: int = 0) -> Prompt:
    """The box round the white pixels of a mask of frame `frame`.

    Raises:
        InputError: The mask is broken or black.
    """
    image = read_image(mask_path, cv2.IMREAD_GRAYSCALE)
    # Masks are 0 and 255, or 0 and 1.
    rows, columns = np.nonzero(image > (127 if image.max() > 1 else 0))
    if rows.size == 0:
        raise InputError(
            mask_path, "mask", found="no white pixel", expected="the object", remedy="delete it and give a prompt"
        )
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return Prompt(frame=frame, box=box)
