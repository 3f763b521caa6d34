"""The object's mask from SAM 2, the segmenter of the published system: colour alone, weights to be downloaded."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.recording import Prompt
from h2s2r_perception.segmentation.sam2_model import Sam2Configuration, build, inference, torch_device

__all__ = ["Sam2Configuration", "Sam2Segmenter", "points_and_labels"]

_STRIDES = (4, 8, 16)
"""Of the three feature maps, in pixels of the scaled image."""
_SMALLEST_PX = 20


class Sam2Segmenter:
    """A `Segmenter`; loads the network once.

    Args:
        configuration: Weights and device.

    Raises:
        InputError: The package or the weights are missing or do not fit.
    """

    def __init__(self, configuration: Sam2Configuration | None = None) -> None:
        settings = configuration or Sam2Configuration()
        self._device = torch_device(settings)
        network = build(settings, video=False)
        self._predictor: Any = importlib.import_module("sam2.sam2_image_predictor").SAM2ImagePredictor(network)
        # The predictor has the sizes for 1024 px written out.
        sides = [settings.image_size_px // stride for stride in _STRIDES]
        self._predictor._bb_feat_sizes = [(side, side) for side in sides]

    def segment(
        self,
        rgb: NDArray[np.uint8],
        depth_m: NDArray[np.float32],
        camera_matrix: FloatArray,
        prompt: Prompt,
        *,
        source: str = "prompt",
    ) -> NDArray[np.bool_]:
        """See `Segmenter.segment`; depth and intrinsics are not used."""
        points, labels = points_and_labels(prompt)
        with inference(self._device):
            self._predictor.set_image(np.ascontiguousarray(rgb))
            masks, scores, _ = self._predictor.predict(
                point_coords=points if len(points) else None,
                point_labels=labels if len(points) else None,
                box=None if prompt.box is None else np.asarray(prompt.box, dtype=np.float32),
                # One click may mean a part or the whole; SAM 2 offers three readings and grades them.
                multimask_output=prompt.box is None and len(points) == 1,
            )
        self._predictor.reset_predictor()
        mask = np.asarray(masks[int(np.argmax(scores))] > 0)
        if np.count_nonzero(mask) < _SMALLEST_PX:
            raise InputError(
                source,
                f"frame {prompt.frame}, {'box' if prompt.box else 'click'}",
                found=f"a mask of {np.count_nonzero(mask)} px",
                expected="an object",
                remedy="draw the box round the object, or choose a frame where it is in full view",
            )
        return with_points(mask, prompt)


def points_and_labels(prompt: Prompt) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Points `(P, 2)` [px] of a prompt, and 1 `(P,)` for each on the object, 0 for each beside it."""
    points = np.array([*prompt.points_on, *prompt.but_not], dtype=np.float32).reshape(-1, 2)
    labels = np.array([1] * len(prompt.points_on) + [0] * len(prompt.but_not), dtype=np.int32)
    return points, labels


def with_points(mask: NDArray[np.bool_], prompt: Prompt) -> NDArray[np.bool_]:
    """The mask `(H, W)` with the pixels a person pointed at: to the network they are advice, to us they are facts."""
    mask = mask.copy()
    for x, y in prompt.points_on:
        mask[int(y), int(x)] = True
    for x, y in prompt.but_not:
        mask[int(y), int(x)] = False
    return mask
