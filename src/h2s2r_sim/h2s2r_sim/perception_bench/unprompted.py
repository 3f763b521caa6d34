"""Whether the manipulated object is found without a click, in whole small demonstrations.

Twenty Recordings, each of another object or another scene: the object stands, a hand comes from out of the
image, slides it or lifts it and puts it down, and leaves; other things stand on the table all the while. The
right object was found when the proposed mask and the object's true outline in that frame overlap by half or
more (intersection over union); a refusal counts as not found.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose.ray_casting import render
from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_perception.segmentation.manipulated import propose_manipulated_object
from h2s2r_sim.perception_bench.conditions import HEIGHT_PX, WIDTH_PX
from h2s2r_sim.perception_bench.sequences import TrackedSequence, generate

_OVERLAP = 0.5


def overlap_without_click(split: str, object_name: str, index: int) -> float:
    """Intersection over union of the proposed mask with the true outline; 0 for a refusal."""
    sequence = generate(split, object_name, "unprompted", index)
    model = load_object_model(sequence.mesh, sequence.symmetry)
    with tempfile.TemporaryDirectory() as folder:
        recording = _written(sequence, Path(folder) / "recording")
        try:
            proposal = propose_manipulated_object(recording, model)
        except InputError:
            return 0.0
    whole = Crop(0, 0, WIDTH_PX, HEIGHT_PX, 1)
    outline = render(model, sequence.T_camera_object[proposal.frame], sequence.camera_matrix, whole).depth_m > 0
    return float((outline & proposal.mask).sum() / max((outline | proposal.mask).sum(), 1))


def found(overlap: float) -> bool:
    """Whether an overlap says that the right object was found."""
    return bool(overlap >= _OVERLAP)


def _written(sequence: TrackedSequence, folder: Path) -> Recording:
    with RecordingWriter.create(
        folder,
        camera_matrix=np.asarray(sequence.camera_matrix),
        T_world_camera=sequence.T_world_camera,
        camera_name="generated",
    ) as writer:
        for frame, stamp_ns in enumerate(sequence.stamp_ns.tolist()):
            writer.append(sequence.rgb[frame], sequence.depth_mm[frame], stamp_ns)
    return Recording.open(folder)
