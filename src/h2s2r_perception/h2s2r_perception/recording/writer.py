"""Writes a Recording frame by frame; it appears only when whole."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import ArtefactWriter, writing
from h2s2r_perception.recording.calibration import FloatArray, check_camera_matrix, check_pose
from h2s2r_perception.recording.prompt import PROMPT_FILE, Prompt, check_prompt
from h2s2r_perception.recording.reading import DEPTH_SCALE_M, RECORDING_SCHEMA, frame_path

_QUEUED_FRAMES = 64
"""Frames waiting for the encoders before `append` waits too; bounds the memory (100 MB at 640x480)."""
_ENCODERS = min(4, os.cpu_count() or 1)
"""A frame of 640x480 takes one core 37 ms: one encoder alone would not keep up with 30 Hz."""
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)
"""Quicker than the default and, on images with sensor noise, smaller."""


class RecordingWriter:
    """Context manager made by `create`; leaving it normally puts the Recording in place.

    An exception inside the block, or a full disk, leaves whatever was there before.
    """

    def __init__(
        self,
        folder: Path,
        *,
        camera_matrix: FloatArray,
        T_world_camera: FloatArray,
        camera_name: str,
        inputs: Mapping[str, Path] | None,
        configuration: Any,
    ) -> None:
        self._folder = folder
        self._camera_matrix = np.asarray(camera_matrix, dtype=np.float64)
        self._T_world_camera = check_pose(T_world_camera, folder, "T_world_camera")
        self._camera_name = camera_name
        self._writing = writing(folder, RECORDING_SCHEMA, inputs=inputs, configuration=configuration)
        self._stamp_ns: list[int] = []
        self._image_size: tuple[int, int] | None = None
        self._prompt: Prompt | None = None
        self._pending: deque[Future[None]] = deque()

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        camera_matrix: FloatArray,
        T_world_camera: FloatArray,
        camera_name: str,
        inputs: Mapping[str, Path] | None = None,
        configuration: Any = None,
    ) -> RecordingWriter:
        """Prepare a Recording at `folder`; use the result in a `with` statement.

        Args:
            folder: Final place.
            camera_matrix: `(3, 3)` [px] of colour; depth must be aligned to it.
            T_world_camera: `(4, 4)` [m] pose of the optical frame in the world.
            camera_name: Free text for people.
            inputs: Files it is made from (their hashes are kept).
            configuration: What shaped it (kept, and compared by `is_current`).

        Raises:
            InputError: `T_world_camera` is not a rigid transform.
        """
        return cls(
            Path(folder),
            camera_matrix=camera_matrix,
            T_world_camera=T_world_camera,
            camera_name=camera_name,
            inputs=inputs,
            configuration=configuration,
        )

    def __enter__(self) -> RecordingWriter:
        self._artefact: ArtefactWriter = self._writing.__enter__()
        for kind in ("rgb", "depth"):
            (self._artefact.folder / kind).mkdir()
        self._encoder = ThreadPoolExecutor(max_workers=_ENCODERS, thread_name_prefix="png")
        return self

    def append(self, rgb: NDArray[np.uint8], depth_mm: NDArray[np.uint16], stamp_ns: int) -> None:
        """Add a frame.

        Args:
            rgb: `(H, W, 3)` uint8, red first.
            depth_mm: `(H, W)` uint16 [mm], 0 = invalid, aligned to colour.
            stamp_ns: Time of the measurement [ns], later than the one before.

        Raises:
            ValueError: Shape, type or stamp contradict what came before.
        """
        height, width = rgb.shape[:2]
        if rgb.dtype != np.uint8 or rgb.shape != (height, width, 3):
            raise ValueError(f"colour must be (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
        if depth_mm.dtype != np.uint16 or depth_mm.shape != (height, width):
            raise ValueError(f"depth must be {(height, width)} uint16, not {depth_mm.shape} {depth_mm.dtype}")
        if self._image_size is None:
            check_camera_matrix(self._camera_matrix, (width, height), self._folder)
            self._image_size = (width, height)
        elif self._image_size != (width, height):
            raise ValueError(f"frame of {width}x{height} in a Recording of {self._image_size}")
        if self._stamp_ns and stamp_ns <= self._stamp_ns[-1]:
            raise ValueError(f"stamp {stamp_ns} does not come after {self._stamp_ns[-1]}")
        index = len(self._stamp_ns)
        self._stamp_ns.append(int(stamp_ns))
        folder = self._artefact.folder
        self._pending.append(
            self._encoder.submit(
                _write_frame,
                folder / frame_path("rgb", index),
                rgb.copy(),
                folder / frame_path("depth", index),
                depth_mm.copy(),
            )
        )
        while len(self._pending) > _QUEUED_FRAMES:
            self._pending.popleft().result()

    def set_quality(self, figures: Mapping[str, Any], gaps: Sequence[Any]) -> None:
        """Keep figures of the frames, and the times without any, in `meta.json`."""
        self._artefact.quality |= figures
        self._artefact.fields["gaps"] = list(gaps)

    def set_prompt(self, prompt: Prompt) -> None:
        """Say which object is meant; checked against the frames when the Recording is finished."""
        self._prompt = prompt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        except BaseException as late:
            self._encoder.shutdown(cancel_futures=True)
            # The artefact's own context decides what becomes of a full disk and of the partial folder.
            if not self._writing.__exit__(type(late), late, late.__traceback__):
                raise
            return
        self._encoder.shutdown(cancel_futures=True)
        self._writing.__exit__(kind, error, trace)

    def _finish(self) -> None:
        if self._image_size is None:
            raise ValueError("a Recording needs at least one frame")
        while self._pending:
            self._pending.popleft().result()
        folder = self._artefact.folder
        np.savetxt(folder / "cam_K.txt", self._camera_matrix, fmt="%.9g")
        if self._prompt is not None:
            check_prompt(self._prompt, self._image_size, len(self._stamp_ns), self._folder / PROMPT_FILE)
            (folder / PROMPT_FILE).write_text(json.dumps(self._prompt.as_mapping()) + "\n", encoding="utf-8")
        self._artefact.fields |= {
            "stamp_ns": self._stamp_ns,
            "depth_scale_m": DEPTH_SCALE_M,
            "T_world_camera": self._T_world_camera.tolist(),
            "camera_name": self._camera_name,
        }
        self._artefact.quality["frame_count"] = len(self._stamp_ns)


def _write_frame(rgb_path: Path, rgb: NDArray[np.uint8], depth_path: Path, depth_mm: NDArray[np.uint16]) -> None:
    for path, image in ((rgb_path, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)), (depth_path, depth_mm)):
        # Encoded in memory: `cv2.imwrite` would hide a full disk behind a return value.
        _, data = cv2.imencode(".png", image, _PNG)
        path.write_bytes(data.tobytes())
