"""What every segmenter promises, and which there are; a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt

FloatArray = NDArray[np.float64]

DEFAULT_SEGMENTER = "colour_depth"
SEGMENTERS = {
    DEFAULT_SEGMENTER: "h2s2r_perception.segmentation.prompted:ColourDepthSegmenter",
    "sam2": "h2s2r_perception.segmentation.sam2:Sam2Segmenter",
}


class Segmenter(Protocol):
    """Finds the pixels of the object that a person, or the proposal, pointed at in one image.

    It remembers nothing: the same image and prompt give the same mask, in whatever order they come.
    """

    def segment(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        prompt: Prompt,
        *,
        source: str = "prompt",
    ) -> NDArray[np.bool_]:
        """Find the object in one frame.

        Args:
            rgb: Colour `(H, W, 3)` uint8, red first; not changed.
            depth_m: Depth `(H, W)` [m] along the optical axis, 0 = invalid, aligned to colour; a segmenter
                that looks at colour alone ignores it.
            camera_matrix: Intrinsics `(3, 3)` [px].
            prompt: A box round the object or a click on it, and points on it (`also`) and off it
                (`but_not`). Never a mask: `segment_frame` reads that from its file.
            source: What errors name.

        Returns:
            The mask `(H, W)`. It is not empty, holds every clicked pixel with measured depth that lies
            above the table, and none of `but_not`.

        Raises:
            InputError: There is no object at the prompt.
        """
        ...


def make_segmenter(name: str = DEFAULT_SEGMENTER, configuration: object = None) -> Segmenter:
    """Build the segmenter called `name`.

    Args:
        name: A key of `SEGMENTERS`.
        configuration: The segmenter's own frozen dataclass; its defaults when None.

    Raises:
        InputError: There is no such segmenter, or a package or file that it needs is missing.
    """
    if name not in SEGMENTERS:
        raise InputError(
            "segmenter", "name", found=name, expected=f"one of {', '.join(SEGMENTERS)}", remedy="correct the name"
        )
    module, _, kind = SEGMENTERS[name].partition(":")
    build = cast(Callable[..., Any], getattr(import_module(module), kind))
    return cast(Segmenter, build(configuration))
