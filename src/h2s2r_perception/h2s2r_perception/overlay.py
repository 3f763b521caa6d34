"""Draw the estimates over the video, so that a person can see whether they are right."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, transform_points
from h2s2r_perception.hand_pose.skeleton import PARENT

FloatArray = NDArray[np.float64]
Colour = tuple[int, int, int]

OUTLINE: Colour = (80, 230, 120)
DOUBTFUL: Colour = (250, 170, 60)
"""Of the outline of an object, and the skeleton of a hand, that is interpolated or uncertain."""
SKELETON: Colour = (90, 190, 255)
AXES: tuple[Colour, Colour, Colour] = ((255, 60, 60), (60, 220, 60), (80, 110, 255))
CONFIDENT = 0.5
"""Below this confidence an estimate is drawn as doubtful; a bridged object is below it."""
LARGEST_BYTES = 2_500_000
WIDEST_PX = 640


class Overlay:
    """Draws one object and one hand into images of one camera; remembers camera and object.

    Args:
        camera_matrix: Intrinsics `(3, 3)` [px].
        T_world_camera: Pose `(4, 4)` [m] of the camera.
        vertices: `(V, 3)` of the object's mesh [m] in its own frame.
    """

    def __init__(self, camera_matrix: FloatArray, T_world_camera: FloatArray, vertices: FloatArray) -> None:
        self._K = camera_matrix
        self._T_camera_world = inverse(T_world_camera)
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        corner = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
        self._corners = low + corner * (high - low)
        self._edges = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(corner[a] - corner[b]).sum() == 1]
        self._axes = np.concatenate([np.zeros((1, 3)), np.eye(3) * 0.6 * float((high - low).max())])

    def draw_object(self, image: NDArray[np.uint8], T_world_object: FloatArray, confidence: float) -> None:
        """Draw bounding box and axes (red x, green y, blue z) into an RGB image."""
        corners = self._project(transform_points(T_world_object, self._corners))
        colour = OUTLINE if confidence >= CONFIDENT else DOUBTFUL
        for a, b in self._edges:
            _line(image, corners[a], corners[b], colour, 1)
        axes = self._project(transform_points(T_world_object, self._axes))
        for axis, axis_colour in enumerate(AXES):
            _line(image, axes[0], axes[axis + 1], axis_colour, 2)

    def draw_hand(self, image: NDArray[np.uint8], joints_world: FloatArray, confidence: float) -> None:
        """Draw the skeleton of a hand `(21, 3)` [m] into an RGB image; nothing where it is NaN."""
        if not np.isfinite(joints_world).all():
            return
        joints = self._project(joints_world)
        colour = SKELETON if confidence >= CONFIDENT else DOUBTFUL
        for joint in range(1, len(PARENT)):
            _line(image, joints[PARENT[joint]], joints[joint], colour, 2)

    def _project(self, points_world: FloatArray) -> FloatArray:
        """Pixels `(P, 2)`; NaN behind the camera."""
        points = transform_points(self._T_camera_world, points_world)
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = points @ self._K.T / points[:, 2:]
        pixels[points[:, 2] < 0.01] = np.nan
        return pixels[:, :2]


def write_label(image: NDArray[np.uint8], text: str) -> None:
    """Write a line of text on a dark strip at the lower left of an RGB image."""
    height = image.shape[0]
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
    cv2.rectangle(image, (0, height - 28), (width + 16, height), (25, 25, 25), -1)
    cv2.putText(image, text, (8, height - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (240, 240, 240), 1, cv2.LINE_AA)


def write_video(path: Path, images: Iterable[NDArray[np.uint8]], frame_rate: float, frame_count: int) -> None:
    """Write RGB images as H.264, small enough to be put into a page.

    Args:
        path: An `.mp4` file.
        images: `(H, W, 3)` each, all of one size.
        frame_rate: Images for each second.
        frame_count: How many there are; bounds the bit rate.
    """
    import imageio_ffmpeg

    highest_rate = int(8 * LARGEST_BYTES * frame_rate / frame_count)
    limits = ["-crf", "23", "-preset", "veryfast", "-maxrate", str(highest_rate), "-bufsize", str(highest_rate)]
    writer = None
    try:
        for image in images:
            small = _fit(image)
            if writer is None:
                writer = imageio_ffmpeg.write_frames(
                    str(path),
                    (small.shape[1], small.shape[0]),
                    fps=frame_rate,
                    codec="libx264",
                    pix_fmt_out="yuv420p",
                    macro_block_size=2,
                    quality=None,
                    output_params=[*limits, "-movflags", "+faststart"],
                )
                writer.send(None)
            writer.send(np.ascontiguousarray(small))
    finally:
        if writer is not None:
            writer.close()


def _fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink to at most `WIDEST_PX`; H.264 wants even sides."""
    scale = min(1.0, WIDEST_PX / image.shape[1])
    size = (int(image.shape[1] * scale) // 2 * 2, int(image.shape[0] * scale) // 2 * 2)
    if size == (image.shape[1], image.shape[0]):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _line(image: NDArray[np.uint8], a: FloatArray, b: FloatArray, colour: Colour, width: int) -> None:
    # OpenCV counts in 32-bit sixteenths of a pixel; a point far outside would wrap around.
    if np.isfinite(a).all() and np.isfinite(b).all() and max(np.abs(a).max(), np.abs(b).max()) < 1e5:
        start, end = (tuple(int(v) for v in np.rint(point * 16.0)) for point in (a, b))
        cv2.line(image, start, end, colour, width, cv2.LINE_AA, 4)
