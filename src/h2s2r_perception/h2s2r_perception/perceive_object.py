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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import Schema, is_current, writing
from h2s2r_perception.following import ObjectFollower, ObjectTrack
from h2s2r_perception.geometry import inverse
from h2s2r_perception.object_choice import ChosenObject, choose_object, stated_prompt
from h2s2r_perception.object_model import ObjectModel, load_object_model
from h2s2r_perception.object_path import ObjectPath, ObjectPathConfiguration, refine_object_path
from h2s2r_perception.object_pose.foundation_pose import FoundationPoseConfiguration
from h2s2r_perception.object_pose.registry import DEFAULT_OBJECT_POSE, make_object_pose_estimator
from h2s2r_perception.overlay import Overlay, write_label, write_video
from h2s2r_perception.recording import Prompt, Recording, frame_path
from h2s2r_perception.recording.mask_file import write_mask
from h2s2r_perception.segmentation.sam2_model import Sam2Configuration
from h2s2r_perception.segmentation.segmenter import DEFAULT_SEGMENTER, make_segmenter
from h2s2r_perception.symmetry import without_yaw

SCHEMA = Schema("object_track", 1)
OBJECT_POSES = "ob_in_cam"

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of the whole stage that is done, 0 to 1."""


@dataclass(frozen=True)
class ObjectConfiguration:
    """How the object is found and followed."""

    symmetry: str = "none"
    """`none`, or `yaw` when any turn about the object's z axis looks the same."""
    segmenter: str = DEFAULT_SEGMENTER
    """`colour_depth` or `sam2` (`segmentation.segmenter`)."""
    sam2: Sam2Configuration = field(default_factory=Sam2Configuration)
    estimator: str = DEFAULT_OBJECT_POSE
    """`signed_distance` or `foundation_pose` (`object_pose.registry`)."""
    foundation_pose: FoundationPoseConfiguration = field(default_factory=FoundationPoseConfiguration)
    path: ObjectPathConfiguration = field(default_factory=ObjectPathConfiguration)


@dataclass(frozen=True, eq=False)
class PerceivedObject:
    """Where the object was, and how sure that is."""

    path: ObjectPath
    chosen: ChosenObject
    registration_confidence: float
    """Of the frame it was registered in."""

    @property
    def quality(self) -> dict[str, float | int | str]:
        """Figures for `meta.json`."""
        seen = self.path.confidence[self.path.measured]
        return {
            "object_chosen_by": self.chosen.reason,
            "object_registered_in_frame": self.chosen.frame,
            "registration_confidence": self.registration_confidence,
            "object_confidence_median": float(np.median(seen)),
            "object_frames_lost": int((~self.path.measured).sum()),
            "object_confidence_least": float(self.path.confidence.min()),
            "frames": len(self.path.confidence),
        }


def perceive_object(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    configuration: ObjectConfiguration | None = None,
    prompt: Prompt | None = None,
    progress: Progress | None = None,
) -> PerceivedObject:
    """Register the object in the prompted frame and track it through the others.

    Args:
        recording_folder: A Recording of one frame or more.
        object_mesh: Watertight mesh of the object [m]; its frame becomes the object's.
        output_folder: Where the artefact appears, whole.
        configuration: The defaults when None.
        prompt: Which object is meant; when None the Recording's own, and if it has none the one that a hand moves.
        progress: Told how far it is.

    Raises:
        InputError: The Recording, mesh or prompt is unusable, no object is found, or it is lost.
    """
    settings = configuration or ObjectConfiguration()
    tell = progress or (lambda stage, fraction: None)
    recording = Recording.open(recording_folder)
    prompt = stated_prompt(recording, prompt)
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    with writing(output_folder, SCHEMA, inputs=inputs, configuration=_stated(settings, prompt)) as writer:
        done = part_of(tell, "object", 0.0, 0.9)
        model = load_object_model(object_mesh, settings.symmetry)
        perceived = follow_chosen_object(recording, model, prompt, settings, writer.folder, done)
        path = perceived.path
        write_object_poses(writer.folder / OBJECT_POSES, inverse(recording.T_world_camera) @ path.T_world_object)
        count = recording.frame_count
        span_s = float(recording.stamp_ns[-1] - recording.stamp_ns[0]) * 1e-9
        frame_rate = (count - 1) / span_s if count > 1 else 1.0
        write_video(writer.folder / "overlay.mp4", _drawn(recording, path, model.vertices), frame_rate, count)
        writer.quality.update(perceived.quality)
    return perceived


def perceive_object_is_current(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    configuration: ObjectConfiguration | None = None,
    prompt: Prompt | None = None,
) -> bool:
    """Whether `perceive_object` with these arguments would make what is there already."""
    stated = _stated(configuration or ObjectConfiguration(), stated_prompt(Recording.open(recording_folder), prompt))
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    return is_current(output_folder, SCHEMA, inputs=inputs, configuration=stated)


def _stated(configuration: ObjectConfiguration, prompt: Prompt | None) -> dict[str, Any]:
    return {"object": configuration, "prompt": None if prompt is None else prompt.as_mapping()}


def follow_chosen_object(
    recording: Recording,
    model: ObjectModel,
    prompt: Prompt | None,
    configuration: ObjectConfiguration,
    folder: Path,
    done: Callable[[float], None],
) -> PerceivedObject:
    """Choose the object, register it, track it both ways through the Recording and settle on a path.

    Args:
        recording: What the camera saw.
        model: The object [m].
        prompt: Which object is meant, in which frame; None for the one that a hand moves.
        configuration: How it is found and followed.
        folder: Gets `masks/`.
        done: Called with the part of the frames that are done.

    Raises:
        InputError: No object is found, an estimator is missing what it needs, or the object is lost for too long.
    """
    (folder / "masks").mkdir()
    # An implementation's own settings stand under its name; the defaults have none.
    segmenter = make_segmenter(configuration.segmenter, getattr(configuration, configuration.segmenter, None))
    chosen = choose_object(recording, model, prompt, segmenter)
    settings = getattr(configuration, configuration.estimator, None)
    estimator = make_object_pose_estimator(configuration.estimator, model, settings)
    estimator.set_table_plane(chosen.table_plane)

    def keep_mask(index: int, pixels: NDArray[np.bool_]) -> None:
        write_mask(folder / frame_path("masks", index), pixels)

    follower = ObjectFollower(recording, estimator, configuration.symmetry, keep_mask, done)
    tracks = follower.both_ways(chosen.mask, chosen.frame)
    path = _settled(recording, tracks, configuration)
    done(1.0)
    return PerceivedObject(path, chosen, tracks[0].registration_confidence)


def _settled(recording: Recording, tracks: list[ObjectTrack], configuration: ObjectConfiguration) -> ObjectPath:
    poses, confidence = [track.T_world_object for track in tracks], [track.confidence for track in tracks]
    if recording.frame_count == 1:
        return ObjectPath(poses[0], confidence[0], confidence[0] > 0.0)
    if configuration.symmetry == "yaw":
        poses = without_yaw(poses, confidence)
    return refine_object_path(recording.stamp_ns, poses, confidence, configuration.path, source=recording.folder)


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


def _drawn(recording: Recording, path: ObjectPath, vertices: NDArray[np.float64]) -> Iterator[NDArray[np.uint8]]:
    overlay = Overlay(recording.camera_matrix, recording.T_world_camera, vertices)
    for index in range(recording.frame_count):
        image = recording.rgb(index)
        overlay.draw_object(image, path.T_world_object[index], float(path.confidence[index]))
        write_label(image, f"frame {index}")
        yield image
