"""Whether an object's colours would fit its model better if red and blue changed places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.segmentation.likeness import colour_histogram, histogram_overlap

_MARGIN = 0.25
"""By which the exchanged colours must be more alike (Bhattacharyya, 0 to 1) before it is said."""


def red_and_blue_swapped(rgb: NDArray[np.uint8], model: ObjectModel) -> bool:
    """Compare hue and saturation of an object's pixels `(..., 3)` with its model's, both ways round."""
    if model.colours is None or rgb.size == 0:
        return False
    pixels, on_model = rgb.reshape(-1, 3), colour_histogram(model.colours)
    as_given = histogram_overlap(colour_histogram(pixels), on_model)
    exchanged = histogram_overlap(colour_histogram(pixels[:, ::-1]), on_model)
    return exchanged > as_given + _MARGIN
