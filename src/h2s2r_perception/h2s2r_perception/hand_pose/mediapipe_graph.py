"""MediaPipe's hand landmark graph: the only module that knows the package.

A graph looks for a palm in a 192 px copy of the image and then follows the hand at full resolution. Looking
costs about as much as following (12 to 15 ms each on one core), whatever the image's size.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandLandmarks


@dataclass(frozen=True)
class GraphConfiguration:
    """Of MediaPipe's two networks."""

    model_complexity: int = 1
    """0 follows at 6 ms instead of 12 on one core, and errs 1.4 mm more on real hands."""
    detection_confidence: float = 0.3
    """Of the palm detector; lower than MediaPipe's 0.5, because depth refuses later what is no hand."""
    tracking_confidence: float = 0.5
    """Below it the graph looks for the palm afresh."""


class HandGraph:
    """One running graph; unless `still`, it remembers where the hand was in the last image.

    Args:
        configuration: The defaults when None.
        still: Every image is a new one.

    Raises:
        InputError: mediapipe is not installed, or is a release without its models inside.
    """

    def __init__(self, configuration: GraphConfiguration | None = None, *, still: bool = False) -> None:
        self._hands = _start(configuration or GraphConfiguration(), still)

    def find(self, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
        """The hand in an image `(H, W, 3)`, or None; joints in its pixels."""
        with _silent_stderr():
            result = self._hands.process(np.ascontiguousarray(rgb))
        if not result.multi_hand_landmarks:
            return None
        size = np.array([rgb.shape[1], rgb.shape[0]])
        pixels = np.array([[p.x, p.y] for p in result.multi_hand_landmarks[0].landmark]) * size
        shape_m = np.array([[p.x, p.y, p.z] for p in result.multi_hand_world_landmarks[0].landmark])
        label = result.multi_handedness[0].classification[0]
        # MediaPipe names hands as in a mirror.
        return HandLandmarks(pixels, shape_m, float(label.score), right=label.label == "Left")

    def forget(self) -> None:
        """Let go of the hand that is being followed; the next image is searched afresh."""
        self.find(np.zeros((64, 64, 3), np.uint8))

    def close(self) -> None:
        """Stop the graph."""
        self._hands.close()


def _start(configuration: GraphConfiguration, still: bool) -> Any:
    try:
        with _silent_stderr():
            import mediapipe

            hands = mediapipe.solutions.hands.Hands(
                static_image_mode=still,
                max_num_hands=1,
                model_complexity=configuration.model_complexity,
                min_detection_confidence=configuration.detection_confidence,
                min_tracking_confidence=configuration.tracking_confidence,
            )
            # The graph starts in threads that speak late; a first image waits for them.
            hands.process(np.zeros((64, 64, 3), np.uint8))
    except (ImportError, AttributeError) as error:
        raise InputError(
            "mediapipe",
            "hand pose estimator",
            found=str(error),
            expected="mediapipe 0.10.21, the last release with its models inside",
            remedy="pip install --no-deps mediapipe==0.10.21",
        ) from error
    return hands


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Hide what MediaPipe's C++ prints about itself; Python's exceptions are not affected."""
    sys.stderr.flush()
    saved = os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nothing:  # noqa: PTH123 - a device, not a path
        try:
            os.dup2(nothing.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
