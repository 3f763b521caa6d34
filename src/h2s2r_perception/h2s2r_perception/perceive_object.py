"""The object in a Recording: where it is in every frame, whether or not it moves and a hand is there.

The first half of `perceive`, and on its own the way to look at a recording without a demonstration in it:

object/
  masks/%05d.png         where the object was seen
  ob_in_cam/%05d.txt     T_camera_object, 4x4, metres (the layout of FoundationPose)
  overlay.mp4            the pose drawn over the video
  meta.json              registration confidence, frames lost
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, Schema, is_current, writing
from h2s2r_perception.following import ObjectTrack, follow_object
from h2s2r_perception.geometry import inverse
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.overlay import Overlay, write_label, write_video
from h2s2r_perception.recording import Prompt, Recording, check_prompt

SCHEMA = Schema("object_track", 1)
OBJECT_POSES = "ob_in_cam"

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of the whole stage that is done, 0 to 1."""


def perceive_object(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    symmetry: str = "none",
    prompt: Prompt | None = None,
    progress: Progress | None = None,
) -> ObjectTrack:
    """Register the object in the prompted frame and track it through the others.

    Args:
        recording_folder: A Recording of one frame or more.
        object_mesh: Watertight mesh of the object [m]; its frame becomes the object's.
        output_folder: Where the artefact appears, whole.
        symmetry: Of the object: `none` or `yaw`.
        prompt: Which object is meant; the Recording's own when None.
        progress: Told how far it is.

    Raises:
        InputError: The Recording, mesh or prompt is unusable, or the prompt shows no object.
    """
    tell = progress or (lambda stage, fraction: None)
    recording = Recording.open(recording_folder)
    prompt = chosen_prompt(recording, prompt)
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    with writing(output_folder, SCHEMA, inputs=inputs, configuration=_stated(symmetry, prompt)) as writer:
        done = part_of(tell, "object", 0.0, 0.9)
        track = follow_prompted_object(recording, object_mesh, prompt, symmetry, writer.folder, done)
        write_object_poses(writer.folder / OBJECT_POSES, inverse(recording.T_world_camera) @ track.T_world_object)
        vertices = load_object_model(object_mesh, symmetry).vertices
        count = recording.frame_count
        span_s = float(recording.stamp_ns[-1] - recording.stamp_ns[0]) * 1e-9
        frame_rate = (count - 1) / span_s if count > 1 else 1.0
        write_video(writer.folder / "overlay.mp4", _drawn(recording, track, vertices), frame_rate, count)
        writer.quality.update(
            registration_confidence=track.registration_confidence,
            object_frames_lost=int((track.confidence == 0.0).sum()),
            frames=count,
        )
    return track


def perceive_object_is_current(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    symmetry: str = "none",
    prompt: Prompt | None = None,
) -> bool:
    """Whether `perceive_object` with these arguments would make what is there already."""
    stated = _stated(symmetry, chosen_prompt(Recording.open(recording_folder), prompt))
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    return is_current(output_folder, SCHEMA, inputs=inputs, configuration=stated)


def _stated(symmetry: str, prompt: Prompt) -> dict[str, Any]:
    return {"symmetry": symmetry, "prompt": prompt.as_mapping()}


def chosen_prompt(recording: Recording, prompt: Prompt | None) -> Prompt:
    """The prompt given, else the Recording's own, checked against its images.

    Raises:
        InputError: There is neither, or it lies outside the images.
    """
    chosen = prompt or recording.prompt
    if chosen is None:
        raise InputError(
            recording.folder,
            "prompt",
            found="none",
            expected="a box around the object, or a click on it",
            remedy="give --box x0,y0,x1,y1 or --click x,y",
        )
    check_prompt(chosen, recording.image_size, recording.frame_count, recording.folder)
    return chosen


def follow_prompted_object(
    recording: Recording,
    mesh: Path,
    prompt: Prompt,
    symmetry: str,
    folder: Path,
    done: Callable[[float], None],
) -> ObjectTrack:
    """Segment the prompted object, register it and track it through the Recording.

    Args:
        recording: What the camera saw.
        mesh: The object [m].
        prompt: Which object is meant, in which frame.
        symmetry: Of the object: `none` or `yaw`.
        folder: Gets `masks/`.
        done: Called with the part of the frames that are done.

    Raises:
        InputError: The mesh is unusable, or the prompt shows no object.
    """
    from h2s2r_perception.object_pose import SignedDistanceTracker
    from h2s2r_perception.segmentation import segment

    (folder / "masks").mkdir()
    rgb, depth_m = recording.rgb(prompt.frame), recording.depth_m(prompt.frame)
    mask, plane = segment(rgb, depth_m, recording.camera_matrix, prompt, source=str(recording.folder))
    estimator = SignedDistanceTracker(load_object_model(mesh, symmetry))
    estimator.set_table_plane(plane)

    def keep_mask(index: int, pixels: NDArray[np.bool_]) -> None:
        # Encoded in memory: `cv2.imwrite` would hide a full disk behind a return value.
        _, data = cv2.imencode(".png", pixels.astype(np.uint8) * 255)
        (folder / "masks" / f"{index:05d}.png").write_bytes(data.tobytes())

    return follow_object(recording, estimator, mask, prompt.frame, keep_mask, done)


def write_object_poses(folder: Path, T_camera_object: NDArray[np.float64]) -> None:
    """Write poses `(T, 4, 4)` as text, one file for each frame, into a new folder."""
    folder.mkdir()
    for index, T in enumerate(T_camera_object):
        np.savetxt(folder / f"{index:05d}.txt", T, fmt="%.9f")


def part_of(tell: Progress, stage: str, start: float, end: float) -> Callable[[float], None]:
    """Report a part of the stage as its share of the whole."""

    def done(fraction: float) -> None:
        tell(stage, start + (end - start) * fraction)

    return done


def _drawn(recording: Recording, track: ObjectTrack, vertices: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    overlay = Overlay(recording.camera_matrix, recording.T_world_camera, vertices)
    for index in range(recording.frame_count):
        image = recording.rgb(index)
        overlay.draw_object(image, track.T_world_object[index], float(track.confidence[index]))
        write_label(image, f"frame {index}")
        yield image
