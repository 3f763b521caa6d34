"""How good a Recording is, in figures, and what that means for those who want to use it.

The same figures are kept while recording (`QualityLog`) and taken of a Recording on disk (`quality_of`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording.findings import ERROR, Finding, Limits, findings_of
from h2s2r_perception.recording.frame_quality import FrameJudge, FrameQuality
from h2s2r_perception.recording.reading import Recording

FloatArray = NDArray[np.float64]

GAP_S = 0.25
"""Time without frames from which on it is a gap, not dropped frames: the tracker has to find the object again."""
LIMITS = Limits()
_SAMPLED_FRAMES = 40
"""How many frames of a Recording are looked at, evenly spread; each with the one before, to see what moves."""


@dataclass(frozen=True)
class Gap:
    """A time without frames: the camera was pulled out, or the disk or the network held everything up."""

    after_frame: int
    """Index of the last frame before it."""
    duration_s: float


@dataclass(frozen=True)
class RecordingQuality:
    """Figures of a whole Recording; `p50` is the median frame, `p95` the frame that 5 % are worse than."""

    frame_count: int
    duration_s: float
    rate_hz: float
    """By the median time between frames; 0 with a single frame."""
    dropped_frames: int
    """Missing between neighbours, gaps left out."""
    gaps: tuple[Gap, ...]
    hole_fraction_p50: float
    hole_fraction_p95: float
    blur_px_p50: float
    blur_px_p95: float
    """Of what moves (`FrameQuality.blur_px`); NaN when no frame has edges."""
    over_exposed_fraction_p50: float
    under_exposed_fraction_p50: float
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return all(finding.severity != ERROR for finding in self.findings)

    def require_usable(self, source: Path | str) -> None:
        """Refuse the Recording by its first error.

        Raises:
            InputError: There is one.
        """
        for finding in self.findings:
            if finding.severity == ERROR:
                raise InputError(
                    source, finding.field, found=finding.found, expected=finding.expected, remedy=finding.remedy
                )

    def as_mapping(self) -> dict[str, Any]:
        """Flat figures for `meta.json` (what is not a number is null there), gaps and findings as lists."""
        values = asdict(self)
        flat = {key: (None if isinstance(value, float) and np.isnan(value) else value) for key, value in values.items()}
        return {**flat, "findings": [f"{finding.severity}: {finding}" for finding in self.findings]}


class QualityLog:
    """Remembers stamps and figures of the frames so far; frames that cannot be judged in time may be left out."""

    def __init__(self) -> None:
        self.judge = FrameJudge()
        self.stamp_ns: list[int] = []
        self.frames: list[FrameQuality] = []

    def summary(self, T_world_camera: FloatArray, limits: Limits = LIMITS) -> RecordingQuality:
        """Figures and findings so far."""
        return summarise(np.asarray(self.stamp_ns, dtype=np.int64), self.frames, T_world_camera, limits)


def quality_of(recording: Recording, limits: Limits = LIMITS) -> RecordingQuality:
    """Figures and findings of a Recording on disk, from a sample of its frames (1 s for 40 frames of 640x480)."""
    count = recording.frame_count
    chosen = np.unique(np.linspace(min(1, count - 1), count - 1, _SAMPLED_FRAMES).round().astype(int))
    figures = []
    for index in chosen:
        judge = FrameJudge()
        if index > 0:
            judge.see(recording.rgb(int(index) - 1))
        figures.append(judge(recording.rgb(int(index)), recording.depth_m(int(index))))
    return summarise(recording.stamp_ns, figures, recording.T_world_camera, limits)


def summarise(
    stamp_ns: NDArray[np.int64], frames: Sequence[FrameQuality], T_world_camera: FloatArray, limits: Limits = LIMITS
) -> RecordingQuality:
    """Figures and findings.

    Args:
        stamp_ns: Of all frames `(T,)` [ns].
        frames: Of those that were judged.
        T_world_camera: Pose `(4, 4)` [m] of the optical frame.
        limits: What is worth saying.
    """
    step_s = np.diff(stamp_ns) * 1e-9
    period_s = float(np.median(step_s)) if step_s.size else 0.0
    is_gap = step_s > max(GAP_S, 2.5 * period_s)
    missing = np.rint(step_s[~is_gap] / period_s) - 1.0 if period_s > 0 else np.zeros(0)

    def figure(name: str, quantile: float) -> float:
        values = np.array([getattr(frame, name) for frame in frames], dtype=np.float64)
        return float(np.nanquantile(values, quantile)) if np.any(np.isfinite(values)) else float("nan")

    figures = RecordingQuality(
        frame_count=len(stamp_ns),
        duration_s=float(stamp_ns[-1] - stamp_ns[0]) * 1e-9 if len(stamp_ns) else 0.0,
        rate_hz=1.0 / period_s if period_s > 0 else 0.0,
        dropped_frames=int(np.maximum(missing, 0).sum()),
        gaps=tuple(Gap(int(index), float(step_s[index])) for index in np.flatnonzero(is_gap)),
        hole_fraction_p50=figure("hole_fraction", 0.5),
        hole_fraction_p95=figure("hole_fraction", 0.95),
        blur_px_p50=figure("blur_px", 0.5),
        blur_px_p95=figure("blur_px", 0.95),
        over_exposed_fraction_p50=figure("over_exposed_fraction", 0.5),
        under_exposed_fraction_p50=figure("under_exposed_fraction", 0.5),
        findings=(),
    )
    return replace(figures, findings=findings_of(figures, T_world_camera, limits))
