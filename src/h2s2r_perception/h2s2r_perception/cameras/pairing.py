"""Colour and depth that come separately, brought together by their stamps."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

COLOUR, DEPTH = "colour", "depth"
_WAITING = 6
"""Images of one kind that wait for their partner; a partner later than this was lost on the way."""


class Pairing(Generic[T]):
    """Remembers the images whose partner has not come yet.

    Args:
        tolerance_ns: Colour and depth belong together when their stamps differ by no more than this [ns]. Drivers
            that align depth stamp both alike; others are off by some milliseconds. Below half a period, no image
            can find the wrong partner.
    """

    def __init__(self, tolerance_ns: int = 0) -> None:
        self._tolerance_ns = tolerance_ns
        self._waiting: dict[Hashable, deque[tuple[int, T]]] = {COLOUR: deque(), DEPTH: deque()}
        self.lost = 0
        """Images that never found a partner."""

    def add(self, kind: str, stamp_ns: int, image: T) -> tuple[T, T] | None:
        """Take one image; the pair `(colour, depth)` if its partner was waiting, else None."""
        others = self._waiting[DEPTH if kind == COLOUR else COLOUR]
        for other_ns, other in others:
            if abs(other_ns - stamp_ns) <= self._tolerance_ns:
                self._forget_until(max(other_ns, stamp_ns))
                return (image, other) if kind == COLOUR else (other, image)
        own = self._waiting[kind]
        own.append((stamp_ns, image))
        if len(own) > _WAITING:
            own.popleft()
            self.lost += 1
        return None

    def _forget_until(self, stamp_ns: int) -> None:
        # What is older than a pair has lost its partner; the pair's own image is no loss.
        for waiting in self._waiting.values():
            while waiting and waiting[0][0] <= stamp_ns:
                self.lost += abs(waiting.popleft()[0] - stamp_ns) > self._tolerance_ns
