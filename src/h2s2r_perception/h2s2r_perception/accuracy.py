"""How far a Demonstration is from the truth, where the truth is known: evaluation only.

ground_truth/ground_truth.npz
  stamp_ns (T,)   T_world_object (T, 4, 4)   hand_joints_world (T, 21, 3)   premanipulation_index ()
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, read_meta
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.recording import Recording
from h2s2r_perception.symmetry import nearest_yaw

GROUND_TRUTH = "ground_truth.npz"
UNKNOWN_FRAME = -1
"""`premanipulation_index` of data whose authors had no such frame in mind."""
_NEAR_FRAMES = 5


def compare_with_ground_truth(demonstration_folder: Path, ground_truth_folder: Path) -> dict[str, float]:
    """Errors of a Demonstration: object over all frames, hand near the pre-manipulation frame and over all.

    Args:
        demonstration_folder: A Demonstration.
        ground_truth_folder: Truth for the same frames, as a synthetic demonstrator writes it.

    Returns:
        Flat figures; the unit is in the key. The hand's are over single joints. NaN where no hand was seen.

    Raises:
        InputError: One of the two cannot be read, or they are not of the same frames.
    """
    demonstration = Demonstration.load(demonstration_folder)
    path = Path(ground_truth_folder) / GROUND_TRUTH
    truth = read_ground_truth(ground_truth_folder)
    if not np.array_equal(truth["stamp_ns"], demonstration.stamp_ns):
        raise InputError(
            path,
            "stamp_ns",
            found=f"{len(truth['stamp_ns'])} stamps that differ",
            expected=f"the {len(demonstration.stamp_ns)} stamps of {demonstration_folder}",
            remedy="give the ground truth of the same recording",
        )
    perceived = demonstration.T_world_object
    if _symmetry(demonstration_folder) == "yaw":  # which of the poses that look alike is meant, nobody can tell
        perceived = nearest_yaw(perceived, truth["T_world_object"])
    shift_m = perceived[:, :3, 3] - truth["T_world_object"][:, :3, 3]
    turn = rotation_angle(truth["T_world_object"][:, :3, :3], perceived[:, :3, :3])
    hand_mm = 1e3 * np.linalg.norm(demonstration.hand_joints_world - truth["hand_joints_world"], axis=-1)
    index = demonstration.premanipulation_index
    near = hand_mm[max(0, index - _NEAR_FRAMES) : index + _NEAR_FRAMES + 1]
    return {
        **_spread("object_translation_mm", 1e3 * np.linalg.norm(shift_m, axis=1)),
        **_spread("object_rotation_deg", np.rad2deg(turn)),
        "premanipulation_frame_error": _frame_error(index, int(truth["premanipulation_index"])),
        **_spread("hand_joint_mm", near),
        **_spread("hand_joint_premanipulation_mm", hand_mm[index]),
        **_spread("hand_joint_all_frames_mm", hand_mm),
        "hand_frames_share": float(np.isfinite(hand_mm).all(axis=1).mean()),
    }


def compare_object_track(track_folder: Path, recording_folder: Path, ground_truth_folder: Path) -> dict[str, float]:
    """Errors of `perceive --object-only` over the frames whose true pose is known.

    Args:
        track_folder: What it made: `ob_in_cam/%05d.txt`.
        recording_folder: The Recording it looked at.
        ground_truth_folder: Truth for the same frames.

    Returns:
        Flat figures; the unit is in the key.

    Raises:
        InputError: One of the three cannot be read, or they are not of the same frames.
    """
    recording, truth = Recording.open(recording_folder), read_ground_truth(ground_truth_folder)
    files = sorted((Path(track_folder) / "ob_in_cam").glob("*.txt"))
    if not np.array_equal(truth["stamp_ns"], recording.stamp_ns) or len(files) != recording.frame_count:
        raise InputError(
            track_folder,
            "frames",
            found=f"{len(files)} poses, {len(truth['stamp_ns'])} in {ground_truth_folder}",
            expected=f"the {recording.frame_count} frames of {recording_folder}",
            remedy="perceive this recording again, and give its own ground truth",
        )
    T_world_object = recording.T_world_camera @ np.stack([np.loadtxt(path).reshape(4, 4) for path in files])
    known = np.isfinite(truth["T_world_object"]).all(axis=(1, 2))
    shift_m = (T_world_object - truth["T_world_object"])[known, :3, 3]
    turn = rotation_angle(truth["T_world_object"][known, :3, :3], T_world_object[known, :3, :3])
    return {
        **_spread("object_translation_mm", 1e3 * np.linalg.norm(shift_m, axis=1)),
        **_spread("object_rotation_deg", np.rad2deg(turn)),
        "frames_with_truth": float(known.sum()),
    }


def _symmetry(demonstration_folder: Path) -> str:
    """Of the object, as it was declared when the Demonstration was made."""
    meta = read_meta(demonstration_folder, SCHEMA, remedy="run `h2s2r perceive` again")
    stated = meta.get("configuration") or {}
    return str(stated.get("perceive", {}).get("object", {}).get("symmetry", "none"))


def _frame_error(index: int, true_index: int) -> float:
    return float("nan") if true_index == UNKNOWN_FRAME else float(index - true_index)


def _spread(name: str, values: NDArray[np.float64]) -> dict[str, float]:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return {f"{name}_p50": float("nan"), f"{name}_p95": float("nan")}
    return {f"{name}_p50": float(np.median(known)), f"{name}_p95": float(np.percentile(known, 95))}


def read_ground_truth(folder: Path) -> dict[str, NDArray]:
    """The arrays of a ground truth; NaN where it knows nothing.

    Raises:
        InputError: The file cannot be read, or lacks an array.
    """
    path = Path(folder) / GROUND_TRUTH
    needed = ("stamp_ns", "T_world_object", "hand_joints_world", "premanipulation_index")
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in needed}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            path, "content", found=str(error), expected=f"arrays {', '.join(needed)}", remedy="give a ground truth"
        ) from error
