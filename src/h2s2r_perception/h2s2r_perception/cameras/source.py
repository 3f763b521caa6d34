"""What every camera promises, be it real, simulated or played back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Tell = Callable[[str], None]
"""Told in one line what happens to a camera."""


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """Colour and the depth that was measured with it."""

    stamp_ns: int
    """Time of the measurement [ns], later than that of the frame before."""
    rgb: NDArray[np.uint8]
    """`(H, W, 3)`, red first."""
    depth_m: NDArray[np.float32]
    """`(H, W)` [m], aligned to colour, 0 = invalid."""

    @property
    def depth_mm(self) -> NDArray[np.uint16]:
        """Depth `(H, W)` in whole millimetres, 0 = invalid; what messages and Recordings hold."""
        return np.rint(np.minimum(self.depth_m * np.float32(1000.0), 65535.0)).astype(np.uint16)


@dataclass(frozen=True)
class CameraHealth:
    """What happened to a camera since it was opened."""

    connected: bool = True
    """False while a camera that was pulled out is waited for."""
    dropped_frames: int = 0
    """Frames that the camera made and nobody got; a gap while it was pulled out is not among them."""
    reconnects: int = 0


class CameraSource(Protocol):
    """A calibrated RGB-D camera; used in a `with` statement, which opens and closes it."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height [px]."""
        ...

    @property
    def camera_matrix(self) -> FloatArray:
        """Intrinsics `(3, 3)` [px] of colour and aligned depth."""
        ...

    @property
    def health(self) -> CameraHealth:
        """Counts so far; may be read from another thread."""
        ...

    def frames(self) -> Iterator[CameraFrame]:
        """Frames in order of time, until the camera ends, is closed (from any thread) or the caller stops.

        A frame that was not measured is never made up: where frames are missing, the stamps jump.
        """
        ...

    def __enter__(self) -> CameraSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
