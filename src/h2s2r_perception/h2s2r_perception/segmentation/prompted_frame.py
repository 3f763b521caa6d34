"""The object's mask in the prompted frame of a Recording, whatever the prompt and whoever segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.recording import Prompt, Recording, read_prompt_mask
from h2s2r_perception.segmentation.prompted import segment, table_round
from h2s2r_perception.segmentation.segmenter import Segmenter


def segment_frame(
    recording: Recording, prompt: Prompt, segmenter: Segmenter | None = None
) -> tuple[NDArray[np.bool_], FloatArray | None]:
    """Find the prompted object.

    Args:
        recording: What the camera saw.
        prompt: A box, clicks, or a mask in a file of the Recording; a mask is taken as it is.
        segmenter: Who turns boxes and clicks into a mask; colour and depth when None.

    Returns:
        The mask `(H, W)` in frame `prompt.frame` and the plane `(4,)` under the object (camera frame), `None`
        if there is none.

    Raises:
        InputError: The mask's file is unusable, or there is no object at the prompt.
    """
    rgb, depth_m = recording.rgb(prompt.frame), recording.depth_m(prompt.frame)
    source = str(recording.folder)
    if prompt.mask is not None:
        mask = read_prompt_mask(recording.folder, prompt, recording.image_size)
    elif segmenter is not None:
        mask = segmenter.segment(rgb, depth_m, recording.camera_matrix, prompt, source=source)
    else:
        return segment(rgb, depth_m, recording.camera_matrix, prompt, source=source)
    row, column = np.nonzero(mask)
    box = (int(column.min()), int(row.min()), int(column.max()) + 1, int(row.max()) + 1)
    rays = Crop(0, 0, depth_m.shape[1], depth_m.shape[0], 1).rays(recording.camera_matrix)
    return mask, table_round(rays * depth_m[..., None], depth_m, box)
