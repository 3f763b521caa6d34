"""Frames of a Recording one after the other, decoded by a second thread while the caller works on the last one."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.recording.reading import Recording

_AHEAD = 3
"""Frames decoded before they are asked for; more would only take memory."""

Images = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Colour `(H, W, 3)`, red first, and depth `(H, W)` [m]."""


def frames_in_order(recording: Recording, indices: Iterable[int]) -> Generator[Images, None, None]:
    """Colour and depth of some frames, in the order given.

    Raises:
        InputError: A frame cannot be decoded; raised when it is its turn.
    """

    def decode(index: int) -> Images:
        return recording.rgb(index), recording.depth_m(index)

    waiting: deque[Future[Images]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as decoder:
        try:
            for index in indices:
                waiting.append(decoder.submit(decode, index))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
