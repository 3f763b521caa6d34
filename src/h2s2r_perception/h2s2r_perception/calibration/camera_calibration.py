"""The artefact `camera_calibration/`: the pose as a file, its residuals, and a picture to judge it by.

```
T_world_camera.txt   4x4 [m], what `h2s2r import --camera-pose` reads
picture.png          corners as found (green), as the result predicts them (red), and the axes of the board
views.json           for each image its residual and whether it was used
meta.json            figures
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import Schema, writing
from h2s2r_perception.calibration.calibrated import Calibrated
from h2s2r_perception.calibration.detection import Detection, project_board

FloatArray = NDArray[np.float64]

CALIBRATION_SCHEMA = Schema("camera_calibration", 1)
POSE_FILE = "T_world_camera.txt"
PICTURE_FILE = "picture.png"

_FOUND, _PREDICTED, _LEFT_OUT = (40, 200, 60), (230, 40, 40), (255, 140, 0)
_AXES = ((230, 40, 40), (40, 200, 60), (60, 90, 255))
_TILE_PX = 480
_MOST_TILES = 12


def write_calibration(
    folder: Path,
    calibrated: Calibrated,
    images: Sequence[NDArray[np.uint8]],
    detections: Sequence[Detection],
    camera_matrix: FloatArray,
    names: Sequence[str],
    *,
    inputs: Mapping[str, Path],
    configuration: Any,
) -> None:
    """Write the artefact.

    Args:
        folder: Where it goes.
        calibrated: What was found.
        images: Colour `(H, W, 3)` of each view.
        detections: Corners of each view.
        camera_matrix: `(3, 3)` [px].
        names: Of the views.
        inputs: Files it is made from.
        configuration: The board and the settings.
    """
    with writing(folder, CALIBRATION_SCHEMA, inputs=inputs, configuration=configuration) as artefact:
        np.savetxt(artefact.folder / POSE_FILE, calibrated.T_world_camera, fmt="%.9f")
        np.savetxt(artefact.folder / "cam_K.txt", camera_matrix, fmt="%.9g")
        sheet = contact_sheet(
            [
                draw_view(image, detection, T, camera_matrix, used=used)
                for image, detection, T, used in zip(
                    images, detections, calibrated.T_camera_board, calibrated.used, strict=True
                )
            ]
        )
        cv2.imwrite(str(artefact.folder / PICTURE_FILE), sheet[..., ::-1])
        views = [
            {"image": name, "reprojection_px_rms": round(value, 4), "used": used}
            for name, value, used in zip(names, calibrated.view_rms_px, calibrated.used, strict=True)
        ]
        (artefact.folder / "views.json").write_text(json.dumps(views, indent=1) + "\n", encoding="utf-8")
        artefact.quality.update(calibrated.quality)
        artefact.fields["T_world_camera"] = calibrated.T_world_camera.tolist()
        if calibrated.T_gripper_board is not None:
            artefact.fields["T_gripper_board"] = calibrated.T_gripper_board.tolist()


def draw_view(
    image: NDArray[np.uint8], detection: Detection, T_camera_board: FloatArray, camera_matrix: FloatArray, *, used: bool
) -> NDArray[np.uint8]:
    """Draw corners as found (circles) and as predicted (crosses), and the board's axes; orange frame if left out."""
    drawn = np.ascontiguousarray(image)
    size = float(np.ptp(detection.points, axis=0).max())
    axes = project_board(T_camera_board, np.vstack([np.zeros(3), 0.5 * size * np.eye(3)]), camera_matrix)
    for axis, colour in enumerate(_AXES):
        cv2.line(drawn, _pixel(axes[0]), _pixel(axes[axis + 1]), colour, 2, cv2.LINE_AA)
    predicted = project_board(T_camera_board, detection.points, camera_matrix)
    for found, expected in zip(detection.pixels, predicted, strict=True):
        cv2.circle(drawn, _pixel(found), 5, _FOUND, 1, cv2.LINE_AA)
        cv2.drawMarker(drawn, _pixel(expected), _PREDICTED, cv2.MARKER_CROSS, 7, 1, cv2.LINE_AA)
    if not used:
        cv2.rectangle(drawn, (0, 0), (drawn.shape[1] - 1, drawn.shape[0] - 1), _LEFT_OUT, 8)
    return drawn


def contact_sheet(images: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Up to twelve pictures of one size in one, evenly taken from all; a single one stays as large as it is."""
    if len(images) == 1:
        return images[0]
    chosen = [images[i] for i in np.unique(np.linspace(0, len(images) - 1, _MOST_TILES).round().astype(int))]
    columns = int(np.ceil(np.sqrt(len(chosen))))
    height, width = images[0].shape[:2]
    scale = min(1.0, _TILE_PX / width)
    size = (round(width * scale), round(height * scale))
    tiles = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in chosen]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _pixel(point: FloatArray) -> tuple[int, int]:
    x, y = np.clip(np.rint(point), -10_000, 10_000)
    return int(x), int(y)
