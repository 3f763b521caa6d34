"""Which colour and which depth image are one frame, by the time they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError


@dataclass(frozen=True, eq=False)
class StampPairs:
    """Pairs of stamps, and what did not pair."""

    stamp_ns: NDArray[np.int64]
    """`(P, 2)` colour and depth [ns], increasing."""
    notes: tuple[str, ...]


def pair_stamps(
    colour_ns: NDArray[np.int64], depth_ns: NDArray[np.int64], tolerance_s: float, source: Path | str
) -> StampPairs:
    """Pair each colour stamp with the depth stamp that is nearest to it, if that is also true the other way.

    Args:
        colour_ns: `(C,)` [ns], increasing.
        depth_ns: `(D,)` [ns], increasing.
        tolerance_s: Stamps further apart than this are no pair [s].
        source: Named in errors.

    Raises:
        InputError: There are no images, they carry no stamps, or no two are near enough.
    """
    for name, stamps in (("colour", colour_ns), ("depth", depth_ns)):
        if len(stamps) == 0:
            raise InputError(source, name, found="no image", expected="at least one", remedy="record this topic too")
        if stamps[0] <= 0:
            raise InputError(
                source, f"{name} stamps", found=str(stamps[0]), expected="a time", remedy="let the driver set stamps"
            )
    nearest_depth = _nearest(depth_ns, colour_ns)
    nearest_colour = _nearest(colour_ns, depth_ns)
    mutual = nearest_colour[nearest_depth] == np.arange(len(colour_ns))
    offset_s = (depth_ns[nearest_depth] - colour_ns) * 1e-9
    paired = mutual & (np.abs(offset_s) <= tolerance_s)
    if not paired.any():
        raise InputError(
            source,
            "stamps",
            found=f"colour and depth {float(np.median(offset_s)):+.3f} s apart (median of {len(colour_ns)})",
            expected=f"pairs at most {tolerance_s:g} s apart",
            remedy="let both streams use one clock, or raise --pairing-tolerance",
        )
    stamp_ns = np.stack([colour_ns[paired], depth_ns[nearest_depth[paired]]], axis=1)
    notes = [f"colour and depth {1e3 * float(np.median(np.abs(offset_s[paired]))):.1f} ms apart (median)"]
    if (alone := len(colour_ns) - len(stamp_ns)) or len(depth_ns) > len(stamp_ns):
        notes.append(f"left out: {alone} colour, {len(depth_ns) - len(stamp_ns)} depth images without a partner")
    return StampPairs(stamp_ns, tuple(notes))


def _nearest(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Index of the nearest of `values` (increasing) for each of `wanted`."""
    right = np.clip(np.searchsorted(values, wanted), 1, max(len(values) - 1, 1))
    right = np.minimum(right, len(values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(values[right] - wanted) < np.abs(values[left] - wanted), right, left)
