"""Robust least squares on poses, batched over hypotheses.

A pose is moved on its right, `T_new = T exp(xi)`, `xi = [v, w]` in the object's frame. Each row holds a
residual r and a Jacobian J such that the residual becomes `r - J xi`, so that the step solves

    (sum_i w_i J_i^T J_i + damping) xi = sum_i w_i J_i^T r_i
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField

_DAMPING = (1e-3, 1e-3, 1e-3, 1e-5, 1e-5, 1e-5)
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


def step(T_camera_object: torch.Tensor, terms: Sequence[Rows]) -> torch.Tensor:
    """Move poses `(B, 4, 4)` by one Gauss-Newton step over all terms."""
    jacobian = torch.cat([rows.jacobian for rows in terms], dim=1)
    weight = torch.cat([rows.weight for rows in terms], dim=1)
    residual = torch.cat([rows.residual for rows in terms], dim=1)
    weighted = jacobian * weight[..., None]
    hessian = weighted.transpose(1, 2) @ jacobian
    damping = torch.tensor(_DAMPING, dtype=hessian.dtype, device=hessian.device) * jacobian.shape[1]
    gradient = (weighted * residual[..., None]).sum(dim=1)
    xi = torch.linalg.solve(hessian + torch.diag(damping), gradient)
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


def facing_camera(T_camera_object: torch.Tensor, x: torch.Tensor, normal: torch.Tensor) -> torch.Tensor:
    """1 where the surface at points `(B, P, 3)` of the object's frame is turned to the camera, else 0."""
    eye = -(T_camera_object[:, None, :3, 3] @ T_camera_object[:, :3, :3])
    return ((normal * (x - eye)).sum(dim=-1) < 0.0).to(x.dtype)


def tukey(residual: torch.Tensor, scale: float) -> torch.Tensor:
    """Tukey's biweight: `(1 - (r / scale)^2)^2` inside the scale, 0 outside."""
    return (1.0 - (residual / scale) ** 2).clamp(min=0.0) ** 2
