"""The published system's folder, so that its tools, SAM 2, FoundationPose and HaMeR run on our data.

rgb/ depth/ cam_K.txt                      raw demonstration (uint16 mm, 0-based)
masks/ hand_masks/                         three channels, 255 = object or hand
object_pose_trajectory/ob_in_cam/%05d.txt  T_camera_object
hand_pose_trajectory/%05d.json             twelve named points [m], camera frame, and `global_orient`

Which points, and what is made of them: human_demo/visualize_demo.py of tylerlum/human2sim2robot. Its scripts
pair files by their order, so each frame gets one: a frame without a hand repeats the nearest in time.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from h2s2r_perception.exports.frames import copy_frames, copy_masks, depth_mm, write_png
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.source import ExportSource, FloatArray
from h2s2r_perception.recording import DEPTH_SCALE_M, Recording, frame_path

PUBLISHED_RATE_HZ = 30.0
HALF_THICKNESS_M = 0.012
"""Of the hand at wrist and knuckles: the layout wants the skin on both sides of the joint. One value for all,
so that the directions between the points stay those between the joints."""
_TIPS = {"thumb_3": 4, "index_3": 8, "middle_3": 12, "ring_3": 16}
_PAIRS = {"wrist": 0, "index_0": 5, "middle_0": 9, "ring_0": 13}


def write(source: ExportSource, output: Path, options: ExportOptions) -> tuple[str, ...]:
    """Write the folder."""
    recording = source.recording
    notes = _rate_notes(recording)
    copy_frames(recording, output, "{:05d}.png")
    if recording.depth_scale_m != DEPTH_SCALE_M:
        for index in range(recording.frame_count):
            write_png(output / frame_path("depth", index), depth_mm(recording, index))
    np.savetxt(output / "cam_K.txt", recording.camera_matrix, fmt="%.12g")
    for name, folder in (("masks", source.masks), ("hand_masks", source.hand_masks)):
        if folder is None:
            notes.append(f"no {name}/: run SAM 2 as the published system does")
        else:
            copy_masks(folder, output / name, recording.frame_count, "{:05d}.png", channels=3)
    if source.T_camera_object is not None:
        _write_poses(output / "object_pose_trajectory" / "ob_in_cam", source.T_camera_object)
    if source.hand_joints_camera is not None:
        notes += _write_hands(output / "hand_pose_trajectory", source.hand_joints_camera)
    return tuple(notes)


LAYOUT = ExportLayout("published", "the published system's folder, masks and poses included", write)


def hand_keypoints(joints: FloatArray) -> dict[str, list[float] | list[list[float]]]:
    """The layout's points of a right hand's joints `(21, 3)` [m]."""
    normal = _palm_frame(joints)[0]
    points: dict[str, FloatArray] = {name: joints[joint] for name, joint in _TIPS.items()}
    for name, joint in _PAIRS.items():
        points[f"{name}_front"] = joints[joint] + HALF_THICKNESS_M * normal
        points[f"{name}_back"] = joints[joint] - HALF_THICKNESS_M * normal
    named: dict[str, list[float] | list[list[float]]] = {name: point.tolist() for name, point in points.items()}
    return named | {"global_orient": _mano_orientation(joints).tolist()}


def _palm_frame(joints: FloatArray) -> FloatArray:
    """Unit rows: out of the palm, towards the thumb's side, wrist to middle finger."""
    forward = _unit(joints[9] - joints[0])
    across = joints[5] - joints[13]
    thumbwards = _unit(across - (across @ forward) * forward)
    return np.stack([np.cross(thumbwards, forward), thumbwards, forward])


def _mano_orientation(joints: FloatArray) -> FloatArray:
    """`(3, 3)` from MANO's rest pose, whose right hand points along -x with its palm down (-y) and thumb at +z."""
    normal, thumbwards, forward = _palm_frame(joints)
    return np.stack([-forward, -normal, thumbwards], axis=1)


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))


def _write_poses(folder: Path, poses: FloatArray) -> None:
    folder.mkdir(parents=True)
    for index, T in enumerate(poses):
        np.savetxt(folder / f"{index:05d}.txt", T, fmt="%.12g")


def _write_hands(folder: Path, joints: FloatArray) -> list[str]:
    known = np.flatnonzero(np.isfinite(joints).all(axis=(1, 2)))
    if known.size == 0:
        return ["no hand in any frame: hand_pose_trajectory/ left out"]
    folder.mkdir(parents=True)
    for index in range(len(joints)):
        nearest = known[np.argmin(np.abs(known - index))]
        text = json.dumps(hand_keypoints(joints[nearest]))
        (folder / f"{index:05d}.json").write_text(text + "\n", encoding="utf-8")
    missing = len(joints) - known.size
    return [f"{missing} frames without a hand repeat the nearest one"] if missing else []


def _rate_notes(recording: Recording) -> list[str]:
    period_s = np.diff(recording.stamp_ns) * 1e-9
    if period_s.size == 0 or np.abs(period_s * PUBLISHED_RATE_HZ - 1.0).max() < 0.05:
        return []
    return [
        f"the published system assumes {PUBLISHED_RATE_HZ:g} Hz; this recording has {1.0 / np.median(period_s):.3g} Hz"
        f" and gaps up to {period_s.max():.3g} s"
    ]
