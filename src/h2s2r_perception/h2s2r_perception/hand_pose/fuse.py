"""Fuse the hand of many frames: reject jumps, smooth, bridge short gaps, settle one frame.

Smoothing is a robust straight line through a centred window, evaluated at its middle: a hand that
approaches at constant speed is not delayed or pulled back, and single wrong frames weigh little.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

FloatArray = NDArray[np.float64]
_ENOUGH_TO_EXTRAPOLATE = 5


@dataclass(frozen=True)
class FuseConfiguration:
    """Windows in seconds, so that they hold at any frame rate."""

    smoothing_window_s: float = 0.2
    """Full width of the window for every frame: 7 frames at 30 Hz."""
    premanipulation_window_s: float = 0.34
    """Full width of the window around the pre-manipulation frame: +-5 frames at 30 Hz."""
    minimum_frames: int = 3
    """Frames with a hand that the pre-manipulation window must hold."""
    least_confidence: float = 0.1
    """A frame with less shows no hand: of those, one in twenty is less than 2 cm off."""
    outlier_m: float = 0.05
    """A frame whose joints lie further than this (median) from the line through its neighbours is dropped."""
    joint_error_m: float = 0.01
    """Scale of the robust weight 1 / (1 + (error / scale)^2)."""
    longest_gap_s: float = 1.0
    """A longer time without a hand stays unknown."""
    gap_confidence: float = 0.5
    """Factor on the confidence of interpolated frames."""


@dataclass(frozen=True, eq=False)
class HandPath:
    """The hand in every frame."""

    joints_world: FloatArray
    """`(T, 21, 3)` [m]; NaN throughout where unknown."""
    confidence: FloatArray
    """`(T,)` in [0, 1]; 0 exactly where unknown."""
    seen: NDArray[np.bool_]
    """`(T,)` whether the hand was measured in this frame and kept."""


def fuse_hand_path(
    stamp_ns: NDArray[np.int64],
    joints_world: FloatArray,
    confidence: FloatArray,
    premanipulation_index: int,
    configuration: FuseConfiguration | None = None,
    *,
    source: Path | str = "hand path",
) -> HandPath:
    """Clean a path of single-frame hand estimates.

    Args:
        stamp_ns: `(T,)`, strictly increasing.
        joints_world: `(T, 21, 3)` [m], NaN where no hand was seen.
        confidence: `(T,)`, 0 where no hand was seen.
        premanipulation_index: The frame that matters most; it gets the widest window.
        configuration: The defaults when None.
        source: Named in errors.

    Raises:
        InputError: Too few hands were seen around the pre-manipulation frame.
    """
    limits = configuration or FuseConfiguration()
    time = (stamp_ns - stamp_ns[0]) * 1e-9
    seen = confidence >= limits.least_confidence
    seen &= ~_outliers(time, joints_world, np.where(seen, confidence, 0.0), limits)
    weight = np.where(seen, confidence, 0.0)
    near = np.abs(time - time[premanipulation_index]) <= 0.5 * limits.premanipulation_window_s
    if (near & seen).sum() < limits.minimum_frames:
        raise InputError(
            source,
            "hand",
            found=f"a hand in {(near & seen).sum()} of the {near.sum()} frames around frame {premanipulation_index}"
            f" ({seen.sum()} of all {len(seen)})" + _doubted(confidence[near], limits),
            expected=f"a hand in at least {limits.minimum_frames} of them, before it reaches the object",
            remedy="record again with the open hand in view of the camera for a second before the touch",
        )
    smooth = np.full_like(joints_world, np.nan)
    for frame in np.flatnonzero(seen).tolist():
        smooth[frame] = _line_at(time, joints_world, weight, frame, limits.smoothing_window_s, limits.joint_error_m)
    smooth[premanipulation_index] = _line_at(
        time, joints_world, weight, premanipulation_index, limits.premanipulation_window_s, limits.joint_error_m
    )
    fused = weight.copy()
    fused[premanipulation_index] = max(weight[premanipulation_index], float(np.median(weight[near & seen])))
    return HandPath(*_bridge(time, smooth, fused, limits), seen)


def _doubted(confidence: FloatArray, limits: FuseConfiguration) -> str:
    doubted = int(((confidence > 0.0) & (confidence < limits.least_confidence)).sum())
    return f", and {doubted} too doubtful to count" if doubted else ""


def _outliers(time: FloatArray, joints: FloatArray, weight: FloatArray, limits: FuseConfiguration) -> NDArray[np.bool_]:
    """Frames `(T,)` whose hand is not where the frames around it say."""
    wrong = np.zeros(len(time), dtype=bool)
    for frame in np.flatnonzero(weight > 0.0).tolist():
        near = (np.abs(time - time[frame]) <= limits.premanipulation_window_s) & (weight > 0.0)
        near[frame] = False
        if near.sum() < limits.minimum_frames:
            continue
        others = np.where(near, weight, 0.0)
        window_s = 2.0 * limits.premanipulation_window_s
        expected = _line_at(time, joints, others, frame, window_s, limits.joint_error_m)
        wrong[frame] = np.median(np.linalg.norm(joints[frame] - expected, axis=1)) > limits.outlier_m
    return wrong


def _line_at(
    time: FloatArray, joints: FloatArray, weight: FloatArray, frame: int, window_s: float, error_m: float
) -> FloatArray:
    """Joints `(21, 3)` at a frame, of lines fitted to the window around it by reweighted least squares."""
    near = (np.abs(time - time[frame]) <= 0.5 * window_s + 1e-6) & (weight > 0.0)
    lag, values = (time[near] - time[frame])[:, None, None], joints[near]
    # A few hands, all before or all after the frame, would be extrapolated along their noise.
    reaches = len(lag) > 2 and bool(lag.min() <= 0.0 <= lag.max())
    inclined = reaches or len(lag) >= _ENOUGH_TO_EXTRAPOLATE
    # Start from medians, which no single wrong frame can move.
    half = len(lag) // 2
    slope = np.zeros_like(values[0])
    if inclined:
        slope = np.median((values[half:] - values[: len(lag) - half]) / (lag[half:] - lag[: len(lag) - half]), axis=0)
    centre = np.median(values - slope * lag, axis=0)
    for _ in range(5):
        error = np.linalg.norm(values - centre - slope * lag, axis=-1, keepdims=True)
        w = weight[near][:, None, None] / (1.0 + (error / error_m) ** 2)
        w = w / w.sum(axis=0)
        mean_lag, mean = (w * lag).sum(axis=0), (w * values).sum(axis=0)
        if inclined:
            slope = (w * (lag - mean_lag) * (values - mean)).sum(axis=0) / (w * (lag - mean_lag) ** 2).sum(axis=0)
        centre = mean - slope * mean_lag
    return centre


def _bridge(
    time: FloatArray, joints: FloatArray, confidence: FloatArray, limits: FuseConfiguration
) -> tuple[FloatArray, FloatArray]:
    """Interpolate between known frames that are not too far apart, with lowered confidence."""
    joints, confidence = joints.copy(), confidence.copy()
    known = np.flatnonzero(np.isfinite(joints).all(axis=(1, 2)))
    for before, after in itertools.pairwise(known):
        if time[after] - time[before] > limits.longest_gap_s:
            continue
        for frame in range(before + 1, after):
            part = (time[frame] - time[before]) / (time[after] - time[before])
            joints[frame] = (1.0 - part) * joints[before] + part * joints[after]
            confidence[frame] = limits.gap_confidence * min(confidence[before], confidence[after])
    return joints, confidence
