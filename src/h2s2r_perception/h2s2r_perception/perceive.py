"""The first stage: from a Recording to a Demonstration.

recording judged -> object chosen -> its pose in every frame -> when it moves -> hand in every frame -> fused -> masks
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, is_current, writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.following import HandTrack, follow_hand
from h2s2r_perception.geometry import inverse
from h2s2r_perception.hand_pose import FuseConfiguration, HandPath, HandPoseEstimator, LiftConfiguration, fuse_hand_path
from h2s2r_perception.hand_pose.hamer import HamerConfiguration
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeConfiguration
from h2s2r_perception.hand_pose.registry import DEFAULT_HAND_POSE, check_hand_pose_name, make_hand_pose_estimator
from h2s2r_perception.object_choice import stated_prompt
from h2s2r_perception.object_model import ObjectModel, load_object_model
from h2s2r_perception.onset import Motion, OnsetConfiguration, detect_motion
from h2s2r_perception.overlay import Overlay, write_label, write_video
from h2s2r_perception.perceive_object import (
    OBJECT_POSES,
    ObjectConfiguration,
    PerceivedObject,
    Progress,
    follow_chosen_object,
    part_of,
    write_object_poses,
)
from h2s2r_perception.plausibility import require_plausible
from h2s2r_perception.recording import Prompt, Recording
from h2s2r_perception.recording.findings import Finding
from h2s2r_perception.recording.quality import quality_of
from h2s2r_perception.segmentation.hand_mask import write_hand_masks

_LEFT_SHARE = 0.8


@dataclass(frozen=True)
class PerceiveConfiguration:
    """How a Recording is turned into a Demonstration."""

    object: ObjectConfiguration = field(default_factory=ObjectConfiguration)
    onset: OnsetConfiguration = field(default_factory=OnsetConfiguration)
    hand: str = DEFAULT_HAND_POSE
    """`mediapipe` or `hamer` (`hand_pose.registry`)."""
    hamer: HamerConfiguration = field(default_factory=HamerConfiguration)
    mediapipe: MediaPipeConfiguration = field(default_factory=MediaPipeConfiguration)
    lift: LiftConfiguration = field(default_factory=LiftConfiguration)
    fuse: FuseConfiguration = field(default_factory=FuseConfiguration)

    def __post_init__(self) -> None:
        """Refuse an unknown name now, not after the object was tracked."""
        check_hand_pose_name(self.hand)


def perceive(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    configuration: PerceiveConfiguration | None = None,
    prompt: Prompt | None = None,
    progress: Progress | None = None,
    *,
    hand_estimator: HandPoseEstimator | None = None,
) -> Demonstration:
    """Turn a Recording into a Demonstration.

    Args:
        recording_folder: A Recording.
        object_mesh: Watertight mesh of the object [m]; its frame becomes the object's.
        output_folder: Where the Demonstration appears, whole.
        configuration: The defaults when None.
        prompt: Which object is meant; when None the Recording's own, and if it has none the one that a hand moves.
        progress: Told how far the stage is.
        hand_estimator: Another one than the configured; it is closed by the caller.

    Raises:
        InputError: The Recording, mesh or prompt is unusable, no object is found, the object is lost for too long
            or never moves, or no hand is seen before it does.
    """
    settings = configuration or PerceiveConfiguration()
    tell = progress or (lambda stage, fraction: None)
    recording = Recording.open(recording_folder)
    prompt = stated_prompt(recording, prompt)
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    with writing(output_folder, SCHEMA, inputs=inputs, configuration=_stated(settings, prompt)) as writer:
        model = load_object_model(object_mesh, settings.object.symmetry)
        findings = judge(recording, model, prompt)
        perceived = follow_chosen_object(
            recording, model, prompt, settings.object, writer.folder, part_of(tell, "object", 0.0, 0.45)
        )
        T_world_object = perceived.path.T_world_object
        motion = detect_motion(recording.stamp_ns, T_world_object, settings.onset, source=recording_folder)
        hand = _hand(recording, motion, settings, hand_estimator, part_of(tell, "hand", 0.45, 0.75))
        demonstration = Demonstration(
            stamp_ns=recording.stamp_ns,
            T_world_object=T_world_object,
            object_confidence=perceived.path.confidence,
            hand_joints_world=hand.joints_world,
            hand_confidence=hand.confidence,
            motion_start=motion.start,
            motion_end=motion.end,
            premanipulation_index=motion.premanipulation_index,
        )
        demonstration.save(writer.folder)
        write_object_poses(writer.folder / OBJECT_POSES, inverse(recording.T_world_camera) @ T_world_object)
        write_hand_masks(recording, hand.joints_world, writer.folder, part_of(tell, "hand masks", 0.75, 0.9))
        images = _drawn(recording, demonstration, model.vertices, part_of(tell, "overlay", 0.9, 1.0))
        duration_s = float(recording.stamp_ns[-1] - recording.stamp_ns[0]) * 1e-9
        frame_rate = (recording.frame_count - 1) / duration_s
        write_video(writer.folder / "overlay.mp4", images, frame_rate, recording.frame_count)
        writer.quality.update(_quality(perceived, hand, motion), findings=[str(finding) for finding in findings])
    return demonstration


def perceive_is_current(
    recording_folder: Path,
    object_mesh: Path,
    output_folder: Path,
    configuration: PerceiveConfiguration | None = None,
    prompt: Prompt | None = None,
) -> bool:
    """Whether `perceive` with these arguments would make the very Demonstration that is there.

    Raises:
        InputError: The Recording has no prompt and none is given, or an input cannot be read.
    """
    stated = _stated(configuration or PerceiveConfiguration(), stated_prompt(Recording.open(recording_folder), prompt))
    inputs = {"recording": Path(recording_folder), "mesh": Path(object_mesh)}
    return is_current(output_folder, SCHEMA, inputs=inputs, configuration=stated)


def judge(recording: Recording, model: ObjectModel, prompt: Prompt | None) -> list[Finding]:
    """What is not as it should be in a Recording, but can be lived with.

    Raises:
        InputError: It is unusable: nobody calibrated the camera, depth is in another unit, it is all white ...
    """
    quality = quality_of(recording)
    quality.require_usable(recording.folder)
    return [*quality.findings, *require_plausible(recording, model, prompt)]


def _stated(configuration: PerceiveConfiguration, prompt: Prompt | None) -> dict[str, Any]:
    return {"perceive": configuration, "prompt": None if prompt is None else prompt.as_mapping()}


def _hand(
    recording: Recording,
    motion: Motion,
    settings: PerceiveConfiguration,
    estimator: HandPoseEstimator | None,
    done: Callable[[float], None],
) -> HandPath:
    own = None if estimator else _configured_hand(settings)
    try:
        track = follow_hand(recording, estimator or own, done, settings.lift)  # type: ignore[arg-type]
    finally:
        if own is not None:
            own.close()
    _refuse_left_hand(track, recording.folder)
    return fuse_hand_path(
        recording.stamp_ns,
        track.joints_world,
        track.confidence,
        motion.premanipulation_index,
        settings.fuse,
        source=recording.folder,
    )


def _configured_hand(settings: PerceiveConfiguration) -> HandPoseEstimator:
    if settings.hand == DEFAULT_HAND_POSE:
        return make_hand_pose_estimator(settings.hand, settings.mediapipe, settings.lift)
    return make_hand_pose_estimator(settings.hand, *filter(None, [getattr(settings, settings.hand, None)]))


def _refuse_left_hand(track: HandTrack, source: Path) -> None:
    """Single frames may be mistaken about the side, not nearly all of them."""
    seen = int((track.confidence > 0.0).sum())
    left = seen - int(track.right.sum())
    if left > _LEFT_SHARE * seen:
        raise InputError(
            source,
            "hand",
            found=f"a left hand in {left} of the {seen} frames that show a hand",
            expected="a right hand, like the robot's",
            remedy="record the demonstration with the right hand, in an image that is not mirrored",
        )


def _drawn(
    recording: Recording, demonstration: Demonstration, vertices: NDArray[np.float64], done: Callable[[float], None]
) -> Iterator[NDArray[np.uint8]]:
    """Every colour image with the estimates drawn over it."""
    overlay = Overlay(recording.camera_matrix, recording.T_world_camera, vertices)
    d = demonstration
    for index in range(recording.frame_count):
        image = recording.rgb(index)
        overlay.draw_object(image, d.T_world_object[index], float(d.object_confidence[index]))
        overlay.draw_hand(image, d.hand_joints_world[index], float(d.hand_confidence[index]))
        names = {
            d.premanipulation_index: "pre-manipulation",
            d.motion_start: "motion start",
            d.motion_end: "motion end",
        }
        moving = "moving" if d.motion_start <= index <= d.motion_end else "at rest"
        write_label(image, f"frame {index}  {names.get(index, moving)}")
        done((index + 1) / recording.frame_count)
        yield image


def _quality(perceived: PerceivedObject, hand: HandPath, motion: Motion) -> dict[str, float | int | str]:
    return {
        **perceived.quality,
        "object_confidence_premanipulation": float(perceived.path.confidence[motion.premanipulation_index]),
        "hand_frames_seen": int(hand.seen.sum()),
        "hand_frames_unknown": int((hand.confidence == 0.0).sum()),
        "hand_confidence_premanipulation": float(hand.confidence[motion.premanipulation_index]),
        "premanipulation_frame": motion.premanipulation_index,
        "motion_start_frame": motion.start,
        "motion_end_frame": motion.end,
    }
