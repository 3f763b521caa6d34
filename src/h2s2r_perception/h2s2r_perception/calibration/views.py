"""The images of a calibration, and where the gripper was in each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.recording import check_pose
from h2s2r_perception.recording.calibration import read_camera_matrix

FloatArray = NDArray[np.float64]

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp"}


@dataclass(frozen=True)
class Views:
    """Images of one unmoved camera."""

    paths: tuple[Path, ...]
    image_size: tuple[int, int]
    """Width and height [px]."""
    camera_matrix: FloatArray | None
    """`(3, 3)` [px], from `cam_K.txt`; None where there is none (intrinsics are to be found)."""

    def image(self, index: int) -> NDArray[np.uint8]:
        """Colour `(H, W, 3)`, red first."""
        return _read(self.paths[index])


def open_views(source: Path, *, intrinsics_needed: bool = True, camera_matrix: Path | None = None) -> Views:
    """Open a Recording, a folder of images, or one image.

    Args:
        source: Images lie in it, or in its `rgb/`; `cam_K.txt` beside or above them.
        intrinsics_needed: Refuse where no `cam_K.txt` is found.
        camera_matrix: Another file than that `cam_K.txt`.

    Raises:
        InputError: No image, images of different sizes, or intrinsics that are missing or do not fit.
    """
    folder = source / "rgb" if (source / "rgb").is_dir() else source
    if source.is_file():
        paths: tuple[Path, ...] = (source,)
    else:
        paths = tuple(sorted(path for path in folder.glob("*") if path.suffix.lower() in _ENDINGS))
    if not paths:
        raise InputError(source, "images", found="none", expected="PNG or JPEG images", remedy="check the path")
    height, width = _read(paths[0]).shape[:2]
    near = (folder, folder.parent) if folder.is_dir() else (source.parent,)
    candidates = [camera_matrix] if camera_matrix else [place / "cam_K.txt" for place in near]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None and (intrinsics_needed or camera_matrix):
        raise InputError(
            candidates[0],
            "intrinsics",
            found="no such file",
            expected="a 3x3 camera matrix",
            remedy="write it there, or find it with `h2s2r calibrate intrinsics`",
        )
    K = None if found is None else read_camera_matrix(found, (width, height))
    return Views(paths, (width, height), K)


def read_gripper_poses(path: Path, count: int) -> FloatArray:
    """Poses `T_base_gripper (V, 4, 4)` [m] from `.npy`, `.npz` (key `T_base_gripper`) or text (4 rows each).

    Raises:
        InputError: They cannot be read, are not poses, or are not one for each of `count` images.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                poses = np.asarray(stored["T_base_gripper"], dtype=np.float64)
        elif path.suffix == ".npy":
            poses = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
        else:
            poses = np.loadtxt(path, dtype=np.float64, ndmin=2).reshape(-1, 4, 4)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            path, "content", found=str(error), expected="4x4 poses T_base_gripper", remedy="export them again"
        ) from error
    check_count(path, len(poses), count)
    for index, T in enumerate(poses):
        check_pose(T, path, f"pose {index}")
    return poses


def read_pose(path: Path, field: str) -> FloatArray:
    """One pose `(4, 4)` [m] from a text file.

    Raises:
        InputError: It cannot be read or is not a rigid transform.
    """
    try:
        T = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(
            path, "content", found=str(error), expected="four rows of four numbers", remedy=f"write {field}"
        ) from error
    return check_pose(T, path, field)


def check_count(path: Path, found: int, expected: int) -> None:
    """Refuse a file that does not hold one entry for each image.

    Raises:
        InputError: It holds another number.
    """
    if found != expected:
        raise InputError(
            path,
            "count",
            found=f"{found} entries",
            expected=f"{expected}, one for each image in the order of their names",
            remedy="drop the image or the entry that has no partner",
        )


def _read(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(path, "content", found="no image", expected="a PNG or JPEG", remedy="copy it again")
    return np.asarray(image[..., ::-1], dtype=np.uint8)
