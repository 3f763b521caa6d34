"""What every camera promises, be it real, simulated or played back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """Colour and the depth that was measured with it."""

    stamp_ns: int
    """Time of the measurement [ns], later than that of the frame before."""
    rgb: NDArray[np.uint8]
    """`(H, W, 3)`, red first."""
    depth_m: NDArray[np.float32]
    """`(H, W)` [m], aligned to colour, 0 = invalid."""


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

    def frames(self) -> Iterator[CameraFrame]:
        """Frames in order of time, until the camera ends or the caller stops."""
        ...

    def __enter__(self) -> CameraSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
