"""What depth values say by themselves: their unit, their steps, their noise."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.plausibility.configuration import PlausibilityConfiguration
from h2s2r_perception.recording.findings import ERROR, WARNING, Finding
from h2s2r_perception.recording.reading import Recording

_NEAR = 0.2
"""Share of the pixels that tells how near things are."""


def depth_unit(depth: list[NDArray[np.float32]], c: PlausibilityConfiguration) -> Iterator[Finding]:
    """Metres taken for millimetres, or tenths of a millimetre, put a table where no table is."""
    known = np.concatenate([image[image > 0.0] for image in depth])
    if known.size == 0:
        yield Finding(ERROR, "depth", "no measurement in any frame looked at", "depth", "record depth as well")
        return
    near_m = float(np.quantile(known, _NEAR))
    if not c.nearest_m <= near_m <= c.farthest_m:
        yield Finding(
            ERROR,
            "depth: unit",
            f"a fifth of the picture within {near_m:.3g} m",
            f"within {c.nearest_m:g} to {c.farthest_m:g} m, as of a table-top",
            "save depth in millimetres, or import it with --depth-scale",
        )


def depth_steps(recording: Recording, index: int, c: PlausibilityConfiguration) -> Iterator[Finding]:
    """Depth that was a picture once comes in coarse steps."""
    depth_m = recording.depth_m(index)
    steps = np.unique(np.rint(depth_m[depth_m > 0.0] * 1000.0).astype(np.int64))
    step_mm = int(np.gcd.reduce(steps)) if steps.size > 1 else 1
    if step_mm >= c.coarsest_step_mm:
        yield Finding(
            WARNING,
            "depth: steps",
            f"{step_mm} mm",
            "1 mm",
            "convert depth to uint16 millimetres from the sensor's own values, not from an 8-bit picture",
        )


def depth_noise(depth: list[NDArray[np.float32]], c: PlausibilityConfiguration) -> Iterator[Finding]:
    """How much neighbours differ where there is no edge."""
    shares = []
    for image in depth:
        whole = cv2.erode((image > 0.0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        smooth = cv2.blur(image, (3, 3))
        # A pixel differs from the mean of nine by sqrt(8/9) of its own noise; 1.48 turns a median into a deviation.
        shares.append(1.48 / np.sqrt(8.0 / 9.0) * np.abs(image - smooth)[whole] / image[whole])
    together = np.concatenate(shares)
    share = float(np.median(together)) if together.size else 0.0
    if share > c.noise_share:
        yield Finding(
            WARNING,
            "depth: noise",
            f"{100.0 * share:.1f} % of the distance",
            f"at most {100.0 * c.noise_share:.1f} %",
            "bring the camera nearer or give it more light; poses will be less exact",
        )
