"""Recording while it happens: frames in, warnings at once, a whole Recording with its quality at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.cameras.source import CameraFrame, CameraHealth
from h2s2r_perception.image_points import Crop
from h2s2r_perception.recording.findings import Limits
from h2s2r_perception.recording.frame_quality import FrameQuality
from h2s2r_perception.recording.quality import GAP_S, LIMITS, QualityLog, RecordingQuality
from h2s2r_perception.recording.writer import RecordingWriter
from h2s2r_perception.segmentation import Workspace

FloatArray = NDArray[np.float64]

_JUDGED = 3
"""One frame in this many is judged: 15 ms each, and what is wrong with a picture lasts longer."""
_REMEMBERED = 10
"""Judged frames that a warning looks back on: one second."""
_STRIDE = 4
"""Depth pixels looked at when the workspace is searched, in each direction."""
_ABOVE_TABLE_M = 0.015
_LEAST_POINTS = 12
"""Fewer depth pixels above the table are noise."""


class Warnings:
    """Remembers what is wrong now; tells it once when it begins."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._active: dict[str, str] = {}

    def set(self, name: str, text: str) -> None:
        """State a condition, or with an empty text that it is over."""
        if text and name not in self._active:
            self._tell(text)
        if text:
            self._active[name] = text
        else:
            self._active.pop(name, None)

    @property
    def now(self) -> tuple[str, ...]:
        """All that is wrong now."""
        return tuple(self._active.values())


class RecordingSession:
    """One take. Use in a `with` statement and `add` frames; `finish` before leaving makes the Recording.

    Args:
        folder: Where the Recording goes; what was there is replaced when the new one is whole.
        camera_matrix: `(3, 3)` [px].
        T_world_camera: `(4, 4)` [m] pose of the optical frame; the identity while nobody has calibrated.
        camera_name: For people.
        tell: Told each warning once when it begins.
        workspace: Where the object stands, to warn when nothing is there; None when unknown.
        configuration: What shaped the take (kept in `meta.json`).
        limits: From which figure on something is said.

    Raises:
        InputError: The disk is full or the folder cannot be written; what was there before is kept.
    """

    def __init__(
        self,
        folder: Path,
        *,
        camera_matrix: FloatArray,
        T_world_camera: FloatArray,
        camera_name: str,
        tell: Callable[[str], None],
        workspace: Workspace | None = None,
        configuration: Any = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.folder = folder
        self.warnings = Warnings(tell)
        self._camera_matrix, self._T_world_camera = camera_matrix, T_world_camera
        self._workspace = workspace
        self._limits = limits
        self._log = QualityLog()
        self._recent: deque[FrameQuality] = deque(maxlen=_REMEMBERED)
        self._dropped_before: int | None = None
        self._dropped = 0
        self._seen_something = False
        self._image_size: tuple[int, int] | None = None
        self._writer = RecordingWriter.create(
            folder,
            camera_matrix=camera_matrix,
            T_world_camera=T_world_camera,
            camera_name=camera_name,
            configuration=configuration,
        )

    def __enter__(self) -> RecordingSession:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    @property
    def frame_count(self) -> int:
        """Frames so far."""
        return len(self._log.stamp_ns)

    @property
    def duration_s(self) -> float:
        """From the first to the last frame."""
        stamps = self._log.stamp_ns
        return (stamps[-1] - stamps[0]) * 1e-9 if stamps else 0.0

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height [px] of the frames; twice the principal point before the first has come."""
        return self._image_size or (round(2 * self._camera_matrix[0, 2]), round(2 * self._camera_matrix[1, 2]))

    @property
    def last_frame(self) -> FrameQuality | None:
        """Figures of the frame judged last."""
        return self._recent[-1] if self._recent else None

    def add(self, frame: CameraFrame, health: CameraHealth | None = None) -> None:
        """Keep a frame; a frame no newer than the last is left out.

        Args:
            frame: Colour and depth.
            health: The camera's counts, to warn of dropped frames.
        """
        stamps = self._log.stamp_ns
        if stamps and frame.stamp_ns <= stamps[-1]:
            return
        pause_s = (frame.stamp_ns - stamps[-1]) * 1e-9 if stamps else 0.0
        self._image_size = (frame.rgb.shape[1], frame.rgb.shape[0])
        self._writer.append(frame.rgb, frame.depth_mm, frame.stamp_ns)
        stamps.append(frame.stamp_ns)
        self.warnings.set("gap", f"a gap of {pause_s:.1f} s without frames" if pause_s > GAP_S else "")
        if health is not None:
            if self._dropped_before is None:  # what was lost before the take is none of its frames
                self._dropped_before = health.dropped_frames if len(stamps) == 1 else 0
                self._dropped = self._dropped_before
            missed = health.dropped_frames - self._dropped
            self._dropped = health.dropped_frames
            self.warnings.set("dropped", f"{missed} frames dropped" if missed else "")
        if len(stamps) % _JUDGED == 1:
            self._judge(frame)

    def _judge(self, frame: CameraFrame) -> None:
        figures = self._log.judge(frame.rgb, frame.depth_m)
        self._log.frames.append(figures)
        self._recent.append(figures)
        holes, over, under = (
            float(np.median([getattr(f, name) for f in self._recent]))
            for name in ("hole_fraction", "over_exposed_fraction", "under_exposed_fraction")
        )
        blurs = [f.blur_px for f in list(self._recent)[-3:] if np.isfinite(f.blur_px)]
        blur = float(np.median(blurs)) if blurs else 0.0
        limits, say = self._limits, self.warnings.set
        say("holes", f"no depth in {holes:.0%} of the image" if holes > limits.hole_fraction else "")
        say("over", f"{over:.0%} of the image is burnt out" if over > limits.over_exposed_fraction else "")
        say("under", f"{under:.0%} of the image is black" if under > limits.under_exposed_fraction else "")
        say("blur", f"blurred by {blur:.1f} px: slower, or more light" if blur > limits.blur_px else "")
        self._look_for_object(frame.depth_m)

    def _look_for_object(self, depth_m: NDArray[np.float32]) -> None:
        if self._workspace is None:
            return
        points = points_above_table(depth_m, self._camera_matrix, self._T_world_camera, self._workspace)
        self._seen_something |= points >= _LEAST_POINTS
        text = "the object has left the view" if self._seen_something else "nothing stands in the workspace"
        self.warnings.set("object", text if points < _LEAST_POINTS else "")

    def finish(self, health: CameraHealth | None = None) -> RecordingQuality:
        """Figures of the take, kept in its `meta.json`; nothing may be added after it.

        Raises:
            InputError: No frame has come.
        """
        if not self.frame_count:
            raise InputError(
                self.folder, "frames", found="none", expected="at least one", remedy="check that the camera delivers"
            )
        quality = self._log.summary(self._T_world_camera, self._limits)
        if health is not None:
            counted = health.dropped_frames - (self._dropped_before or 0)
            quality = replace(quality, dropped_frames=max(quality.dropped_frames, counted))
        figures = quality.as_mapping()
        gaps = figures.pop("gaps")
        self._writer.set_quality({**figures, "reconnects": 0 if health is None else health.reconnects}, gaps)
        return quality


def points_above_table(
    depth_m: NDArray[np.float32], camera_matrix: FloatArray, T_world_camera: FloatArray, workspace: Workspace
) -> int:
    """How many depth pixels (one in 16 is looked at) lie above the table inside the workspace."""
    crop = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], _STRIDE)
    depth = crop.of(depth_m)
    world = (crop.rays(camera_matrix) * depth[..., None]) @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
    above = world[..., 2] - workspace.table_height_m
    inside = (depth > 0) & (above > _ABOVE_TABLE_M) & (above < workspace.height_m)
    inside &= np.all((world[..., :2] > workspace.lower_m) & (world[..., :2] < workspace.upper_m), axis=-1)
    return int(np.count_nonzero(inside))
