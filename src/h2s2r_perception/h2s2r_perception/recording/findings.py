"""What a Recording's figures mean: too dark, blurred, gappy, from a camera that nobody calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from h2s2r_perception.recording.quality import RecordingQuality

FloatArray = NDArray[np.float64]
WARNING, ERROR = "warning", "error"
_UPWARDS = 0.3
"""A camera that looks at a table does not look up; z of its optical axis in the world."""


@dataclass(frozen=True)
class Limits:
    """From which figure on something is said. A warning costs accuracy; an error makes the Recording unusable."""

    hole_fraction: float = 0.45
    """Warning: a RealSense at 0.5 to 1 m leaves 5 to 30 % without depth."""
    hole_fraction_error: float = 0.95
    blur_px: float = 2.5
    """Warning: a motion of 9 px during the exposure; edges and features drown in it."""
    over_exposed_fraction: float = 0.3
    """Warning: a white wall in the background reaches 0.2."""
    over_exposed_fraction_error: float = 0.8
    under_exposed_fraction: float = 0.5
    under_exposed_fraction_error: float = 0.9
    dropped_fraction: float = 0.02
    """Warning: one frame in fifty."""
    least_rate_hz: float = 12.0
    """Warning: between frames, a hand at 0.4 m/s moves more than 30 mm."""
    least_frames: int = 30
    """Warning: shorter than a second."""


LIMITS = Limits()


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    severity: str
    """`warning` or `error`."""
    field: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.found}, expected {self.expected}; {self.remedy}"


def findings_of(figures: RecordingQuality, T_world_camera: FloatArray, limits: Limits) -> tuple[Finding, ...]:
    """Everything that is worth saying, errors first.

    Args:
        figures: Of the Recording.
        T_world_camera: Pose `(4, 4)` [m] of the optical frame.
        limits: From which figure on it is said.
    """
    found = [*_of_calibration(T_world_camera), *_of_images(figures, limits), *_of_time(figures, limits)]
    return tuple(sorted(found, key=lambda finding: finding.severity != ERROR))


def _of_calibration(T_world_camera: FloatArray) -> Iterator[Finding]:
    if np.allclose(T_world_camera, np.eye(4), atol=1e-9):
        yield Finding(
            ERROR,
            "T_world_camera",
            "the identity",
            "the pose of the camera in the robot's base",
            "calibrate with `h2s2r calibrate camera` and give the result by --camera-pose",
        )
    elif T_world_camera[2, 2] > _UPWARDS:
        yield Finding(
            WARNING,
            "T_world_camera",
            f"a camera that looks up ({np.degrees(np.arcsin(min(1.0, T_world_camera[2, 2]))):.0f} deg)",
            "one that looks at the table; its z axis is the direction of view",
            "check whether the inverse, or the pose of another frame than the optical one, was given",
        )


def _of_images(figures: RecordingQuality, limits: Limits) -> Iterator[Finding]:
    yield from _above(
        "depth holes",
        figures.hole_fraction_p50,
        limits.hole_fraction,
        limits.hole_fraction_error,
        "come nearer (0.4 to 1 m), avoid shiny and black surfaces, switch the emitter on",
    )
    yield from _above(
        "over-exposed pixels",
        figures.over_exposed_fraction_p50,
        limits.over_exposed_fraction,
        limits.over_exposed_fraction_error,
        "shorten the exposure or dim the light",
    )
    yield from _above(
        "under-exposed pixels",
        figures.under_exposed_fraction_p50,
        limits.under_exposed_fraction,
        limits.under_exposed_fraction_error,
        "add light or lengthen the exposure",
    )
    if figures.blur_px_p95 > limits.blur_px:
        yield Finding(
            WARNING,
            "blur",
            f"{figures.blur_px_p95:.1f} px in the worst frames",
            f"at most {limits.blur_px:g} px",
            "add light and shorten the exposure, move more slowly, or focus the lens",
        )


def _above(field: str, value: float, warning: float, error: float, remedy: str) -> Iterator[Finding]:
    if value > warning:
        severity = ERROR if value > error else WARNING
        yield Finding(severity, field, f"{value:.0%} of the image", f"at most {warning:.0%}", remedy)


def _of_time(figures: RecordingQuality, limits: Limits) -> Iterator[Finding]:
    if figures.frame_count < limits.least_frames:
        yield Finding(
            WARNING, "frames", str(figures.frame_count), f"at least {limits.least_frames}", "record for longer"
        )
    if 0.0 < figures.rate_hz < limits.least_rate_hz:
        yield Finding(
            WARNING,
            "frame rate",
            f"{figures.rate_hz:.1f} Hz",
            f"at least {limits.least_rate_hz:g} Hz",
            "use a USB 3 port and more light: automatic exposure lowers the rate in the dark",
        )
    if figures.dropped_frames > limits.dropped_fraction * figures.frame_count:
        yield Finding(
            WARNING,
            "dropped frames",
            f"{figures.dropped_frames} of {figures.frame_count + figures.dropped_frames}",
            f"at most {limits.dropped_fraction:.0%}",
            "record to a faster disk, lower the resolution, close other programs",
        )
    for gap in figures.gaps:
        yield Finding(
            WARNING,
            "gap",
            f"{gap.duration_s:.1f} s without frames after frame {gap.after_frame}",
            "frames throughout",
            "record again, or check that nothing moved meanwhile",
        )
