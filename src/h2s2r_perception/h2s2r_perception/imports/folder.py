"""Imports the published system's folder: `rgb/`, `depth/`, `cam_K.txt`, perhaps `masks/`; no stamps.

That system assumes 30 images a second and keeps the camera's pose in its source code, so both are given
here by the caller.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import Prompt, Recording, RecordingWriter, frame_path
from h2s2r_perception.recording.calibration import FloatArray, read_camera_matrix
from h2s2r_perception.recording.reading import check_images

_FIRST_STAMP_NS = 1_000_000_000
"""An arbitrary second: stamp 0 means "no stamp" to many tools."""


def import_folder(
    source: Path | str,
    output: Path | str,
    *,
    T_world_camera: FloatArray | None = None,
    camera_name: str = "camera",
    frame_rate_hz: float = 30.0,
    prompt: Prompt | None = None,
) -> Recording:
    """Turn a folder in the published layout into a Recording.

    Args:
        source: Folder with `rgb/%05d.png`, `depth/%05d.png` (uint16 mm) and `cam_K.txt`.
        output: Where the Recording goes.
        T_world_camera: Pose `(4, 4)` [m] of the optical frame in the robot's base; the identity if unknown.
        camera_name: Free text.
        frame_rate_hz: Frames each second; the layout holds no stamps.
        prompt: Which object is meant; if absent, the box round `masks/00000.png` where there is one.

    Raises:
        InputError: Frames are missing, of a wrong format or size, or the intrinsics do not fit.
    """
    source = Path(source)
    image_size, count = check_images(source)
    camera_matrix = read_camera_matrix(source / "cam_K.txt", image_size)
    first_mask = source / "masks" / "00000.png"
    if prompt is None and first_mask.is_file():
        prompt = _box_round(first_mask)
    with RecordingWriter.create(
        output,
        camera_matrix=camera_matrix,
        T_world_camera=np.eye(4) if T_world_camera is None else T_world_camera,
        camera_name=camera_name,
        inputs={"source": source},
        configuration={"frame_rate_hz": frame_rate_hz, "prompt": prompt},
    ) as writer:
        for index in range(count):
            rgb = read_image(source / frame_path("rgb", index), cv2.IMREAD_COLOR)[..., ::-1]
            depth_mm = read_image(source / frame_path("depth", index), cv2.IMREAD_UNCHANGED)
            writer.append(rgb, depth_mm, _FIRST_STAMP_NS + round(index * 1e9 / frame_rate_hz))
        if prompt is not None:
            writer.set_prompt(prompt)
    return Recording.open(output)


def read_image(path: Path, flag: int) -> np.ndarray:
    """Read an image as OpenCV orders its channels.

    Raises:
        InputError: It cannot be decoded.
    """
    image = cv2.imread(str(path), flag)
    if image is None:
        raise InputError(
            path, "content", found="a missing or broken image", expected="a whole PNG", remedy="copy it again"
        )
    return image


def _box_round(mask_path: Path) -> Prompt:
    rows, columns = np.nonzero(read_image(mask_path, cv2.IMREAD_GRAYSCALE) > 127)
    if rows.size == 0:
        raise InputError(
            mask_path, "mask", found="no white pixel", expected="the object", remedy="delete it and give a prompt"
        )
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return Prompt(frame=0, box=box)
