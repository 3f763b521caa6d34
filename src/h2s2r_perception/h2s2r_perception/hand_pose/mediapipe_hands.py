"""The default hand pose estimator: MediaPipe landmarks, lifted with depth.

MediaPipe finds a palm in a 192 px copy of what it is shown, so a small hand in a whole frame escapes it. It
is shown a window instead: where motion, skin and depth say a hand could be (`hand_region`), until it finds
one; then the window around that hand, which moves only when the hand nears its edge, so that the palm is
not sought again in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks
from h2s2r_perception.hand_pose.hand_region import Box, HandRegionFinder, HandSigns, RegionConfiguration, square_in
from h2s2r_perception.hand_pose.hand_size import SizeMemory
from h2s2r_perception.hand_pose.lift import LiftConfiguration, lift_hand
from h2s2r_perception.hand_pose.mediapipe_graph import GraphConfiguration, HandGraph

_NO_CAMERA_FOCAL = 0.9
"""Focal length as a share of the image's width where none is known: that of a webcam."""


@dataclass(frozen=True)
class MediaPipeConfiguration:
    """How hard to look."""

    graph: GraphConfiguration = field(default_factory=GraphConfiguration)
    region: RegionConfiguration = field(default_factory=RegionConfiguration)
    window: float = 3.0
    """Side of the window round a hand that is followed, in sizes of the hand."""
    edge: float = 0.1
    """A hand nearer to the window's edge than this share of its side gets a new window."""
    hand_share: tuple[float, float] = (0.12, 0.7)
    """So does one whose size is a share of the window's side outside these."""
    crop_px: int = 256
    """A smaller window is enlarged to this: more than the 224 px that the landmark network takes."""
    tries: int = 3
    """Windows that are searched in a frame where the hand is not followed, 15 ms each."""
    remembered_frames: int = 30
    """How long the last hand's place is worth searching: 1 s at 30 Hz."""
    doubtful: float = 0.4
    """A hand of less confidence is sought once more in the same frame, elsewhere."""
    second_look_every: int = 3
    """Frames between such looks: each costs as much as two frames."""
    handedness_memory: float = 0.97
    """Share of the evidence for left or right that passes to the next frame."""


class MediaPipeHandDetector:
    """Finds one hand in each image of a video; remembers its window, the last image and the background."""

    def __init__(self, configuration: MediaPipeConfiguration | None = None) -> None:
        self._configuration = configuration or MediaPipeConfiguration()
        self._graph = HandGraph(self._configuration.graph)
        self._finder = HandRegionFinder(self._configuration.region)
        self._window: Box | None = None
        self._last_box: Box | None = None
        self._signs: HandSigns | None = None
        self._searches = 0
        self._right_evidence = 0.0

    def detect(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32] | None = None,
        focal_length_px: float | None = None,
    ) -> HandLandmarks | None:
        """Find the hand in the next image of the video, or return None.

        Args:
            rgb: Colour `(H, W, 3)`, red first.
            depth_m: Depth `(H, W)` [m], 0 where unknown; without it small hands are found by motion and colour.
            focal_length_px: Of the camera; a webcam's when None.
        """
        self._signs = self._finder.look(rgb, depth_m, focal_length_px or _NO_CAMERA_FOCAL * rgb.shape[1])
        hand = None if self._window is None else self._find_in(rgb, self._window)
        return self._kept(hand, rgb.shape) if hand is not None else self._search(rgb)

    def detect_afresh(self, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
        """Find the hand in the image that `detect` saw last, as if none had been found there."""
        self.forget()
        return self._search(rgb)

    def _search(self, rgb: NDArray[np.uint8]) -> HandLandmarks | None:
        self._window = None
        regions = self._signs.regions() if self._signs is not None else []
        windows = self._windows(regions, rgb.shape)
        self._searches += 1
        for window in windows[: self._configuration.tries]:
            hand = self._find_in(rgb, window)
            if hand is not None:
                self._window, self._searches = window, 0
                return self._kept(hand, rgb.shape)
        return None

    def forget(self) -> None:
        """What was found is no hand: look elsewhere next."""
        self._graph.forget()
        self._window = self._last_box = None

    def close(self) -> None:
        """Release the MediaPipe graph."""
        self._graph.close()

    def _find_in(self, rgb: NDArray[np.uint8], window: Box) -> HandLandmarks | None:
        x0, y0, x1, y1 = window
        crop = rgb[y0:y1, x0:x1]
        scale = max(1.0, self._configuration.crop_px / min(crop.shape[:2]))
        if scale > 1.0:
            crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        found = self._graph.find(crop)
        if found is None:
            return None
        size = np.array([crop.shape[1] / (x1 - x0), crop.shape[0] / (y1 - y0)])
        return HandLandmarks(found.pixels / size + [x0, y0], found.shape_m, found.score, found.right)

    def _windows(self, regions: list[Box], shape: tuple[int, ...]) -> list[Box]:
        """Where to look, the likeliest place first, the whole image among the first."""
        windows = []
        if self._last_box is not None and self._searches < self._configuration.remembered_frames:
            windows.append(self._round(self._last_box, shape))
        windows += regions
        whole = (0, 0, shape[1], shape[0])
        # What is sought in a frame alternates, so that in the next frames every place has its turn.
        first = self._searches % max(len(windows), 1)
        windows = windows[first:] + windows[:first]
        windows.insert(min(1, len(windows)), whole)
        return windows

    def _kept(self, hand: HandLandmarks, shape: tuple[int, ...]) -> HandLandmarks:
        """Note where the hand is, and move the window if it must; left or right is settled over time."""
        c = self._configuration
        low, high = hand.pixels.min(axis=0), hand.pixels.max(axis=0)
        box = (int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1)
        self._last_box = box
        wanted = self._round(box, shape)
        x0, y0, x1, y1 = self._window or wanted
        side = max(x1 - x0, y1 - y0)
        inside = min(box[0] - x0, box[1] - y0, x1 - box[2], y1 - box[3])
        share = max(box[2] - box[0], box[3] - box[1]) / side
        if (inside < c.edge * side or not c.hand_share[0] < share < c.hand_share[1]) and wanted != self._window:
            # The graph expects the hand at the same place of what it is shown.
            self._graph.forget()
            self._window = wanted
        # The score is that of the side, so its logarithmic odds add up.
        odds = np.log(np.clip(hand.score, 0.5, 0.99) / (1.0 - np.clip(hand.score, 0.5, 0.99)))
        self._right_evidence = c.handedness_memory * self._right_evidence + (odds if hand.right else -odds)
        return HandLandmarks(hand.pixels, hand.shape_m, hand.score, right=bool(self._right_evidence >= 0.0))

    def _round(self, box: Box, shape: tuple[int, ...]) -> Box:
        side = round(self._configuration.window * max(box[2] - box[0], box[3] - box[1], 32))
        return square_in(((box[0] + box[2] - side) // 2, (box[1] + box[3] - side) // 2), side, shape)


class MediaPipeHandEstimator:
    """`HandPoseEstimator` that needs no download; remembers how large the bones of the hand are.

    Args:
        configuration: Of the search; the defaults when None.
        lift: Of the fit; the defaults when None.
    """

    def __init__(
        self, configuration: MediaPipeConfiguration | None = None, lift: LiftConfiguration | None = None
    ) -> None:
        self._configuration = configuration or MediaPipeConfiguration()
        self._detector = MediaPipeHandDetector(self._configuration)
        self._lift = lift or LiftConfiguration()
        self._size = SizeMemory()
        self._doubtful = 0

    def estimate(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], camera_matrix: NDArray[np.float64]
    ) -> HandEstimate | None:
        """See `HandPoseEstimator.estimate`."""

        def lifted(landmarks: HandLandmarks | None) -> HandEstimate | None:
            if landmarks is None:
                return None
            return lift_hand(landmarks, depth_m, camera_matrix, self._lift, rgb=rgb, hand_size=self._size.size)

        landmarks = self._detector.detect(rgb, depth_m, float(camera_matrix[0, 0]))
        hand = lifted(landmarks)
        if landmarks is None or (hand is not None and hand.confidence >= self._configuration.doubtful):
            self._doubtful = 0
        else:
            # The graph holds on to what it follows, be it half a hand: a fresh look may find the whole.
            if self._doubtful % self._configuration.second_look_every == 0:
                hand = _surer(hand, lifted(self._detector.detect_afresh(rgb)))
            self._doubtful += 1
        if hand is None and landmarks is not None:
            self._detector.forget()
        if hand is not None:
            self._size.add(hand)
        return hand

    def close(self) -> None:
        """See `HandPoseEstimator.close`."""
        self._detector.close()


def _surer(first: HandEstimate | None, second: HandEstimate | None) -> HandEstimate | None:
    if first is None or second is None:
        return first or second
    return second if second.confidence > first.confidence else first
