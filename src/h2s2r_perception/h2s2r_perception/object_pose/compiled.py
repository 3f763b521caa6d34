"""The inner loops as machine code (numba): what torch does on small tensors, without its price for each call.

The same formulas as in `gauss_newton.py`, `free_space.py` and `refinement.py`, one pass over the
rows and no temporaries; a test keeps the two equal. Compiled once for each machine and kept beside this file.
"""
# The types of arguments stand in the kernels' signatures: annotations would say them twice.
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from h2s2r_perception.object_pose.gauss_newton import FEATURE_SCALE, METRES_PER_LEVEL, PRINT_SCALE_M

_options: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "arcp", "reassoc"},
}
"""NaN and infinity keep their meaning: they are how a hopeless hypothesis is told."""


@njit(**_options)
def sample_field(cells, lower, spacing, x, y, z, out):
    """Distance and gradient `out (4,)` of the grid `cells (D, H, W, 4)` at one point; the border's beyond it."""
    depth, height, width, _ = cells.shape
    u = min(max((x - lower[0]) / spacing[0], 0.0), width - 1.0)
    v = min(max((y - lower[1]) / spacing[1], 0.0), height - 1.0)
    w = min(max((z - lower[2]) / spacing[2], 0.0), depth - 1.0)
    i, j, k = min(int(u), width - 2), min(int(v), height - 2), min(int(w), depth - 2)
    a, b, c = u - i, v - j, w - k
    for m in range(4):
        near = (1 - b) * ((1 - a) * cells[k, j, i, m] + a * cells[k, j, i + 1, m]) + b * (
            (1 - a) * cells[k, j + 1, i, m] + a * cells[k, j + 1, i + 1, m]
        )
        far = (1 - b) * ((1 - a) * cells[k + 1, j, i, m] + a * cells[k + 1, j, i + 1, m]) + b * (
            (1 - a) * cells[k + 1, j + 1, i, m] + a * cells[k + 1, j + 1, i + 1, m]
        )
        out[m] = (1 - c) * near + c * far


@njit("void(f4[:,:,:,::1], f8[::1], f8[::1], f8[:,::1], f4[:,::1], f4[::1])", **_options)
def distances(cells, lower, spacing, T, points, out):
    """Signed distance `out (P,)` of the camera's points `(P, 3)` to the object at `T (4, 4)`."""
    value = np.empty(4)
    for p in range(len(points)):
        a, b, c = points[p, 0] - T[0, 3], points[p, 1] - T[1, 3], points[p, 2] - T[2, 3]
        x = T[0, 0] * a + T[1, 0] * b + T[2, 0] * c
        y = T[0, 1] * a + T[1, 1] * b + T[2, 1] * c
        z = T[0, 2] * a + T[1, 2] * b + T[2, 2] * c
        sample_field(cells, lower, spacing, x, y, z, value)
        out[p] = value[0]


@njit(**_options)
def _add(H, g, J, residual, weight):
    for a in range(6):
        wj = weight * J[a]
        g[a] += wj * residual
        for b in range(a + 1):
            H[a, b] += wj * J[b]


@njit(**_options)
def _tukey(residual, scale):
    share = residual / scale
    inside = max(1.0 - share * share, 0.0)
    return inside * inside


@njit(**_options)
def _add_surface(H, g, T, cells, lower, spacing, points, scale):
    value, J = np.empty(4), np.empty(6)
    eye = np.empty(3)
    for a in range(3):
        eye[a] = -(T[0, 3] * T[0, a] + T[1, 3] * T[1, a] + T[2, 3] * T[2, a])
    for p in range(len(points)):
        a, b, c = points[p, 0] - T[0, 3], points[p, 1] - T[1, 3], points[p, 2] - T[2, 3]
        x = T[0, 0] * a + T[1, 0] * b + T[2, 0] * c
        y = T[0, 1] * a + T[1, 1] * b + T[2, 1] * c
        z = T[0, 2] * a + T[1, 2] * b + T[2, 2] * c
        sample_field(cells, lower, spacing, x, y, z, value)
        weight = _tukey(value[0], scale)
        if weight == 0.0 or value[1] * (x - eye[0]) + value[2] * (y - eye[1]) + value[3] * (z - eye[2]) >= 0.0:
            continue
        _set_twist(J, value[1], value[2], value[3], x, y, z)
        _add(H, g, J, value[0], weight)


@njit(**_options)
def _set_twist(J, nx, ny, nz, x, y, z):
    """`[n, x cross n]`: how far a point x of the object moves along n under a twist."""
    J[0], J[1], J[2] = nx, ny, nz
    J[3], J[4], J[5] = y * nz - z * ny, z * nx - x * nz, x * ny - y * nx


@njit(**_options)
def _add_free_space(H, g, T, image, frame, samples, weight):
    """`image (h, w, 3)`: distance into the background and its slope; `frame`: fx, fy, cx, cy, x0, y0, stride."""
    fx, fy, cx, cy, x0, y0, stride = frame
    height, width, _ = image.shape
    J = np.empty(6)
    value = np.empty(3)
    for s in range(len(samples)):
        bx, by, bz = samples[s, 0], samples[s, 1], samples[s, 2]
        px = T[0, 0] * bx + T[0, 1] * by + T[0, 2] * bz + T[0, 3]
        py = T[1, 0] * bx + T[1, 1] * by + T[1, 2] * bz + T[1, 3]
        pz = max(T[2, 0] * bx + T[2, 1] * by + T[2, 2] * bz + T[2, 3], 0.05)
        u = (px / pz * fx + cx - x0) / stride
        v = (py / pz * fy + cy - y0) / stride
        # Outside the crop nothing is known: no row.
        if not (u >= 0.0 and v >= 0.0 and u <= width - 1.0 and v <= height - 1.0):
            continue
        i, j = min(int(u), width - 2), min(int(v), height - 2)
        a, b = u - i, v - j
        for m in range(3):
            value[m] = (1 - b) * ((1 - a) * image[j, i, m] + a * image[j, i + 1, m]) + b * (
                (1 - a) * image[j + 1, i, m] + a * image[j + 1, i + 1, m]
            )
        if value[0] <= 0.0:
            continue
        sx, sy = value[1] * fx / fy, value[2]
        sz = -(sx * px + sy * py) / pz
        nx = -(sx * T[0, 0] + sy * T[1, 0] + sz * T[2, 0])
        ny = -(sx * T[0, 1] + sy * T[1, 1] + sz * T[2, 1])
        nz = -(sx * T[0, 2] + sy * T[1, 2] + sz * T[2, 2])
        _set_twist(J, nx, ny, nz, bx, by, bz)
        _add(H, g, J, value[0] * pz / fy, weight)


@njit(**_options)
def _move(T, H, g, damping):
    """One step `T exp(xi)` in place, `(H + diag(damping)) xi = g` by Cholesky's method; NaN if there is none."""
    L, xi = np.zeros((6, 6)), np.empty(6)
    for a in range(6):
        for b in range(a + 1):
            rest = H[a, b] + (damping[a] if a == b else 0.0)
            for c in range(b):
                rest -= L[a, c] * L[b, c]
            L[a, b] = math.sqrt(max(rest, 0.0)) if a == b else rest / L[b, b]
    for a in range(6):
        rest = g[a]
        for c in range(a):
            rest -= L[a, c] * xi[c]
        xi[a] = rest / L[a, a]
    for a in range(5, -1, -1):
        rest = xi[a]
        for c in range(a + 1, 6):
            rest -= L[c, a] * xi[c]
        xi[a] = rest / L[a, a]
    wx, wy, wz = xi[3], xi[4], xi[5]
    square = wx * wx + wy * wy + wz * wz
    angle = math.sqrt(square)
    s = math.sin(angle) / angle if square > 1e-12 else 1.0 - square / 6.0
    k = (1.0 - math.cos(angle)) / square if square > 1e-12 else 0.5 - square / 24.0
    R = np.array(
        [
            [1 - k * (wy * wy + wz * wz), k * wx * wy - s * wz, k * wx * wz + s * wy],
            [k * wx * wy + s * wz, 1 - k * (wx * wx + wz * wz), k * wy * wz - s * wx],
            [k * wx * wz - s * wy, k * wy * wz + s * wx, 1 - k * (wx * wx + wy * wy)],
        ]
    )
    row = np.empty(4)
    for a in range(3):
        for b in range(3):
            row[b] = T[a, 0] * R[0, b] + T[a, 1] * R[1, b] + T[a, 2] * R[2, b]
        row[3] = T[a, 0] * xi[0] + T[a, 1] * xi[1] + T[a, 2] * xi[2] + T[a, 3]
        T[a] = row


@njit(**_options)
def _add_features(H, g, T, frame, features, scale):
    """Each feature gives two rows: its shift in the image along x and y, times `z / f`."""
    fx, fy, cx, cy, _, _, _ = frame
    J = np.empty(6)
    for i in range(len(features)):
        bx, by, bz = features[i, 0], features[i, 1], features[i, 2]
        px = T[0, 0] * bx + T[0, 1] * by + T[0, 2] * bz + T[0, 3]
        py = T[1, 0] * bx + T[1, 1] * by + T[1, 2] * bz + T[1, 3]
        pz = max(T[2, 0] * bx + T[2, 1] * by + T[2, 2] * bz + T[2, 3], 0.05)
        along_x = (features[i, 3] - cx) / fx * pz - px
        along_y = (features[i, 4] - cy) / fy * pz - py
        weight = features[i, 5] * _tukey(math.sqrt(along_x * along_x + along_y * along_y), scale)
        if weight == 0.0:
            continue
        for axis in range(2):
            shift = along_x if axis == 0 else along_y
            ratio = (px if axis == 0 else py) / pz
            nx, ny, nz = T[axis, 0] - ratio * T[2, 0], T[axis, 1] - ratio * T[2, 1], T[axis, 2] - ratio * T[2, 2]
            _set_twist(J, nx, ny, nz, bx, by, bz)
            _add(H, g, J, shift, weight)


@njit(**_options)
def _add_print(H, g, T, slopes, frame, samples, scale):
    """`slopes (h, w, 3)`: gray level and its slope [1/px]; `samples (V, 4)`: point of the object, level expected."""
    fx, fy, cx, cy, x0, y0, stride = frame
    height, width, _ = slopes.shape
    J, value = np.empty(6), np.empty(3)
    for s in range(len(samples)):
        bx, by, bz = samples[s, 0], samples[s, 1], samples[s, 2]
        px = T[0, 0] * bx + T[0, 1] * by + T[0, 2] * bz + T[0, 3]
        py = T[1, 0] * bx + T[1, 1] * by + T[1, 2] * bz + T[1, 3]
        pz = max(T[2, 0] * bx + T[2, 1] * by + T[2, 2] * bz + T[2, 3], 0.05)
        u = (px / pz * fx + cx - x0) / stride
        v = (py / pz * fy + cy - y0) / stride
        if not (u >= 0.0 and v >= 0.0 and u <= width - 1.0 and v <= height - 1.0):
            continue
        i, j = min(int(u), width - 2), min(int(v), height - 2)
        a, b = u - i, v - j
        for m in range(3):
            value[m] = (1 - b) * ((1 - a) * slopes[j, i, m] + a * slopes[j, i + 1, m]) + b * (
                (1 - a) * slopes[j + 1, i, m] + a * slopes[j + 1, i + 1, m]
            )
        residual = METRES_PER_LEVEL * (samples[s, 3] - value[0])
        weight = _tukey(residual, scale)
        if weight == 0.0:
            continue
        sx, sy = METRES_PER_LEVEL * value[1] * fx / pz, METRES_PER_LEVEL * value[2] * fy / pz
        sz = -(sx * px + sy * py) / pz
        nx = sx * T[0, 0] + sy * T[1, 0] + sz * T[2, 0]
        ny = sx * T[0, 1] + sy * T[1, 1] + sz * T[2, 1]
        nz = sx * T[0, 2] + sy * T[1, 2] + sz * T[2, 2]
        _set_twist(J, nx, ny, nz, bx, by, bz)
        _add(H, g, J, residual, weight)


@njit(
    "void(f8[:,:,::1], f8[::1], f8[::1], f4[:,:,:,::1], f8[::1], f8[::1], f4[:,::1], f4[:,:,::1],"
    "UniTuple(f8, 7), f4[:,::1], f4[:,::1], f4[:,:,::1], f4[:,::1])",
    **_options,
)
def refine(T, scales, damping, cells, lower, spacing, points, image, frame, samples, features, slopes, printed):
    """Gauss-Newton in place on poses `T (B, 4, 4)`, one step for each of `scales`; the rest is `refinement.Terms`.

    `damping (6,)` is already times the number of rows.
    """
    for hypothesis in range(len(T)):
        pose = T[hypothesis]
        for scale in scales:
            H, g = np.zeros((6, 6)), np.zeros(6)
            _add_surface(H, g, pose, cells, lower, spacing, points, scale)
            _add_free_space(H, g, pose, image, frame, samples, 1.0)
            _add_features(H, g, pose, frame, features, FEATURE_SCALE * scale)
            if len(printed) > 0:
                _add_print(H, g, pose, slopes, frame, printed, PRINT_SCALE_M)
            _move(pose, H, g, damping)


@njit(
    "i8(f8[:,::1], f8[:,::1], f8[:,::1], UniTuple(f8, 7), f4[:,::1], i8[::1], i8[:,::1], f4[::1])",
    **_options,
)
def splat(points, normals, T, frame, nearest, index, pixel, depth):
    """Draw the samples that face the camera at `T (4, 4)` into `nearest (h, w)` [m], which starts as infinity.

    Also lists, for each sample inside the crop, its index, its row and column, and its depth; returns how many.
    """
    fx, fy, cx, cy, x0, y0, stride = frame
    height, width = nearest.shape
    eye = np.empty(3)
    for a in range(3):
        eye[a] = -(T[0, 3] * T[0, a] + T[1, 3] * T[1, a] + T[2, 3] * T[2, a])
    count = 0
    for i in range(len(points)):
        bx, by, bz = points[i, 0], points[i, 1], points[i, 2]
        if normals[i, 0] * (bx - eye[0]) + normals[i, 1] * (by - eye[1]) + normals[i, 2] * (bz - eye[2]) >= 0.0:
            continue
        pz = T[2, 0] * bx + T[2, 1] * by + T[2, 2] * bz + T[2, 3]
        if pz < 0.05:
            continue
        u = (T[0, 0] * bx + T[0, 1] * by + T[0, 2] * bz + T[0, 3]) / pz * fx + cx
        v = (T[1, 0] * bx + T[1, 1] * by + T[1, 2] * bz + T[1, 3]) / pz * fy + cy
        column, row = round((u - x0) / stride), round((v - y0) / stride)
        if column < 0 or row < 0 or column >= width or row >= height:
            continue
        index[count], pixel[count, 0], pixel[count, 1], depth[count] = i, row, column, pz
        count += 1
        if pz < nearest[row, column]:
            nearest[row, column] = pz
    return count


@njit(
    "void(f8[:,:,::1], f4[:,:,:,::1], f8[::1], f8[::1], f4[:,::1], f4[:,:,::1],"
    "UniTuple(f8, 7), f4[:,::1], f8, f8[::1])",
    **_options,
)
def costs(T, cells, lower, spacing, points, image, frame, samples, largest, out):
    """`out (B,)`: share of points off the facing surface plus share of samples in the free space, by `largest` [m]."""
    fx, fy, cx, cy, x0, y0, stride = frame
    height, width, _ = image.shape
    value, eye = np.empty(4), np.empty(3)
    for hypothesis in range(len(T)):
        pose = T[hypothesis]
        for a in range(3):
            eye[a] = -(pose[0, 3] * pose[0, a] + pose[1, 3] * pose[1, a] + pose[2, 3] * pose[2, a])
        off, outside = 0.0, 0.0
        for p in range(len(points)):
            a, b, c = points[p, 0] - pose[0, 3], points[p, 1] - pose[1, 3], points[p, 2] - pose[2, 3]
            x = pose[0, 0] * a + pose[1, 0] * b + pose[2, 0] * c
            y = pose[0, 1] * a + pose[1, 1] * b + pose[2, 1] * c
            z = pose[0, 2] * a + pose[1, 2] * b + pose[2, 2] * c
            sample_field(cells, lower, spacing, x, y, z, value)
            away = value[1] * (x - eye[0]) + value[2] * (y - eye[1]) + value[3] * (z - eye[2]) >= 0.0
            off += 1.0 if away else min(abs(value[0]) / largest, 1.0)
        for s in range(len(samples)):
            bx, by, bz = samples[s, 0], samples[s, 1], samples[s, 2]
            pz = max(pose[2, 0] * bx + pose[2, 1] * by + pose[2, 2] * bz + pose[2, 3], 0.05)
            u = (pose[0, 0] * bx + pose[0, 1] * by + pose[0, 2] * bz + pose[0, 3]) / pz * fx + cx
            v = (pose[1, 0] * bx + pose[1, 1] * by + pose[1, 2] * bz + pose[1, 3]) / pz * fy + cy
            u, v = (u - x0) / stride, (v - y0) / stride
            if not (u >= 0.0 and v >= 0.0 and u <= width - 1.0 and v <= height - 1.0):
                continue
            i, j = min(int(u), width - 2), min(int(v), height - 2)
            a, b = u - i, v - j
            distance = (1 - b) * ((1 - a) * image[j, i, 0] + a * image[j, i + 1, 0]) + b * (
                (1 - a) * image[j + 1, i, 0] + a * image[j + 1, i + 1, 0]
            )
            outside += min(distance * pz / fy / largest, 1.0)
        out[hypothesis] = off / max(len(points), 1) + outside / max(len(samples), 1)
