"""What a peer must do, and when each of them is done."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOVED_LESS_RAD = 1e-4
"""A posture stands still when no joint moves further in an iteration: a fingertip then moves by about 0.01 mm."""
MOST_ITERATIONS = 200
"""Hardly one hand in a hundred needs as many."""


class Peer(Protocol):
    """Finds postures for one robot; starts each from the embodiment's home."""

    def hand(self, fingertips: Array) -> Array:
        """Finger posture for fingertip targets, the palm standing still.

        Args:
            fingertips: `(F, 3)` m, palm frame.

        Returns:
            `(H,)` rad.
        """

    def arm_and_hand(self, T_world_palm: Array, fingertips: Array) -> Array:
        """Posture of the whole robot for a palm pose and fingertip targets.

        Args:
            T_world_palm: `(4, 4)`.
            fingertips: `(F, 3)` m, palm frame of the target.

        Returns:
            `(J,)` rad.
        """
