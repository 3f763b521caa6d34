"""One scene of a BOP dataset: `rgb/`, `depth/`, `scene_camera.json`, perhaps `scene_gt.json` and `mask_visib/`.

Translations are in millimetres, rotations row by row, `depth_scale` turns depth images into millimetres, the
camera is OpenCV's; all from docs/bop_datasets_format.md of thodan/bop_toolkit. A Recording has one camera
that stands still: intrinsics that change are refused, a camera that moves becomes the world.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose
from h2s2r_perception.imports.foreign import (
    ForeignFrame,
    ForeignRecording,
    ForeignTruth,
    ImportOptions,
    Layout,
    no_truth,
)
from h2s2r_perception.imports.images import millimetres, read_depth, read_rgb, same_size, stamps_at
from h2s2r_perception.imports.prompts import box_round
from h2s2r_perception.recording import Prompt
from h2s2r_perception.recording.calibration import FloatArray, check_camera_matrix, check_pose
from h2s2r_perception.recording.image_file import read_png_header

CAMERA_FILE, TRUTH_FILE = "scene_camera.json", "scene_gt.json"
_STILL_M, _STILL = 1e-4, 1e-5
"""A camera whose poses differ by less than 0.1 mm and this much in its rotation matrix does not move."""


def evidence(source: Path) -> str | None:
    """Whether the file that every scene has is here."""
    return CAMERA_FILE if (source / CAMERA_FILE).is_file() else None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a scene.

    Raises:
        InputError: A file or key is missing, intrinsics change, or the object asked for is not annotated.
    """
    cameras = _frames_of(source / CAMERA_FILE)
    numbers = sorted(cameras)
    depth_files = [source / "depth" / f"{number:06d}.png" for number in numbers]
    size = read_png_header(depth_files[0]).size
    notes = [f"no stamps in this layout: {options.frame_rate_hz:g} images a second assumed (--rate)"]
    T_world_camera = _still_camera(source, [cameras[number] for number in numbers], notes)
    annotations = _frames_of(source / TRUTH_FILE) if (source / TRUTH_FILE).is_file() else {}
    obj_id = _chosen_object(source / TRUTH_FILE, annotations, options.object_name, notes)
    stamp_ns = stamps_at(len(numbers), options.frame_rate_hz, source)
    return ForeignRecording(
        camera_matrix=_camera_matrix(source, cameras, size),
        camera_name="BOP",
        frames=lambda: _frames(source, cameras, stamp_ns),
        T_world_camera=T_world_camera,
        prompt=None if options.prompt or obj_id is None else _prompt(source, annotations, numbers, obj_id),
        truth=None if obj_id is None else _truth(source, annotations, numbers, obj_id),
        notes=tuple(notes),
    )


LAYOUT = Layout("bop", "rgb/ depth/ scene_camera.json of one BOP scene", evidence, read)


def _frames(source: Path, cameras: dict[int, Any], stamp_ns: list[int]) -> Iterator[ForeignFrame]:
    for number, stamp in zip(sorted(cameras), stamp_ns, strict=True):
        rgb = read_rgb(_colour_file(source, number))
        path = source / "depth" / f"{number:06d}.png"
        depth = read_depth(path)
        same_size(depth, (rgb.shape[1], rgb.shape[0]), path)
        scale = _numbers(source / CAMERA_FILE, number, cameras[number], "depth_scale", 1)[0]
        yield ForeignFrame(stamp, rgb, millimetres(depth, 0.001 * scale))


def _colour_file(source: Path, number: int) -> Path:
    names = [source / kind / f"{number:06d}{end}" for kind in ("rgb", "gray") for end in (".png", ".jpg", ".tif")]
    return next((path for path in names if path.is_file()), names[0])


def _frames_of(path: Path) -> dict[int, Any]:
    """What a scene file says of each image, by its number."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        frames = {int(number): entry for number, entry in content.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            path, "content", found=str(error), expected="JSON by image number", remedy="restore the file"
        ) from error
    if not frames:
        raise InputError(path, "images", found="none", expected="at least one", remedy="restore the file")
    return frames


def _numbers(path: Path, number: int, entry: Any, key: str, count: int) -> FloatArray:
    try:
        value = np.asarray(entry[key], dtype=np.float64).reshape(-1)
    except (KeyError, TypeError, ValueError):
        value = np.zeros(0)
    if value.size != count or not np.isfinite(value).all():
        found = repr(entry.get(key, "nothing") if isinstance(entry, dict) else entry)[:60]
        raise InputError(
            path, f"image {number}, {key}", found=found, expected=f"{count} numbers", remedy="restore the file"
        )
    return value


def _camera_matrix(source: Path, cameras: dict[int, Any], size: tuple[int, int]) -> FloatArray:
    path = source / CAMERA_FILE
    first, *others = sorted(cameras)
    K = _numbers(path, first, cameras[first], "cam_K", 9)
    for number in others:
        if not np.allclose(_numbers(path, number, cameras[number], "cam_K", 9), K, atol=1e-3):
            raise InputError(
                path,
                f"image {number}, cam_K",
                found="other intrinsics than in the first image",
                expected="one camera",
                remedy="this dataset crops its images; it cannot be one recording",
            )
    return check_camera_matrix(K.reshape(3, 3), size, path)


def _still_camera(source: Path, cameras: list[Any], notes: list[str]) -> FloatArray | None:
    """`T_world_camera (4, 4)` [m] of a camera that stands still; None when it moves or nobody knows."""
    if not all("cam_R_w2c" in entry and "cam_t_w2c" in entry for entry in cameras):
        return None
    path = source / CAMERA_FILE
    T = np.stack([_pose(path, index, entry, "cam_{}_w2c") for index, entry in enumerate(cameras)])
    moved = np.abs(T[:, :3, 3] - T[0, :3, 3]).max() > _STILL_M or np.abs(T - T[0])[:, :3, :3].max() > _STILL
    if moved:
        notes.append("the camera moves in this scene: object poses are kept in its frame, not in the world")
        return None
    return np.asarray(inverse(T[0]))


def _pose(path: Path, number: int, entry: Any, key: str) -> FloatArray:
    R = _numbers(path, number, entry, key.format("R"), 9).reshape(3, 3)
    t = _numbers(path, number, entry, key.format("t"), 3) * 1e-3
    return check_pose(pose(R, t), path, f"image {number}, {key.format('R')}")


def _chosen_object(path: Path, annotations: dict[int, Any], name: str | None, notes: list[str]) -> int | None:
    """The object asked for, or the only one; several and no choice leave the truth out."""
    known = sorted({int(item["obj_id"]) for items in annotations.values() for item in items if "obj_id" in item})
    if name is None:
        if len(known) > 1:
            notes.append(f"objects {', '.join(map(str, known))} are annotated: --object keeps the poses of one")
        return known[0] if len(known) == 1 else None
    if not name.isdigit() or int(name) not in known:
        found = f"objects {', '.join(map(str, known)) or 'none'}"
        raise InputError(path, "obj_id", found=found, expected=name, remedy="choose one of these with --object")
    return int(name)


def _of_object(annotations: dict[int, Any], number: int, obj_id: int) -> tuple[int, Any] | None:
    """Index and annotation of the first instance of an object in an image."""
    items = enumerate(annotations.get(number, []))
    return next(((index, item) for index, item in items if item.get("obj_id") == obj_id), None)


def _prompt(source: Path, annotations: dict[int, Any], numbers: list[int], obj_id: int) -> Prompt | None:
    """The box round the first mask of the object."""
    for frame, number in enumerate(numbers):
        found = _of_object(annotations, number, obj_id)
        path = source / "mask_visib" / f"{number:06d}_{found[0] if found else 0:06d}.png"
        if found and path.is_file():
            return box_round(path, frame)
    return None


def _truth(source: Path, annotations: dict[int, Any], numbers: list[int], obj_id: int) -> ForeignTruth:
    T_camera_object, hands = no_truth(len(numbers))
    for index, number in enumerate(numbers):
        found = _of_object(annotations, number, obj_id)
        if found is not None:
            T_camera_object[index] = _pose(source / TRUTH_FILE, number, found[1], "cam_{}_m2c")
    return ForeignTruth(T_camera_object, hands, f"{TRUTH_FILE}, object {obj_id}")
