"""Refines poses against one image: all terms together, by machine code on a CPU, by torch anywhere."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.object_pose.free_space import FreeSpace, free_space_rows
from h2s2r_perception.object_pose.gauss_newton import (
    FEATURE_SCALE,
    damping_of,
    facing_camera,
    feature_rows,
    print_rows,
    step,
    surface_rows,
    to_object,
)
from h2s2r_perception.object_pose.signed_distance import SignedDistanceField

NOTHING_PRINTED: NDArray[np.float32] = np.zeros((0, 4), dtype=np.float32)
NO_SLOPES: NDArray[np.float32] = np.zeros((1, 1, 3), dtype=np.float32)
NO_FEATURES: NDArray[np.float32] = np.zeros((0, 6), dtype=np.float32)
_OFF_M = 0.01
"""A point farther from the surface costs no more than one that is this far."""


@dataclass(frozen=True)
class Terms:
    """What one image says about the pose."""

    points: NDArray[np.float32]
    """Measured points `(P, 3)` [m], camera frame: they lie on the surface."""
    free_space: FreeSpace
    samples: NDArray[np.float32]
    """Of the surface, `(S, 3)` [m], object frame: they do not lie in the free space."""
    features: NDArray[np.float32] = field(default_factory=lambda: NO_FEATURES)
    """`(F, 6)`: point on the object [m], pixel where it was found, weight."""
    slopes: NDArray[np.float32] = field(default_factory=lambda: NO_SLOPES)
    """`(h, w, 3)`: gray level and its slope over x and y [1/px], over the crop of the free space."""
    printed: NDArray[np.float32] = field(default_factory=lambda: NOTHING_PRINTED)
    """`(V, 4)`: point on the object [m] and the gray level expected there."""
    hold_yaw: bool = False
    """Whether nothing turns about the object's z axis: nobody could see it."""


def refine(
    field: SignedDistanceField, terms: Terms, T_camera_object: FloatArray, scales_m: Sequence[float]
) -> FloatArray:
    """Poses `(B, 4, 4)` [m] after one Gauss-Newton step for each robust scale; NaN where there is none."""
    kernels = compiled()
    if kernels is None or field.grid.device.type != "cpu":
        return refine_torch(field, terms, T_camera_object, scales_m)
    T = np.array(T_camera_object, dtype=np.float64, order="C")
    kernels.refine(
        T,
        np.asarray(scales_m, dtype=np.float64),
        _damping(terms),
        field.cells,
        field.first_cell,
        field.spacing,
        terms.points,
        terms.free_space.image,
        terms.free_space.frame,
        terms.samples,
        terms.features,
        terms.slopes,
        terms.printed,
    )
    return T


def refine_torch(
    field: SignedDistanceField, terms: Terms, T_camera_object: FloatArray, scales_m: Sequence[float]
) -> FloatArray:
    """The same in torch, all poses in one batch, where the field is kept."""
    like = field.grid

    def there(array: NDArray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=like.dtype, device=like.device)

    points, samples, features = there(terms.points), there(terms.samples), there(terms.features)
    free_space, frame = terms.free_space.field.to(like), terms.free_space.frame
    T = there(T_camera_object)
    printed, slopes = there(terms.printed), there(terms.slopes.transpose(2, 0, 1)[None])
    for scale_m in scales_m:
        rows = [
            surface_rows(field, T, points, float(scale_m)),
            free_space_rows(free_space, frame, T, samples, 1.0),
            feature_rows(T, features, frame, FEATURE_SCALE * float(scale_m)),
        ]
        if len(printed):
            rows.append(print_rows(T, printed, slopes, frame))
        T = step(T, rows, _damping(terms))
    return np.asarray(T.cpu().numpy().astype(np.float64))


def _damping(terms: Terms) -> FloatArray:
    return damping_of(len(terms.points) + len(terms.samples), hold_yaw=terms.hold_yaw)


def costs(field: SignedDistanceField, terms: Terms, T_camera_object: FloatArray) -> FloatArray:
    """`(B,)` in [0, 2]: share of points off the facing surface plus share of samples in the free space."""
    kernels = compiled()
    found = np.empty(len(T_camera_object))
    if kernels is None or field.grid.device.type != "cpu":
        return costs_torch(field, terms, T_camera_object)
    kernels.costs(
        np.ascontiguousarray(T_camera_object, dtype=np.float64),
        field.cells,
        field.first_cell,
        field.spacing,
        terms.points,
        terms.free_space.image,
        terms.free_space.frame,
        terms.samples,
        _OFF_M,
        found,
    )
    return found


def costs_torch(field: SignedDistanceField, terms: Terms, T_camera_object: FloatArray) -> FloatArray:
    """The same in torch."""
    like = field.grid
    T = torch.as_tensor(T_camera_object, dtype=like.dtype, device=like.device)
    x = to_object(T, torch.as_tensor(terms.points, dtype=like.dtype, device=like.device))
    distance, normal = field.sample(x)
    off = (distance.abs() / _OFF_M).clamp(max=1.0)
    off = torch.where(facing_camera(T, x, normal) > 0, off, torch.ones_like(off))
    samples = torch.as_tensor(terms.samples, dtype=like.dtype, device=like.device)
    outside = free_space_rows(terms.free_space.field.to(like), terms.free_space.frame, T, samples, 1.0)
    cost = off.mean(dim=1) + (outside.residual / _OFF_M).clamp(max=1.0).mean(dim=1)
    return np.asarray(cost.cpu().numpy().astype(np.float64))


def distance_to_surface(
    field: SignedDistanceField, T_camera_object: FloatArray, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Signed distance `(P,)` [m] of points `(P, 3)` of the camera's frame to the object at a pose `(4, 4)`."""
    kernels = compiled()
    if kernels is None:
        body = (points - T_camera_object[:3, 3]) @ T_camera_object[:3, :3]
        distance, _ = field.sample(torch.as_tensor(body, dtype=field.grid.dtype, device=field.grid.device))
        return np.asarray(distance.cpu().numpy())
    found = np.empty(len(points), dtype=np.float32)
    T = np.ascontiguousarray(T_camera_object, dtype=np.float64)
    kernels.distances(field.cells, field.first_cell, field.spacing, T, points, found)
    return found


@functools.cache
def compiled() -> ModuleType | None:
    """The compiled kernels, or `None`, said once, where numba is not installed: torch does the same, slower."""
    try:
        from h2s2r_perception.object_pose import compiled as kernels
    except ImportError as error:
        warnings.warn(f"object pose runs on torch, slower ({error}): pip install numba", stacklevel=2)
        return None
    return kernels


def project_to_surface(field: SignedDistanceField, points: NDArray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The nearest points `(P, 3)` on the surface to points `(P, 3)` of the object's frame, and the normals there."""
    here = torch.as_tensor(points, dtype=field.grid.dtype, device=field.grid.device)
    distance, gradient = field.sample(here)
    normal = gradient / torch.linalg.vector_norm(gradient, dim=-1, keepdim=True).clamp(min=1e-6)
    nearest = here - distance[:, None] * normal
    return nearest.cpu().numpy().astype(np.float32), normal.cpu().numpy().astype(np.float32)
