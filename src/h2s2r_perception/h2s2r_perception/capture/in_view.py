"""Whether an object is about to leave the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BORDER = 0.06
"""Width of the border in which a warning is due, as part of the image's height: there the object's outline is cut."""


def leaves_view(
    position: NDArray[np.float64],
    T_world_camera: NDArray[np.float64],
    camera_matrix: NDArray[np.float64],
    image_size: tuple[int, int],
) -> bool:
    """Whether a point of the world `(3,)` [m] appears near the image's border, outside it, or behind the camera."""
    x, y, z = T_world_camera[:3, :3].T @ (position - T_world_camera[:3, 3])
    if z <= 0:
        return True
    u, v, _ = camera_matrix @ np.array([x / z, y / z, 1.0])
    border = _BORDER * image_size[1]
    return not (border <= u < image_size[0] - border and border <= v < image_size[1] - border)
