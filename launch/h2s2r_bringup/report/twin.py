"""The digital twin over the camera's image: does the task's world lie where the recording shows the real one?"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_bringup.run_folder import RunFolder
from h2s2r_perception.artefact.folder import META

if TYPE_CHECKING:
    from h2s2r_sim.task import Task

_FRAME = 0
"""The scene before anything moves; the hand is not in the way yet."""
_JPEG_QUALITY = 88


@dataclass(frozen=True)
class TwinPicture:
    """The picture, and how far twin and measurement are apart."""

    url: str
    """A `data:` URL."""
    figures: Mapping[str, float]
    """Keys of `figures.TWIN_KEYS`."""


def twin_picture(run: RunFolder, task: Task | None) -> TwinPicture | None:
    """Draw the task's table, boxes and object over the first frame of the recording.

    Args:
        run: Its recording gives image, depth and camera; its demonstration, where there is one, the object's pose.
        task: The scene and the object's mesh; without one there is nothing to draw.

    Returns:
        None while there is no recording, or no task to draw.

    Raises:
        InputError: The recording or the object's mesh is unusable.
    """
    if task is None or not (run.recording / META).is_file():
        return None
    from h2s2r_perception.recording import Recording
    from h2s2r_sim.twin_building.twin_view import render_twin, twin_parts, view_twin

    recording = Recording.open(run.recording)
    parts = twin_parts(task.scene, object_mesh=_object(run, task))
    twin = render_twin(parts, recording.camera_matrix, recording.T_world_camera, recording.image_size)
    depth = recording.depth_m(_FRAME).astype(np.float64)
    view = view_twin(recording.rgb(_FRAME), depth, twin, _mask(run.demonstration / "masks" / f"{_FRAME:05d}.png"))
    _, data = cv2.imencode(".jpg", view.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    url = "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
    return TwinPicture(url, view.figures)


def _object(run: RunFolder, task: Task) -> Any:
    """The object's mesh where the demonstration begins; None before `h2s2r perceive`."""
    if not (run.demonstration / META).is_file():
        return None
    import trimesh

    from h2s2r_perception.demonstration import Demonstration
    from h2s2r_perception.geometry import transform_points
    from h2s2r_perception.object_model import load_object_model

    T_world_object = Demonstration.load(run.demonstration).T_world_object[_FRAME]
    model = load_object_model(task.object.mesh, task.object.symmetry)
    return trimesh.Trimesh(transform_points(T_world_object, model.vertices), model.faces, process=False)


def _mask(path: Path) -> NDArray[np.bool_] | None:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    return None if image is None else np.asarray(image > 127)
