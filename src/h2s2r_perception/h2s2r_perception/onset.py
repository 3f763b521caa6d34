"""When the object starts and stops moving: the one detector for hand frame and goal trajectory.

Speed is that of the slope of a straight line fitted to the pose over a centred window,

    speed = |v| + r |w|,   r = 0.1 m,

so a turn in place counts like a shift, and noise is averaged without looking further ahead than
behind. The published system measures translation alone over a window that looks 1 s ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import vector_from_rotation


@dataclass(frozen=True)
class OnsetConfiguration:
    """What counts as motion, and how long before it the hand is taken."""

    speed_threshold_m_s: float = 0.02
    """Below the 5 cm/s of the paper, because the window leaves less noise (1 mm of white noise at
    30 Hz becomes 4 mm/s for each axis) and the slow first centimetre belongs to the motion."""
    window_s: float = 0.3
    """Length of the fitted window; an abrupt start is seen at most half of it too early."""
    lever_arm_m: float = 0.1
    """r above: about half the size of an object that a hand moves."""
    minimum_duration_s: float = 0.2
    """A shorter burst is a tracking glitch."""
    minimum_travel_m: float = 0.02
    """Displacement (with `lever_arm_m` times the turn) that a burst must reach; noise does not travel."""
    premanipulation_offset_s: float = 1.0
    """From the pre-manipulation frame to the first motion: 30 frames at 30 Hz, as published."""


@dataclass(frozen=True)
class Motion:
    """Frames between which the object moves, both inclusive, and the frame shortly before."""

    start: int
    end: int
    premanipulation_index: int


def detect_motion(
    stamp_ns: NDArray[np.int64],
    T_world_object: NDArray[np.float64],
    configuration: OnsetConfiguration | None = None,
    *,
    source: Path | str = "object path",
) -> Motion:
    """Find the frames in which the object moves.

    Pauses between two motions belong to the motion. The pre-manipulation frame is clipped to the
    first frame when the recording starts later than the offset before the motion.

    Args:
        stamp_ns: `(T,)`, strictly increasing.
        T_world_object: `(T, 4, 4)` object poses [m] in any fixed frame.
        configuration: Thresholds; the defaults when None.
        source: Named in errors.

    Raises:
        InputError: The object never moves, or already moves in the first frame.
    """
    limits = configuration or OnsetConfiguration()
    speed = object_speed(stamp_ns, T_world_object, limits)
    bursts = [
        (first, last)
        for first, last in _runs(speed > limits.speed_threshold_m_s)
        if (stamp_ns[last] - stamp_ns[first]) * 1e-9 >= limits.minimum_duration_s
        and _travel(T_world_object[first : last + 1], limits.lever_arm_m) >= limits.minimum_travel_m
    ]
    if not bursts:
        raise InputError(
            source,
            "object motion",
            found=f"none: at most {speed.max():.3f} m/s in {len(stamp_ns)} frames",
            expected=f"an object that moves faster than {limits.speed_threshold_m_s} m/s"
            f" and further than {limits.minimum_travel_m} m",
            remedy="check the overlay and the object's mask, or record the demonstration again",
        )
    start, end = bursts[0][0], bursts[-1][1]
    if start == 0:
        raise InputError(
            source,
            "object motion",
            found="an object that moves from the first frame on",
            expected="an object at rest before the hand reaches it",
            remedy="start the recording before the hand touches the object",
        )
    wanted = stamp_ns[start] - round(limits.premanipulation_offset_s * 1e9)
    return Motion(start, end, int(np.argmin(np.abs(stamp_ns - wanted))))


def object_speed(
    stamp_ns: NDArray[np.int64], T_world_object: NDArray[np.float64], configuration: OnsetConfiguration
) -> NDArray[np.float64]:
    """Speed `|v| + r |w|` [m/s] of each frame `(T,)`; the ends repeat the nearest full window's."""
    frames = len(stamp_ns)
    time = (stamp_ns - stamp_ns[0]) * 1e-9
    half = min(max(1, round(0.5 * configuration.window_s / float(np.median(np.diff(time))))), (frames - 1) // 2)
    R, position = T_world_object[:, :3, :3], T_world_object[:, :3, 3]
    speed = np.zeros(frames)
    for centre in range(half, frames - half):
        window = slice(centre - half, centre + half + 1)
        lag = time[window] - time[window].mean()
        turn = vector_from_rotation(R[centre].T @ R[window])
        slope = lag @ np.concatenate([position[window], turn], axis=1) / (lag @ lag)
        speed[centre] = np.linalg.norm(slope[:3]) + configuration.lever_arm_m * np.linalg.norm(slope[3:])
    speed[:half] = speed[half]
    speed[frames - half :] = speed[frames - half - 1]
    return speed


def _travel(T: NDArray[np.float64], lever_arm_m: float) -> float:
    shift = np.linalg.norm(T[:, :3, 3] - T[0, :3, 3], axis=1)
    turn = np.linalg.norm(vector_from_rotation(T[0, :3, :3].T @ T[:, :3, :3]), axis=1)
    return float((shift + lever_arm_m * turn).max())


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))
