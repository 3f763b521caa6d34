"""What a calibration found, with the figures that say how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """A camera's pose and its residuals."""

    T_world_camera: FloatArray
    """`(4, 4)` [m], of the optical frame in the world, the robot's base."""
    T_camera_board: tuple[FloatArray, ...]
    """Where the solution puts the board in each view, `(4, 4)` [m]."""
    view_rms_px: tuple[float, ...]
    used: tuple[bool, ...]
    """False for a view that contradicts the others and was left out."""
    quality: Mapping[str, float | int | str]
    """Figures for `meta.json`, keys with their units."""
    T_gripper_board: FloatArray | None = None
    """How the board is mounted, `(4, 4)` [m]; only where the gripper held it."""


def rms(values: FloatArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
