"""YCBInEOAT sequences, as FoundationPose and BundleTrack read them.

`rgb/`, `depth/` (uint16 mm), `cam_K.txt`, `annotated_poses/` (4x4 object in camera, metres, one file for each
image in the order of their names) and `gt_mask/` or `masks/`. Images of the original data are named by
their ROS stamp in nanoseconds. Layout: YcbineoatReader in NVlabs/FoundationPose, datareader.py; the optical
frame is OpenCV's.
"""

from __future__ import annotations

from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.folder import frames_of, read_pose
from h2s2r_perception.imports.foreign import (
    ForeignRecording,
    ForeignTruth,
    ImportOptions,
    Layout,
    no_truth,
)
from h2s2r_perception.imports.images import ImagePair, image_pairs, stamps_at
from h2s2r_perception.imports.prompts import box_round
from h2s2r_perception.recording import Prompt
from h2s2r_perception.recording.calibration import read_camera_matrix
from h2s2r_perception.recording.image_file import read_png_header

_POSES = "annotated_poses"
_STAMP_DIGITS = 19
"""Nanoseconds since 1970 have so many until the year 2286."""


def evidence(source: Path) -> str | None:
    """Whether there are annotated poses, or images named by their stamp."""
    if not all((source / part).exists() for part in ("rgb", "depth", "cam_K.txt")):
        return None
    if (source / _POSES).is_dir():
        return f"rgb/, depth/, cam_K.txt and {_POSES}/"
    first = next(iter(sorted((source / "rgb").iterdir())), None)
    return f"images named by their stamp ({first.name})" if first is not None and _is_stamp(first.stem) else None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a sequence.

    Raises:
        InputError: Frames are missing, poses and images differ in number, or the intrinsics do not fit.
    """
    pairs = image_pairs(source / "rgb", source / "depth")
    stamped = all(_is_stamp(pair.stem) for pair in pairs)
    if stamped:
        stamp_ns = [int(pair.stem) for pair in pairs]
    else:
        stamp_ns = stamps_at(len(pairs), options.frame_rate_hz, source)
    assumed = f"images are not named by their stamp: {options.frame_rate_hz:g} images a second assumed (--rate)"
    return ForeignRecording(
        camera_matrix=read_camera_matrix(source / "cam_K.txt", read_png_header(pairs[0].depth).size),
        camera_name="YCBInEOAT",
        frames=lambda: frames_of(pairs, stamp_ns, options.depth_scale_m),
        prompt=None if options.prompt else _prompt(source, pairs),
        truth=_truth(source, len(pairs)),
        notes=() if stamped else (assumed,),
    )


LAYOUT = Layout("ycbineoat", "rgb/ depth/ cam_K.txt annotated_poses/ of YCBInEOAT", evidence, read)


def _is_stamp(stem: str) -> bool:
    return stem.isdigit() and len(stem) == _STAMP_DIGITS


def _prompt(source: Path, pairs: list[ImagePair]) -> Prompt | None:
    """The first mask there is: some copies of the data hold only that of the first frame."""
    for folder in ("gt_mask", "masks"):
        for index, pair in enumerate(pairs):
            path = source / folder / f"{pair.stem}.png"
            if path.is_file():
                return box_round(path, index)
    return None


def _truth(source: Path, count: int) -> ForeignTruth | None:
    files = sorted((source / _POSES).glob("*.txt"))
    if not files:
        return None
    if len(files) != count:
        raise InputError(
            source / _POSES,
            "poses",
            found=f"{len(files)} files",
            expected=f"{count}, one for each image",
            remedy="restore the missing files; they are matched by their order",
        )
    T_camera_object, hands = no_truth(count)
    for index, path in enumerate(files):
        T_camera_object[index] = read_pose(path)
    return ForeignTruth(T_camera_object, hands, f"{_POSES}/ of YCBInEOAT")
