"""The default hand pose estimator: MediaPipe landmarks, lifted with depth.

MediaPipe finds a palm in a 192 px copy of the image and then follows it at full resolution. A small
hand is lost in that copy, so where the whole frame shows no hand, enlarged crops are searched: around
the last hand, then around what moved.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks
from h2s2r_perception.hand_pose.lift import LiftConfiguration, lift_hand

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 [px], the last two exclusive."""


@dataclass(frozen=True)
class MediaPipeConfiguration:
    """How hard to look."""

    detection_confidence: float = 0.5
    """MediaPipe's own default for its palm detector."""
    tracking_confidence: float = 0.5
    """Below it MediaPipe detects the palm afresh."""
    crop_size_px: int = 384
    """Side to which a crop is enlarged: twice the detector's input."""
    crop_margin: float = 0.75
    """Margin around the last hand, in hand sizes, on each side."""
    remembered_frames: int = 30
    """How long the last hand's place is worth searching: 1 s at 30 Hz."""
    changed_level: int = 12
    """Grey levels by which a pixel must change to count as moving: above the noise of a camera."""


class MediaPipeHandDetector:
    """Finds one hand in each image of a video; remembers where it was and the last image."""

    def __init__(self, configuration: MediaPipeConfiguration | None = None) -> None:
        self._configuration = configuration or MediaPipeConfiguration()
        self._video = _hands(self._configuration, static=False)
        self._still = _hands(self._configuration, static=True)
        self._last_box: Box | None = None
        self._unseen = 0
        self._last_grey: NDArray[np.uint8] | None = None

    def detect(self, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
        """Find the hand in the next image `(H, W, 3)` of the video, or return None."""
        moved = self._moved_box(rgb)
        hand = _process(self._video, rgb)
        if hand is None:
            crops = [box for box in (self._remembered_box(rgb), moved) if box is not None]
            hand = next((found for box in crops if (found := self._detect_in(rgb, box)) is not None), None)
        if hand is None:
            self._unseen += 1
        else:
            low, high = hand.pixels.min(axis=0), hand.pixels.max(axis=0)
            self._last_box = (int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1)
            self._unseen = 0
        return hand

    def close(self) -> None:
        """Release the two MediaPipe graphs."""
        self._video.close()
        self._still.close()

    def _detect_in(self, rgb: NDArray[np.uint8], box: Box) -> HandLandmarks | None:
        x0, y0, x1, y1 = box
        scale = self._configuration.crop_size_px / max(x1 - x0, y1 - y0)
        crop = cv2.resize(rgb[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        found = _process(self._still, np.ascontiguousarray(crop, dtype=np.uint8))
        if found is None:
            return None
        size = np.array([crop.shape[1] / (x1 - x0), crop.shape[0] / (y1 - y0)])
        return HandLandmarks(found.pixels / size + [x0, y0], found.shape_m, found.score, found.right)

    def _remembered_box(self, rgb: NDArray[np.uint8]) -> Box | None:
        if self._last_box is None or self._unseen > self._configuration.remembered_frames:
            return None
        return _square(self._last_box, self._configuration.crop_margin, rgb.shape)

    def _moved_box(self, rgb: NDArray[np.uint8]) -> Box | None:
        """Square around what changed since the last image, if that is smaller than the image."""
        grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        last, self._last_grey = self._last_grey, grey.astype(np.uint8, copy=False)
        if last is None or last.shape != grey.shape:
            return None
        changed = (cv2.absdiff(grey, last) > self._configuration.changed_level).astype(np.uint8)
        changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(changed)
        if width == 0:
            return None
        return _square((4 * x, 4 * y, 4 * (x + width), 4 * (y + height)), 0.25, rgb.shape)


class MediaPipeHandEstimator:
    """`HandPoseEstimator` that needs no download: MediaPipe landmarks lifted with depth."""

    def __init__(
        self, configuration: MediaPipeConfiguration | None = None, lift: LiftConfiguration | None = None
    ) -> None:
        self._detector = MediaPipeHandDetector(configuration)
        self._lift = lift or LiftConfiguration()

    def estimate(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: NDArray[np.float64]
    ) -> HandEstimate | None:
        """See `HandPoseEstimator.estimate`."""
        landmarks = self._detector.detect(rgb)
        return None if landmarks is None else lift_hand(landmarks, depth_m, camera_matrix, self._lift)

    def close(self) -> None:
        """See `HandPoseEstimator.close`."""
        self._detector.close()


def _square(box: Box, margin: float, shape: tuple[int, ...]) -> Box:
    """The square around a box, widened by `margin` times its side, moved into the image."""
    x0, y0, x1, y1 = box
    side = round(min(max(x1 - x0, y1 - y0, 48) * (1.0 + 2.0 * margin), min(shape[:2])))
    left = int(np.clip((x0 + x1 - side) // 2, 0, shape[1] - side))
    top = int(np.clip((y0 + y1 - side) // 2, 0, shape[0] - side))
    return left, top, left + side, top + side


def _hands(configuration: MediaPipeConfiguration, *, static: bool) -> Any:
    try:
        with _silent_stderr():
            import mediapipe

            hands = mediapipe.solutions.hands.Hands(
                static_image_mode=static,
                max_num_hands=1,
                model_complexity=1,
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


def _process(hands: Any, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
    with _silent_stderr():
        result = hands.process(rgb)
    if not result.multi_hand_landmarks:
        return None
    size = np.array([rgb.shape[1], rgb.shape[0]])
    pixels = np.array([[p.x, p.y] for p in result.multi_hand_landmarks[0].landmark]) * size
    shape_m = np.array([[p.x, p.y, p.z] for p in result.multi_hand_world_landmarks[0].landmark])
    label = result.multi_handedness[0].classification[0]
    # MediaPipe names hands as in a mirror.
    return HandLandmarks(pixels, shape_m, float(label.score), right=label.label == "Left")


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
