"""Fit the hand of a whole recording once more, with the bones that all its frames agree on.

Frame by frame, an estimator knows this person's hand only from the frames before. With all frames at hand the
size of the bones is settled first, and every frame is fitted with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.estimator import HandEstimate
from h2s2r_perception.hand_pose.hand_size import HandSize, settle_size
from h2s2r_perception.hand_pose.lift import LiftConfiguration, fit_again


def fit_one_hand(
    estimates: Sequence[HandEstimate | None],
    camera_matrix: NDArray[np.float64],
    configuration: LiftConfiguration | None = None,
) -> tuple[list[HandEstimate | None], HandSize]:
    """Every frame with the same bones.

    Args:
        estimates: Of all frames; those of an estimator that does not say what it measured are left as they are.
        camera_matrix: Intrinsics `(3, 3)` [px].
        configuration: The defaults when None.

    Returns:
        The estimates, None where no hand of this size agrees with what was measured, and the size.
    """
    size = settle_size([hand for hand in estimates if hand is not None])
    fitted = list(estimates)
    frames = [index for index, hand in enumerate(estimates) if hand is not None and hand.measured is not None]
    hands = [estimates[index] for index in frames]
    again = fit_again([(h.pixels, h.measured, h.right) for h in hands], camera_matrix, size, configuration)  # type: ignore
    for index, hand in zip(frames, again, strict=True):
        fitted[index] = hand
    return fitted, size
