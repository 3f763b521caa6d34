"""The published system's folder: `rgb/`, `depth/`, `cam_K.txt`, perhaps `masks/`; no stamps.

That system assumes 30 images a second and keeps the camera's pose in its source code, so both are given
by the user. What its own perception left beside them is kept to compare with: `ob_in_cam/%05d.txt` (also
under `object_pose_trajectory/`) and `hand_pose_trajectory/%05d.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.foreign import (
    ForeignFrame,
    ForeignRecording,
    ForeignTruth,
    ImportOptions,
    Layout,
    no_truth,
)
from h2s2r_perception.imports.images import (
    ImagePair,
    image_pairs,
    millimetres,
    read_depth,
    read_rgb,
    same_size,
    stamps_at,
)
from h2s2r_perception.imports.prompts import box_round
from h2s2r_perception.recording.calibration import FloatArray, check_pose, read_camera_matrix
from h2s2r_perception.recording.image_file import read_png_header

POSE_FOLDERS = ("ob_in_cam", "object_pose_trajectory/ob_in_cam")
HAND_FOLDER = "hand_pose_trajectory"
HAND_KEYPOINTS: dict[int, tuple[str, ...]] = {
    0: ("wrist_back", "wrist_front"),
    5: ("index_0_back", "index_0_front"),
    9: ("middle_0_back", "middle_0_front"),
    13: ("ring_0_back", "ring_0_front"),
    4: ("thumb_3",),
    8: ("index_3",),
    12: ("middle_3",),
    16: ("ring_3",),
}
"""Our joint, and the points on the skin whose mean it is (human2sim2robot, human_demo/visualize_demo.py)."""


def evidence(source: Path) -> str | None:
    """Whether the three parts that every such folder has are here."""
    if all((source / part).exists() for part in ("rgb", "depth", "cam_K.txt")):
        return "rgb/, depth/ and cam_K.txt"
    return None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a folder in the published layout.

    Raises:
        InputError: Frames are missing, or the intrinsics do not fit the images.
    """
    pairs = image_pairs(source / "rgb", source / "depth")
    size = read_png_header(pairs[0].depth).size
    first_mask = source / "masks" / f"{pairs[0].stem}.png"
    return ForeignRecording(
        camera_matrix=read_camera_matrix(source / "cam_K.txt", size),
        camera_name="camera",
        frames=lambda: frames_of(pairs, stamps_at(len(pairs), options.frame_rate_hz, source), options.depth_scale_m),
        prompt=box_round(first_mask) if options.prompt is None and first_mask.is_file() else None,
        truth=_estimates(source, [pair.stem for pair in pairs]),
        notes=(f"no stamps in this layout: {options.frame_rate_hz:g} images a second assumed (--rate)",),
    )


LAYOUT = Layout("folder", "rgb/ depth/ cam_K.txt of SAM 2, FoundationPose and the published system", evidence, read)


def frames_of(pairs: list[ImagePair], stamp_ns: list[int], depth_scale_m: float) -> Iterator[ForeignFrame]:
    """Read pairs of colour and 16-bit depth in steps of `depth_scale_m` [m]."""
    for pair, stamp in zip(pairs, stamp_ns, strict=True):
        rgb, depth = read_rgb(pair.rgb), read_depth(pair.depth)
        same_size(depth, (rgb.shape[1], rgb.shape[0]), pair.depth)
        yield ForeignFrame(stamp, rgb, millimetres(depth, depth_scale_m))


def read_pose(path: Path) -> FloatArray:
    """A 4x4 pose [m] from text.

    Raises:
        InputError: It is none.
    """
    try:
        T = np.loadtxt(path, dtype=np.float64).reshape(4, 4)
    except (OSError, ValueError) as error:
        raise InputError(
            path, "content", found=str(error), expected="four rows of four numbers", remedy="restore the file"
        ) from error
    return check_pose(T, path, "pose")


def _estimates(source: Path, stems: list[str]) -> ForeignTruth | None:
    """The published system's own results, where it has run."""
    T_camera_object, hands = no_truth(len(stems))
    poses = next((source / name for name in POSE_FOLDERS if (source / name).is_dir()), None)
    for index, stem in enumerate(stems):
        if poses is not None and (poses / f"{stem}.txt").is_file():
            T_camera_object[index] = read_pose(poses / f"{stem}.txt")
        if (source / HAND_FOLDER / f"{stem}.json").is_file():
            hands[index] = _hand(source / HAND_FOLDER / f"{stem}.json")
    if not (np.isfinite(T_camera_object).any() or np.isfinite(hands).any()):
        return None
    return ForeignTruth(T_camera_object, hands, "estimates of the published system, not measured")


def _hand(path: Path) -> FloatArray:
    """Joints `(21, 3)` [m], camera frame; NaN where the layout has no keypoint."""
    joints = np.full((21, 3), np.nan)
    try:
        points = json.loads(path.read_text(encoding="utf-8"))
        for joint, names in HAND_KEYPOINTS.items():
            joints[joint] = np.mean([np.asarray(points[name], dtype=np.float64).reshape(3) for name in names], axis=0)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            path,
            "keypoints",
            found=f"{type(error).__name__}: {error}",
            expected="the twelve named points of three numbers [m]",
            remedy="restore the file, or delete it",
        ) from error
    return joints
