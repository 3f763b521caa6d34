"""Frames in which nobody saw the object: which may be bridged, and which leave the path unknown."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle

FloatArray = NDArray[np.float64]

FILLED_CONFIDENCE = 0.5
"""Above any confidence of a bridged pose, and at most that of a measured one."""
_STILL_S = 0.3
"""Over this long it lay still, if it rested."""


@dataclass(frozen=True)
class GapConfiguration:
    """How long the object may be out of sight."""

    doubtful_m: float = 0.005
    """A bridge that may be this far off has half of `FILLED_CONFIDENCE`."""
    longest_gap_s: float = 1.5
    """While it moves: a second behind a hand, and what it takes to be found again."""
    longest_rest_gap_s: float = 10.0
    """Where it is found as it was left: it rested meanwhile, behind a person or while the camera was away."""
    rest_m: float = 0.005
    rest_rad: float = 0.05
    """What "as it was left" means; at an end of the recording: what "lay still" means."""


def bridge_is_known(
    time: FloatArray,
    T_world_object: FloatArray,
    measured: NDArray[np.bool_],
    configuration: GapConfiguration,
    source: Path | str,
) -> None:
    """Accept the gaps of a path `(T, 4, 4)` [m], or say which of them is too long.

    Args:
        time: `(T,)` [s].
        T_world_object: The path, bridged.
        measured: `(T,)` where it was seen.
        configuration: Limits.
        source: Named in the error.

    Raises:
        InputError: In the longest gap nothing says where the object was.
    """
    if not measured.any():
        raise InputError(
            source,
            "object pose",
            found=f"the object lost in all {len(measured)} frames",
            expected="an object that is seen",
            remedy="check that prompt and mesh belong to this object, and the overlay",
        )
    # The ends count as well, and so does time in which there are no frames at all: a camera that was pulled out.
    stations = np.union1d(np.flatnonzero(measured), [0, len(time) - 1]).tolist()
    for before, after in itertools.pairwise(stations):
        lasts_s = float(time[after] - time[before])
        if lasts_s <= configuration.longest_gap_s:
            continue
        rests = _rests(time, T_world_object, measured, before, after, configuration)
        limit_s = configuration.longest_rest_gap_s if rests else configuration.longest_gap_s
        if lasts_s > limit_s:
            raise InputError(
                source,
                f"object pose, frames {before} to {after}",
                found=f"the object out of sight for {lasts_s:.1f} s {'at rest' if rests else 'while it moves'}",
                expected=f"at most {limit_s:g} s",
                remedy="record again with the object in view of the camera, or give a better prompt and check the mesh",
            )


def _rests(
    time: FloatArray,
    T: FloatArray,
    measured: NDArray[np.bool_],
    before: int,
    after: int,
    configuration: GapConfiguration,
) -> bool:
    """Whether it lies after the gap as it did before; at an end of the recording: whether it lay still next to it."""
    seen = np.flatnonzero(measured)
    if not measured[before]:
        before, after = after, int(seen[np.searchsorted(time[seen], time[after] + _STILL_S, side="right") - 1])
    elif not measured[after]:
        before, after = int(seen[np.searchsorted(time[seen], time[before] - _STILL_S)]), before
    shift = np.linalg.norm(T[after, :3, 3] - T[before, :3, 3])
    turn = rotation_angle(T[before, :3, :3], T[after, :3, :3])
    return bool(shift < configuration.rest_m and turn < configuration.rest_rad)
