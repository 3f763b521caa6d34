"""Clean the path of the object: bridge frames in which it was lost, and smooth lightly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import interpolate_pose, pose, rotation_from_vector, vector_from_rotation

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectPathConfiguration:
    """How much to trust and to smooth."""

    smoothing_window_s: float = 0.17
    """Full width of the window: 5 frames at 30 Hz. A straight line is fitted, so motion is not delayed."""
    largest_lost_share: float = 0.5
    """With more frames lost than this there is no path to learn from."""


def clean_object_path(
    stamp_ns: NDArray[np.int64],
    T_world_object: FloatArray,
    confidence: FloatArray,
    configuration: ObjectPathConfiguration | None = None,
    *,
    source: Path | str = "object path",
) -> FloatArray:
    """Poses `(T, 4, 4)` [m] for every frame.

    Lost frames are interpolated between their neighbours, or hold the nearest pose at the ends.

    Args:
        stamp_ns: `(T,)`, strictly increasing.
        T_world_object: `(T, 4, 4)`; where lost, any finite pose.
        confidence: `(T,)`, 0 where lost.
        configuration: The defaults when None.
        source: Named in errors.

    Raises:
        InputError: The object was lost for too long.
    """
    limits = configuration or ObjectPathConfiguration()
    known = np.flatnonzero(confidence > 0.0)
    lost = len(confidence) - len(known)
    if lost > limits.largest_lost_share * len(confidence):
        raise InputError(
            source,
            "object pose",
            found=f"the object lost in {lost} of {len(confidence)} frames",
            expected=f"at most {limits.largest_lost_share:.0%} of them",
            remedy="check that prompt and mesh belong to this object, that the mesh is in metres, and the overlay",
        )
    time = (stamp_ns - stamp_ns[0]) * 1e-9
    after = np.clip(np.searchsorted(known, np.arange(len(time))), 0, len(known) - 1)
    before = np.where(known[after] == np.arange(len(time)), after, np.maximum(after - 1, 0))
    a, b = known[before], known[after]
    gap = np.maximum(time[b] - time[a], 1e-9)
    part = np.clip((time - time[a]) / gap, 0.0, 1.0)
    bridged = interpolate_pose(T_world_object[a], T_world_object[b], part)
    return _smooth(time, bridged, limits.smoothing_window_s)


def _smooth(time: FloatArray, T: FloatArray, window_s: float) -> FloatArray:
    """Value at each frame of straight lines through its centred window; the ends use a shorter one."""
    smooth = T.copy()
    for frame in range(len(time)):
        reach = min(0.5 * window_s, time[frame] - time[0], time[-1] - time[frame]) + 1e-6
        near = np.abs(time - time[frame]) <= reach
        lag = time[near] - time[frame]
        R = T[frame, :3, :3]
        turn = vector_from_rotation(R.T @ T[near, :3, :3])
        value = _line_at_zero(lag, np.concatenate([T[near, :3, 3], turn], axis=1))
        smooth[frame] = pose(R @ rotation_from_vector(value[3:]), value[:3])
    return smooth


def _line_at_zero(lag: FloatArray, values: FloatArray) -> FloatArray:
    centred = lag - lag.mean()
    spread = float(centred @ centred)
    mean = values.mean(axis=0)
    return mean if spread < 1e-12 else mean - (centred @ values) / spread * lag.mean()
