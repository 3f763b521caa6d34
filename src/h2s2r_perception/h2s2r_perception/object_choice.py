"""Which object is meant, in which frame, and its pixels there: a person's prompt, or the recording itself says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.recording import Prompt, Recording, check_prompt
from h2s2r_perception.segmentation.manipulated import propose_manipulated_object
from h2s2r_perception.segmentation.prompted_frame import segment_frame
from h2s2r_perception.segmentation.segmenter import Segmenter

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ChosenObject:
    """Where the object is registered."""

    frame: int
    mask: NDArray[np.bool_]
    """`(H, W)` its pixels in that frame."""
    table_plane: FloatArray | None
    """`(4,)` under it, camera frame."""
    reason: str
    """Who chose it and why, for people."""


def stated_prompt(recording: Recording, prompt: Prompt | None) -> Prompt | None:
    """The prompt given, else the Recording's own, else None: the object proposes itself.

    Raises:
        InputError: The prompt lies outside the images.
    """
    chosen = prompt or recording.prompt
    if chosen is not None:
        check_prompt(chosen, recording.image_size, recording.frame_count, recording.folder)
    return chosen


def choose_object(
    recording: Recording, model: ObjectModel, prompt: Prompt | None, segmenter: Segmenter
) -> ChosenObject:
    """Find the object's pixels in the frame where it is to be registered.

    Args:
        recording: What the camera saw.
        model: The object [m].
        prompt: Which object is meant; None for the one that a hand moves.
        segmenter: Turns a box or clicks into a mask.

    Raises:
        InputError: The prompt shows no object, or without one nothing was moved, or more than one thing.
    """
    if prompt is not None:
        mask, plane = segment_frame(recording, prompt, segmenter)
        return ChosenObject(prompt.frame, mask, plane, "prompt")
    proposal = propose_manipulated_object(recording, model)
    return ChosenObject(proposal.frame, proposal.mask, proposal.plane, proposal.reason)
