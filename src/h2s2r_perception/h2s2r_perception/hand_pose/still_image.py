"""Find the hand in one image that is not part of a video, such as a crop cut close around it.

A palm detector needs some room around the hand, and a hand that is not too far turned. So before a hand counts as
missed, the image is shown with several margins, in four turns, to both of MediaPipe's networks, the last ones
less strict.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.estimator import HandLandmarks
from h2s2r_perception.hand_pose.mediapipe_graph import GraphConfiguration, HandGraph

_MARGINS = (0.15, 0.5, 0.0)
"""Added on each side, as a share of the longer side."""
_QUARTER_TURNS = (0, 1, 3, 2)
_LEAST_SIDE_PX = 256
"""Smaller images are enlarged: the landmark network takes 224 px of the hand alone."""
_LAX_CONFIDENCE = 0.25


class StillHandDetector:
    """Holds the graphs; those that are seldom needed are started when they are."""

    def __init__(self, configuration: GraphConfiguration | None = None) -> None:
        first = configuration or GraphConfiguration()
        other = replace(first, model_complexity=1 - min(first.model_complexity, 1))
        lax = replace(first, detection_confidence=_LAX_CONFIDENCE)
        self._configurations = (first, other, lax)
        self._graphs: dict[GraphConfiguration, HandGraph] = {first: HandGraph(first, still=True)}

    def find(self, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
        """The hand in an image `(H, W, 3)`, or None after every try; joints in its pixels."""
        for configuration in self._configurations:
            for margin, turns in itertools.product(_MARGINS, _QUARTER_TURNS):
                found = self._try(configuration, rgb, margin, turns)
                if found is not None:
                    return found
        return None

    def close(self) -> None:
        """Stop the graphs."""
        for graph in self._graphs.values():
            graph.close()

    def _try(
        self, configuration: GraphConfiguration, rgb: NDArray[np.uint8], margin: float, turns: int
    ) -> HandLandmarks | None:
        if configuration not in self._graphs:
            self._graphs[configuration] = HandGraph(configuration, still=True)
        scale = max(1.0, _LEAST_SIDE_PX / min(rgb.shape[:2]))
        image = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) if scale > 1.0 else rgb
        border = round(margin * max(image.shape[:2]))
        framed = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_CONSTANT)
        found = self._graphs[configuration].find(np.rot90(framed, turns).astype(np.uint8, copy=False))
        if found is None:
            return None
        pixels, shape_m = turned_back(found.pixels, found.shape_m, framed.shape[:2], turns)
        size = np.array([image.shape[1] / rgb.shape[1], image.shape[0] / rgb.shape[0]])
        return HandLandmarks((pixels - border) / size, shape_m, found.score, found.right)


def turned_back(
    pixels: NDArray[np.float64], shape_m: NDArray[np.float64], size: tuple[Any, ...], turns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Landmarks of an image that `np.rot90` turned, in the image before.

    Args:
        pixels: `(21, 2)` [px] in the turned image.
        shape_m: `(21, 3)` [m], x right and y down there.
        size: Height and width before [px].
        turns: Quarter turns anticlockwise.
    """
    height, width = size
    x, y = pixels[:, 0], pixels[:, 1]
    right, down, away = shape_m.T
    places = {
        0: (x, y, right, down),
        1: (width - y, x, -down, right),
        2: (width - x, height - y, -right, -down),
        3: (y, height - x, down, -right),
    }
    u, v, a, b = places[turns % 4]
    return np.stack([u, v], axis=1), np.stack([a, b, away], axis=1)
