"""How large one person's hand is: the same bones in every frame of a recording.

A single frame tells a bone's length poorly; the median over the frames in which both its ends were seen tells
it well. Each length is the mean of what was measured and of an adult's at this hand's size, weighted by how sure
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.estimator import HandEstimate
from h2s2r_perception.hand_pose.skeleton import FIRST, LENGTH_M, SECOND

FloatArray = NDArray[np.float64]

_ADULT_ERROR_M = 0.004
_ADULT_ERROR_SHARE = 0.05
"""Standard deviation of an adult's bone about the average at the same size of the hand."""
_ADULT_SPREAD = 0.08
"""Standard deviation of the logarithm of an adult hand's size."""
_FRAME_ERROR_M = 0.008
"""Of a length in one frame, both ends seen."""
_BIAS_M = 0.0025
"""What no number of frames removes: landmarks err alike in all of them."""
_SIZE_BIAS = 0.02
_CLEAR_CONFIDENCE = 0.7
_CLEAR_JOINTS = 11
_CLEAREST = 1.0 / 3.0
"""Share of the clear frames that are used, those with most joints in sight: half-hidden hands are fitted too small."""
_LEAST_FRAMES = 3
_LONGEST_MEMORY = 300
"""Frames: 10 s at 30 Hz are enough."""


@dataclass(frozen=True, eq=False)
class HandSize:
    """Distances between joints of one hand, and how well they are known."""

    lengths_m: FloatArray
    """`(28,)` of the pairs `skeleton.FIRST`, `skeleton.SECOND`."""
    errors_m: FloatArray
    """`(28,)` standard deviations, besides the common size."""
    spread: float
    """Standard deviation of the logarithm of the common size."""


ADULT = HandSize(LENGTH_M, _ADULT_ERROR_M + _ADULT_ERROR_SHARE * LENGTH_M, _ADULT_SPREAD)


def bone_lengths(joints: FloatArray) -> FloatArray:
    """Distances `(..., 28)` [m] of joints `(..., 21, 3)`."""
    lengths: FloatArray = np.linalg.norm(joints[..., FIRST, :] - joints[..., SECOND, :], axis=-1)
    return lengths


def settle_size(hands: Sequence[HandEstimate]) -> HandSize:
    """The size of the one hand in several frames; an adult's where too few show it well enough.

    Frames that show half a hand make it small, so only the clearest count.
    """
    clear = [hand for hand in hands if is_clear(hand)]
    if len(clear) < _LEAST_FRAMES:
        return ADULT
    clear.sort(key=_joints_in_sight, reverse=True)
    clear = clear[: max(_LEAST_FRAMES, round(_CLEAREST * len(clear)))]
    joints, seen = np.array([hand.joints_camera for hand in clear]), np.array([hand.seen for hand in clear])
    measured = np.where(seen[:, FIRST] & seen[:, SECOND], bone_lengths(joints), np.nan)
    count = np.isfinite(measured).sum(axis=0)
    size = float(np.exp(np.median([np.nanmedian(row) for row in np.log(measured / LENGTH_M)])))
    adult, adult_error = size * LENGTH_M, size * ADULT.errors_m
    median = np.array(
        [np.median(column[np.isfinite(column)]) if n else 0.0 for column, n in zip(measured.T, count, strict=True)]
    )
    trust = np.where(count > 0, 1.0 / (_FRAME_ERROR_M**2 / np.maximum(count, 1) + _BIAS_M**2), 0.0)
    certainty = 1.0 / adult_error**2 + trust
    spread = float(np.hypot(ADULT.spread / np.sqrt(1.0 + len(clear)), _SIZE_BIAS))
    return HandSize((adult / adult_error**2 + median * trust) / certainty, np.sqrt(1.0 / certainty), spread)


def is_clear(hand: HandEstimate) -> bool:
    """Whether a frame tells the size of the hand."""
    return hand.confidence >= _CLEAR_CONFIDENCE and _joints_in_sight(hand) >= _CLEAR_JOINTS


def _joints_in_sight(hand: HandEstimate) -> int:
    return 0 if hand.seen is None else int(hand.seen.sum())


class SizeMemory:
    """Remembers the last clear frames, and settles the hand's size now and then."""

    def __init__(self) -> None:
        self._clear: list[HandEstimate] = []
        self.size = ADULT

    def add(self, hand: HandEstimate) -> None:
        """Note one frame."""
        if not is_clear(hand):
            return
        self._clear.append(hand)
        del self._clear[:-_LONGEST_MEMORY]
        frames = len(self._clear)
        # The estimate changes less and less: it is made afresh each time there is a tenth more to tell.
        if frames % (1 + frames // 10) == 0:
            self.size = settle_size(self._clear)
