"""Robust least squares on poses, batched over hypotheses.

A pose is moved on its right, `T_new = T exp(xi)`, `xi = [v, w]` in the object's frame. Each row holds a
residual r and a Jacobian J such that the residual becomes `r - J xi`, so that the step solves

    (sum_i w_i J_i^T J_i + damping) xi = sum_i w_i J_i^T r_i
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import grid_sample

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField

_DAMPING = (1e-3, 1e-3, 1e-3, 3e-6, 3e-6, 3e-6)
"""Per row; keeps a direction still that no row constrains. Rotation rows are [m/rad], about 0.1 m."""


@dataclass(frozen=True)
class Rows:
    """Linearised residuals of B hypotheses."""

    jacobian: torch.Tensor
    """`(B, P, 6)`."""
    residual: torch.Tensor
    """`(B, P)` [m]."""
    weight: torch.Tensor
    """`(B, P)`."""


FEATURE_SCALE = 1.5
"""A feature without influence is this much farther off than such a point: it may lead the way when motion is fast."""


METRES_PER_LEVEL = 0.0002
"""A gray level off weighs as much as this distance off the surface: about the ratio of their noise."""
PRINT_SCALE_M = 0.008
"""Forty levels off, a sample shows something else."""
_HELD = 1e6


def damping_of(row_count: int, *, hold_yaw: bool = False) -> FloatArray:
    """`(6,)`, for all rows together; with `hold_yaw` nothing turns about the object's z axis."""
    damping = np.array(_DAMPING) * row_count
    if hold_yaw:
        damping[5] = _HELD
    return damping


def step(T_camera_object: torch.Tensor, terms: Sequence[Rows], damping: FloatArray) -> torch.Tensor:
    """Move poses `(B, 4, 4)` by one Gauss-Newton step over all terms, damped by `(6,)`."""
    jacobian = torch.cat([rows.jacobian for rows in terms], dim=1)
    weight = torch.cat([rows.weight for rows in terms], dim=1)
    residual = torch.cat([rows.residual for rows in terms], dim=1)
    weighted = jacobian * weight[..., None]
    hessian = weighted.transpose(1, 2) @ jacobian
    gradient = (weighted * residual[..., None]).sum(dim=1)
    diagonal = torch.diag(torch.as_tensor(damping, dtype=hessian.dtype, device=hessian.device))
    xi, _ = torch.linalg.solve_ex(hessian + diagonal, gradient)
    return T_camera_object @ pose(rotation_from_vector(xi[:, 3:]), xi[:, :3])


def to_object(T_camera_object: torch.Tensor, points_camera: torch.Tensor) -> torch.Tensor:
    """Points `(P, 3)` or `(B, P, 3)` of the camera's frame in the object's frame of each hypothesis."""
    return (points_camera - T_camera_object[:, None, :3, 3]) @ T_camera_object[:, :3, :3]


def surface_rows(
    field: SignedDistanceField, T_camera_object: torch.Tensor, points_camera: torch.Tensor, scale_m: float
) -> Rows:
    """Measured points should lie on the surface that faces the camera (point to plane, Tukey weights).

    Args:
        field: The object's signed distance.
        T_camera_object: `(B, 4, 4)` [m].
        points_camera: `(P, 3)` [m].
        scale_m: Distance from which on a point has no influence.
    """
    x = to_object(T_camera_object, points_camera)
    distance, normal = field.sample(x)
    facing = facing_camera(T_camera_object, x, normal)
    weight = tukey(distance, scale_m) * facing
    return Rows(torch.cat([normal, torch.cross(x, normal, dim=-1)], dim=-1), distance, weight)


def feature_rows(
    T_camera_object: torch.Tensor, features: torch.Tensor, frame: tuple[float, ...], scale_m: float
) -> Rows:
    """Features fixed to the object should be seen where they were found: two rows each, `shift z / f` [m].

    Args:
        T_camera_object: `(B, 4, 4)` [m].
        features: `(F, 6)`: point on the object [m], pixel where it was found, weight.
        frame: fx, fy, cx, cy [px], and what does not matter here.
        scale_m: Shift from which on a feature has no influence.
    """
    R, body = T_camera_object[:, :3, :3], features[:, :3]
    point = body @ R.transpose(1, 2) + T_camera_object[:, None, :3, 3]
    z = point[..., 2:].clamp(min=0.05)
    focal, centre = features.new_tensor(frame[0:2]), features.new_tensor(frame[2:4])
    shift = (features[:, 3:5] - centre) / focal * z - point[..., :2]
    ratio = point[..., :2] / z
    # Rows (B, F, 2, 3): how the shift along x and y answers to a translation of the object in its own frame.
    normal = R[:, None, :2, :] - ratio[..., None] * R[:, None, 2:, :]
    along = body[:, None, :].expand(normal.shape)
    jacobian = torch.cat([normal, torch.cross(along, normal, dim=-1)], dim=-1)
    weight = features[:, 5] * tukey(torch.linalg.vector_norm(shift, dim=-1), scale_m)
    return Rows(jacobian.flatten(1, 2), shift.flatten(1, 2), weight[..., None].expand(shift.shape).flatten(1, 2))


def print_rows(
    T_camera_object: torch.Tensor, printed: torch.Tensor, slopes: torch.Tensor, frame: tuple[float, ...]
) -> Rows:
    """The image should show, where a sample is seen, the gray level expected of it: `level off` as metres.

    Args:
        T_camera_object: `(B, 4, 4)` [m].
        printed: `(V, 4)`: point on the object [m], level expected.
        slopes: `(1, 3, h, w)`: gray level and its slope over x and y [1/px], over the crop.
        frame: fx, fy, cx, cy of the camera, x0, y0 and stride of the crop [px].
    """
    fx, fy, cx, cy, x0, y0, stride = frame
    R, body = T_camera_object[:, :3, :3], printed[:, :3]
    point = body @ R.transpose(1, 2) + T_camera_object[:, None, :3, 3]
    x, y, z = point[..., 0], point[..., 1], point[..., 2].clamp(min=0.05)
    height, width = slopes.shape[2:]
    u, v = (x / z * fx + cx - x0) / stride, (y / z * fy + cy - y0) / stride
    inside = (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
    grid = torch.stack([2.0 * u / max(width - 1, 1) - 1.0, 2.0 * v / max(height - 1, 1) - 1.0], dim=-1)
    value = grid_sample(slopes, grid.reshape(1, 1, -1, 2), mode="bilinear", padding_mode="border", align_corners=True)
    level, dx, dy = value.reshape(3, *u.shape)
    residual = METRES_PER_LEVEL * (printed[:, 3] - level)
    sx, sy = METRES_PER_LEVEL * dx * fx / z, METRES_PER_LEVEL * dy * fy / z
    normal = torch.stack([sx, sy, -(sx * x + sy * y) / z], dim=-1) @ R
    jacobian = torch.cat([normal, torch.cross(body.expand_as(normal), normal, dim=-1)], dim=-1)
    return Rows(jacobian, residual, tukey(residual, PRINT_SCALE_M) * inside)


def facing_camera(T_camera_object: torch.Tensor, x: torch.Tensor, normal: torch.Tensor) -> torch.Tensor:
    """1 where the surface at points `(B, P, 3)` of the object's frame is turned to the camera, else 0."""
    eye = -(T_camera_object[:, None, :3, 3] @ T_camera_object[:, :3, :3])
    return ((normal * (x - eye)).sum(dim=-1) < 0.0).to(x.dtype)


def tukey(residual: torch.Tensor, scale: float) -> torch.Tensor:
    """Tukey's biweight: `(1 - (r / scale)^2)^2` inside the scale, 0 outside."""
    return (1.0 - (residual / scale) ** 2).clamp(min=0.0) ** 2
