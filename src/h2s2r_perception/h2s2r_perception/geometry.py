"""Rigid-body geometry on batches, written once for NumPy and torch (array API).

Conventions: `T_a_b` is the pose of frame b in frame a, shape `(..., 4, 4)`, metres; a rotation vector
points along the axis with the angle [rad] as its length; twists are `[linear, angular]`.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, device

Array = Any
"""An `(...)`-shaped float array of NumPy or torch."""


def pose(rotation: Array, position: Array) -> Array:
    """Assemble `T (..., 4, 4)` from a rotation `(..., 3, 3)` and a position `(..., 3)` [m]."""
    xp = array_namespace(rotation, position)
    top = xp.concat([rotation, position[..., :, None]], axis=-1)
    bottom = xp.zeros((*top.shape[:-2], 1, 4), dtype=top.dtype, device=device(top))
    bottom[..., 0, 3] = 1.0
    return xp.concat([top, bottom], axis=-2)


def inverse(T: Array) -> Array:
    """Inverse of rigid transforms `(..., 4, 4)`: `R^T, -R^T p`."""
    xp = array_namespace(T)
    R_t = xp.matrix_transpose(T[..., :3, :3])
    return pose(R_t, -xp.sum(R_t * T[..., None, :3, 3], axis=-1))


def transform_points(T: Array, points: Array) -> Array:
    """Points `(..., P, 3)` [m] of frame b, in frame a, for `T_a_b (..., 4, 4)`."""
    xp = array_namespace(T, points)
    return xp.matmul(points, xp.matrix_transpose(T[..., :3, :3])) + T[..., None, :3, 3]


def rotation_from_vector(rotation_vector: Array) -> Array:
    """Rodrigues' formula: rotation vectors `(..., 3)` [rad] to matrices `(..., 3, 3)`."""
    xp = array_namespace(rotation_vector)
    x, y, z = rotation_vector[..., 0], rotation_vector[..., 1], rotation_vector[..., 2]
    xx, yy, zz = x * x, y * y, z * z
    angle_squared = xx + yy + zz
    angle = xp.sqrt(angle_squared)
    small = angle_squared < 1e-12
    safe = xp.where(small, xp.ones_like(angle), angle)
    a = xp.where(small, 1.0 - angle_squared / 6.0, xp.sin(safe) / safe)
    b = xp.where(small, 0.5 - angle_squared / 24.0, (1.0 - xp.cos(safe)) / (safe * safe))
    # I + a [v]x + b [v]x^2, written out: a policy step does this often, and matrix products would cost more.
    ax, ay, az, bx, by = a * x, a * y, a * z, b * x, b * y
    entries = [
        1.0 - b * (yy + zz), bx * y - az, bx * z + ay,
        bx * y + az, 1.0 - b * (xx + zz), by * z - ax,
        bx * z - ay, by * z + ax, 1.0 - b * (xx + yy),
    ]  # fmt: skip
    return xp.reshape(xp.stack(entries, axis=-1), (*rotation_vector.shape[:-1], 3, 3))


def vector_from_rotation(R: Array) -> Array:
    """Rotation vectors `(..., 3)` [rad], angle in [0, pi], of matrices `(..., 3, 3)`.

    Goes through the unit quaternion by Shepperd's method, which is well conditioned at every angle.
    """
    xp = array_namespace(R)
    q = quat_wxyz_from_rotation(R)
    norm = xp.sqrt(xp.sum(q[..., 1:] * q[..., 1:], axis=-1))
    angle = 2.0 * xp.atan2(norm, q[..., 0])
    small = norm < 1e-9
    factor = xp.where(small, 2.0 * xp.ones_like(norm), angle / xp.where(small, xp.ones_like(norm), norm))
    return q[..., 1:] * factor[..., None]


def quat_wxyz_from_rotation(R: Array) -> Array:
    """Unit quaternions `(..., 4)`, w first and never negative, of matrices `(..., 3, 3)`."""
    xp = array_namespace(R)
    m00, m11, m22 = R[..., 0, 0], R[..., 1, 1], R[..., 2, 2]
    # Four times the squared components; the largest is the safe divisor (Shepperd 1978).
    squares = xp.stack(
        [1.0 + m00 + m11 + m22, 1.0 + m00 - m11 - m22, 1.0 - m00 + m11 - m22, 1.0 - m00 - m11 + m22], axis=-1
    )
    wx, wy, wz = R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]
    xy, xz, yz = R[..., 0, 1] + R[..., 1, 0], R[..., 0, 2] + R[..., 2, 0], R[..., 1, 2] + R[..., 2, 1]
    rows = xp.stack(
        [
            xp.stack([squares[..., 0], wx, wy, wz], axis=-1),
            xp.stack([wx, squares[..., 1], xy, xz], axis=-1),
            xp.stack([wy, xy, squares[..., 2], yz], axis=-1),
            xp.stack([wz, xz, yz, squares[..., 3]], axis=-1),
        ],
        axis=-2,
    )
    largest = xp.argmax(squares, axis=-1)
    index = xp.arange(4, device=device(R))
    chosen = xp.astype(index == largest[..., None], R.dtype)
    q = xp.sum(rows * chosen[..., None], axis=-2)
    q = q / xp.sqrt(xp.sum(q * q, axis=-1))[..., None]
    return xp.where(q[..., :1] < 0.0, -q, q)


def rotation_from_quat_wxyz(quat_wxyz: Array) -> Array:
    """Matrices `(..., 3, 3)` of quaternions `(..., 4)`, w first, of any non-zero length."""
    xp = array_namespace(quat_wxyz)
    q = quat_wxyz / xp.sqrt(xp.sum(quat_wxyz * quat_wxyz, axis=-1))[..., None]
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    return xp.stack(
        [
            xp.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], axis=-1),
            xp.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], axis=-1),
            xp.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=-1),
        ],
        axis=-2,
    )


def skew(vector: Array) -> Array:
    """Cross-product matrices `(..., 3, 3)` of vectors `(..., 3)`."""
    xp = array_namespace(vector)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    zero = xp.zeros_like(x)
    return xp.stack(
        [xp.stack([zero, -z, y], axis=-1), xp.stack([z, zero, -x], axis=-1), xp.stack([-y, x, zero], axis=-1)],
        axis=-2,
    )


def rotation_angle(R_a: Array, R_b: Array) -> Array:
    """Geodesic angle [rad] between rotations `(..., 3, 3)`."""
    xp = array_namespace(R_a, R_b)
    relative = vector_from_rotation(xp.matmul(xp.matrix_transpose(R_a), R_b))
    return xp.sqrt(xp.sum(relative * relative, axis=-1))


def interpolate_pose(T_a: Array, T_b: Array, fraction: Array) -> Array:
    """Poses between `T_a` and `T_b` `(..., 4, 4)`: position linear, rotation along the geodesic.

    Args:
        T_a: Poses at fraction 0.
        T_b: Poses at fraction 1.
        fraction: `(...)`, in [0, 1].
    """
    xp = array_namespace(T_a, T_b, fraction)
    R_a = T_a[..., :3, :3]
    relative = vector_from_rotation(xp.matmul(xp.matrix_transpose(R_a), T_b[..., :3, :3]))
    R = xp.matmul(R_a, rotation_from_vector(relative * fraction[..., None]))
    position = T_a[..., :3, 3] + fraction[..., None] * (T_b[..., :3, 3] - T_a[..., :3, 3])
    return pose(R, position)
