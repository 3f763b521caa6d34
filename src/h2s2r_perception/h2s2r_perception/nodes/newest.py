"""Work that takes longer than its input lasts: only the newest piece is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestOnly(Generic[T]):
    """Does work in a thread of its own; what has not begun when newer work comes is left out.

    Args:
        work: Called with one piece after the other.
    """

    def __init__(self, work: Callable[[T], None]) -> None:
        self.left_out = 0
        """Pieces that were never begun."""
        self._work = work
        self._next: T | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="newest", daemon=True)
        self._thread.start()

    def put(self, piece: T) -> None:
        """Give a piece; returns at once."""
        with self._changed:
            self.left_out += self._next is not None
            self._next = piece
            self._changed.notify()

    def close(self) -> None:
        """Let the piece that has begun be finished, and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next is not None)
                if self._closing:
                    return
                piece, self._next = self._next, None
            assert piece is not None
            self._work(piece)
