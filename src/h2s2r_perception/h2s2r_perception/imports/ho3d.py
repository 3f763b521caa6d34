"""HO-3D sequences, versions 2 and 3: one folder of `train/` or `evaluation/`.

`rgb/%04d.png` (v2) or `.jpg` (v3), `depth/%04d.png` (depth = (red + 256 green) steps of 0.125 mm) and
`meta/%04d.pkl` with `camMat`, `objRot` (rotation vector), `objTrans`, `handJoints3D`, all in metres and in
an OpenGL camera (y up, looking along -z). Frames without annotation hold None; in `evaluation/` only the
wrist is public. From shreyashampali/ho3d: README.md, vis_HO3D.py (order of the joints), utils/vis_utils.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose
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
    read_image,
    read_rgb,
    same_size,
    stamps_at,
)
from h2s2r_perception.imports.safe_pickle import read_pickle
from h2s2r_perception.recording.calibration import FloatArray, check_camera_matrix
from h2s2r_perception.recording.image_file import read_png_header

DEPTH_STEP_M = 0.00012498664727900177
"""Of the SR300 the data were recorded with."""
OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0])
JOINTS_FROM_HO3D = np.array([0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20])
"""Our joint k is theirs of index `JOINTS_FROM_HO3D[k]`."""


def evidence(source: Path) -> str | None:
    """Whether there is annotation in pickles."""
    if (source / "rgb").is_dir() and (source / "depth").is_dir() and any((source / "meta").glob("*.pkl")):
        return "rgb/, depth/ and meta/*.pkl"
    return None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open a sequence.

    Raises:
        InputError: Frames or annotation files are missing, broken, or of another camera.
    """
    pairs = image_pairs(source / "rgb", source / "depth")
    annotations = [_annotation(source / "meta" / f"{pair.stem}.pkl") for pair in pairs]
    stamp_ns = stamps_at(len(pairs), options.frame_rate_hz, source)
    return ForeignRecording(
        camera_matrix=_camera_matrix(source, annotations, read_png_header(pairs[0].depth).size),
        camera_name="HO-3D",
        frames=lambda: _frames(pairs, stamp_ns),
        truth=_truth(source, pairs, annotations),
        notes=(f"no stamps in this layout: {options.frame_rate_hz:g} images a second assumed (--rate)",),
    )


LAYOUT = Layout("ho3d", "rgb/ depth/ meta/*.pkl of one HO-3D sequence", evidence, read)


def decode_depth(image: NDArray[Any], path: Path) -> NDArray[np.uint16]:
    """Depth `(H, W)` [mm] from the two channels of an image `(H, W, 3)` in OpenCV's order.

    Raises:
        InputError: It has not three channels of 8 bit.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] < 3:
        raise InputError(
            path,
            "format",
            found=f"{image.dtype} of shape {image.shape}",
            expected="depth in the red and green channels of an 8-bit PNG",
            remedy="check that this is an HO-3D sequence",
        )
    steps = image[..., 2].astype(np.uint32) + 256 * image[..., 1].astype(np.uint32)
    return millimetres(steps, DEPTH_STEP_M)


def _frames(pairs: list[ImagePair], stamp_ns: list[int]) -> Iterator[ForeignFrame]:
    for pair, stamp in zip(pairs, stamp_ns, strict=True):
        rgb = read_rgb(pair.rgb)
        depth_mm = decode_depth(read_image(pair.depth, cv2.IMREAD_UNCHANGED), pair.depth)
        same_size(depth_mm, (rgb.shape[1], rgb.shape[0]), pair.depth)
        yield ForeignFrame(stamp, rgb, depth_mm)


def _annotation(path: Path) -> dict[str, Any]:
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise InputError(
            path, "content", found=type(content).__name__, expected="a dictionary", remedy="restore the file"
        )
    return content


def _value(path: Path, annotation: dict[str, Any], key: str, size: int) -> FloatArray:
    """The numbers under a key, flat.

    Raises:
        InputError: The key is missing, or holds something else.
    """
    remedy = "restore the annotation of this frame"
    if key not in annotation:
        raise InputError(path, key, found=f"keys {sorted(annotation)}", expected="this key", remedy=remedy)
    try:
        value = np.asarray(annotation[key], dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        value = np.zeros(0)
    if value.size != size or not np.isfinite(value).all():
        raise InputError(path, key, found=repr(annotation[key])[:60], expected=f"{size} numbers", remedy=remedy)
    return value


def _camera_matrix(source: Path, annotations: list[dict[str, Any]], size: tuple[int, int]) -> FloatArray:
    meta = source / "meta"
    known = [_value(meta, item, "camMat", 9) for item in annotations if item.get("camMat") is not None]
    if not known:
        raise InputError(meta, "camMat", found="none", expected="intrinsics", remedy="restore the annotation")
    if not all(np.allclose(value, known[0]) for value in known):
        raise InputError(
            meta, "camMat", found="several", expected="one camera", remedy="import one sequence of one camera"
        )
    return check_camera_matrix(known[0].reshape(3, 3), size, meta)


def _truth(source: Path, pairs: list[ImagePair], annotations: list[dict[str, Any]]) -> ForeignTruth | None:
    T_camera_object, hands = no_truth(len(pairs))
    for index, (pair, annotation) in enumerate(zip(pairs, annotations, strict=True)):
        path = source / "meta" / f"{pair.stem}.pkl"
        if annotation.get("objRot") is not None:
            R = cv2.Rodrigues(_value(path, annotation, "objRot", 3))[0]
            position = _value(path, annotation, "objTrans", 3)
            T_camera_object[index] = pose(OPENCV_FROM_OPENGL @ R, OPENCV_FROM_OPENGL @ position)
        joints = annotation.get("handJoints3D")
        if joints is not None and np.size(joints) == 63:
            ordered = _value(path, annotation, "handJoints3D", 63).reshape(21, 3)[JOINTS_FROM_HO3D]
            hands[index] = ordered @ OPENCV_FROM_OPENGL
        elif joints is not None:
            hands[index, 0] = _value(path, annotation, "handJoints3D", 3) @ OPENCV_FROM_OPENGL
    if not (np.isfinite(T_camera_object).any() or np.isfinite(hands).any()):
        return None
    return ForeignTruth(T_camera_object, hands, "annotation of HO-3D")
