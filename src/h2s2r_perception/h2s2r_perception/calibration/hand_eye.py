"""Closed-form hand-eye solutions for a fixed camera that watches a board on the gripper.

With A_i = T_base_gripper and B_i = T_camera_board of view i, and unknown Z = T_gripper_board and
X = T_base_camera, every view says `A_i Z = X B_i`. Two classic ways to solve it, which suffer from noise
differently; the caller takes the one that explains the corners better. (OpenCV 5.0.0's Python package does not
expose its own `calibrateHandEye`: opencv/opencv issue 29565.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, pose, vector_from_rotation

FloatArray = NDArray[np.float64]
HandEye = tuple[FloatArray, FloatArray]
"""`T_base_camera (4, 4)`, `T_gripper_board (4, 4)` [m]."""


def with_mean_camera(T_base_gripper: FloatArray, T_camera_board: FloatArray, T_gripper_board: FloatArray) -> HandEye:
    """Complete a known Z by the mean of what each view says of X, `A_i Z B_i^-1`."""
    each = T_base_gripper @ T_gripper_board @ inverse(T_camera_board)
    R = nearest_rotation(each[:, :3, :3].mean(axis=0))
    return np.asarray(pose(R, each[:, :3, 3].mean(axis=0))), T_gripper_board


def park(T_base_gripper: FloatArray, T_camera_board: FloatArray) -> HandEye:
    """Park and Martin (1994): rotation vectors of relative motions, aligned by Procrustes.

    `A_j^-1 A_i Z = Z B_j^-1 B_i`, so the rotation vector of the gripper's motion is R_Z times the board's.
    """
    first, second = np.triu_indices(len(T_base_gripper), 1)
    A = inverse(T_base_gripper[first]) @ T_base_gripper[second]
    B = inverse(T_camera_board[first]) @ T_camera_board[second]
    a, b = vector_from_rotation(A[:, :3, :3]), vector_from_rotation(B[:, :3, :3])
    R = nearest_rotation(a.T @ b)
    # (R_A - I) t_Z = R_Z t_B - t_A
    left = (A[:, :3, :3] - np.eye(3)).reshape(-1, 3)
    right = (B[:, :3, 3] @ R.T - A[:, :3, 3]).reshape(-1)
    return with_mean_camera(T_base_gripper, T_camera_board, np.asarray(pose(R, np.linalg.lstsq(left, right)[0])))


def shah(T_base_gripper: FloatArray, T_camera_board: FloatArray) -> HandEye:
    """Shah (2013): both rotations from one singular value decomposition of Kronecker products.

    `vec(R_X) = (R_B (x) R_A) vec(R_Z)` for every view; summed, the leading singular vectors are the rotations.
    """
    R_A, R_B = T_base_gripper[:, :3, :3], T_camera_board[:, :3, :3]
    total = np.einsum("nij,nkl->ikjl", R_B, R_A).reshape(9, 9)
    left, _, right = np.linalg.svd(total)
    R_X, R_Z = left[:, 0].reshape(3, 3).T, right[0].reshape(3, 3).T
    R_X, R_Z = (nearest_rotation(R * np.sign(np.linalg.det(R))) for R in (R_X, R_Z))
    # R_A t_Z - t_X = R_X t_B - t_A
    matrix = np.concatenate([R_A, np.broadcast_to(-np.eye(3), R_A.shape)], axis=2).reshape(-1, 6)
    vector = (T_camera_board[:, :3, 3] @ R_X.T - T_base_gripper[:, :3, 3]).reshape(-1)
    solution = np.linalg.lstsq(matrix, vector)[0]
    return np.asarray(pose(R_X, solution[3:])), np.asarray(pose(R_Z, solution[:3]))


METHODS: dict[str, Callable[[FloatArray, FloatArray], HandEye]] = {"park": park, "shah": shah}


def nearest_rotation(matrix: FloatArray) -> FloatArray:
    """The rotation `(3, 3)` nearest to a matrix, in the least-squares sense."""
    left, _, right = np.linalg.svd(matrix)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left * sign @ right)
