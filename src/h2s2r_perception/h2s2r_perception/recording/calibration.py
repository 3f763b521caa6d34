"""Checks of what a camera's calibration can be: intrinsics that fit the image, rigid extrinsics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

FloatArray = NDArray[np.float64]


def read_camera_matrix(path: Path, image_size: tuple[int, int]) -> FloatArray:
    """Read and check a 3x3 intrinsic matrix [px] against the image size (width, height) it must fit.

    Raises:
        InputError: It is not a pinhole matrix, or belongs to an image of another size.
    """
    try:
        camera_matrix = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise InputError(
            path, "content", found=str(error), expected="three rows of three numbers", remedy="write the intrinsics"
        ) from error
    return check_camera_matrix(camera_matrix, image_size, path)


def check_camera_matrix(camera_matrix: FloatArray, image_size: tuple[int, int], source: Path | str) -> FloatArray:
    """Return `(3, 3)` intrinsics [px] if they can belong to an image of this size (width, height).

    Raises:
        InputError: Wrong shape or form, principal point outside the image's middle half, or a field of
            view that no camera of this kind has.
    """
    remedy = f"give the intrinsics of the {image_size[0]}x{image_size[1]} colour stream"
    K = np.asarray(camera_matrix, dtype=np.float64)
    if K.shape != (3, 3) or not np.all(np.isfinite(K)):
        raise InputError(source, "shape", found=f"{K.shape}", expected="(3, 3), all numbers finite", remedy=remedy)
    if not np.allclose(K[2], [0.0, 0.0, 1.0]) or abs(K[1, 0]) > 1e-9:
        raise InputError(
            source, "form", found=f"{K.tolist()}", expected="[[fx, s, cx], [0, fy, cy], [0, 0, 1]]", remedy=remedy
        )
    for axis, name in ((0, "x"), (1, "y")):
        size, centre, focal = image_size[axis], K[axis, 2], K[axis, axis]
        if not 0.25 * size <= centre <= 0.75 * size:
            raise InputError(
                source,
                f"c{name}",
                found=f"{centre:g} px",
                expected=f"within {0.25 * size:g} to {0.75 * size:g} px",
                remedy=remedy,
            )
        if not 0.2 * max(image_size) <= focal <= 20.0 * max(image_size):
            raise InputError(
                source,
                f"f{name}",
                found=f"{focal:g} px",
                expected=f"within {0.2 * max(image_size):g} to {20 * max(image_size):g} px",
                remedy=remedy,
            )
    return K


def check_pose(value: object, source: Path | str, field: str) -> FloatArray:
    """Return `value` as a rigid transform `(4, 4)` [m].

    Raises:
        InputError: It has another shape or its rotation part is not a rotation.
    """
    try:
        T = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        T = np.zeros(0)
    remedy = "write the pose of the camera's optical frame in the world"
    if T.shape != (4, 4) or not np.all(np.isfinite(T)):
        raise InputError(source, field, found=f"shape {T.shape}", expected="4x4 finite numbers", remedy=remedy)
    R = T[:3, :3]
    orthonormal = np.allclose(R.T @ R, np.eye(3), atol=1e-4) and np.linalg.det(R) > 0
    if not orthonormal or not np.allclose(T[3], [0.0, 0.0, 0.0, 1.0]):
        raise InputError(source, field, found=f"{T.tolist()}", expected="a rigid transform", remedy=remedy)
    return T
