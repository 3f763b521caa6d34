"""Which robot palm belongs to a hand: the hand's own, or the one it was engaged with, moved as the hand has moved."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class ClutchMode(Enum):
    """What engaging means."""

    ABSOLUTE = "absolute"
    """The palm goes where the hand is."""
    RELATIVE = "relative"
    """The palm stays where it is, and moves from there as the hand moves: in the world's axes, about its own origin."""


class Clutch:
    """Remembers, while engaged, hand and palm at the moment of engaging.

    Args:
        mode: What engaging means.
    """

    def __init__(self, mode: ClutchMode) -> None:
        self.mode = mode
        self._anchor: tuple[Array, Array] | None = None

    @property
    def engaged(self) -> bool:
        """Whether the hand moves the palm."""
        return self._anchor is not None

    def engage(self, T_world_hand: Array, T_world_palm: Array) -> None:
        """Couple the palm `(4, 4)`, where it is, to the hand `(4, 4)`."""
        self._anchor = (T_world_hand.copy(), T_world_palm.copy())

    def release(self) -> None:
        """The hand moves nothing any more."""
        self._anchor = None

    def palm(self, T_world_hand: Array) -> Array:
        """Where the palm belongs `(4, 4)` for a hand `(4, 4)`; only while engaged."""
        if self._anchor is None:
            raise ValueError("the clutch is not engaged")
        if self.mode is ClutchMode.ABSOLUTE:
            return T_world_hand.copy()
        T_hand, T_palm = self._anchor
        T = T_palm.copy()
        T[:3, :3] = T_world_hand[:3, :3] @ T_hand[:3, :3].T @ T_palm[:3, :3]
        T[:3, 3] += T_world_hand[:3, 3] - T_hand[:3, 3]
        return T
