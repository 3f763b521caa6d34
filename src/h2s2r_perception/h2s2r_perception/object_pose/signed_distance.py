"""Signed distance to the object's surface on a grid, sampled with its gradient on CPU or GPU."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.ray_casting import signed_distance

_SPACING_M = 0.003
_LARGEST_GRID = 400_000
"""Cells; larger objects get coarser cells."""
_MARGIN_M = 0.04
"""How far outside the bounding box distances are true; beyond it they are those of the border."""

_cache: dict[tuple[str, str], SignedDistanceField] = {}


@dataclass(frozen=True)
class SignedDistanceField:
    """Distance [m] (negative inside) and its gradient, in the object's frame."""

    grid: torch.Tensor
    """`(1, 4, D, H, W)`: distance and the three parts of its gradient over z, y, x."""
    lower: torch.Tensor
    """First cell `(3,)` [m]."""
    upper: torch.Tensor
    """Last cell `(3,)` [m]."""

    @functools.cached_property
    def cells(self) -> NDArray[np.float32]:
        """The grid as the compiled kernels read it, `(D, H, W, 4)`."""
        return np.ascontiguousarray(self.grid[0].cpu().numpy().transpose(1, 2, 3, 0), dtype=np.float32)

    @functools.cached_property
    def first_cell(self) -> NDArray[np.float64]:
        """First cell `(3,)` [m]."""
        return self.lower.cpu().numpy().astype(np.float64)

    @functools.cached_property
    def spacing(self) -> NDArray[np.float64]:
        """Distance of neighbouring cells `(3,)` [m]."""
        count = np.array(self.grid.shape[:1:-1])
        return (self.upper - self.lower).cpu().numpy().astype(np.float64) / (count - 1)

    def sample(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Distance `(..., P)` [m] and outward unit-ish gradient `(..., P, 3)` at points `(..., P, 3)` [m]."""
        unit = 2.0 * (points - self.lower) / (self.upper - self.lower) - 1.0
        flat = unit.reshape(1, 1, 1, -1, 3)
        values = grid_sample(self.grid, flat, mode="bilinear", padding_mode="border", align_corners=True)
        values = values.reshape(4, *points.shape[:-1])
        return values[0], torch.movedim(values[1:], 0, -1)


def signed_distance_field(model: ObjectModel, device: str = "cpu") -> SignedDistanceField:
    """The field of a model; computed once for each mesh and process.

    Raises:
        ModuleNotFoundError: Open3D is not installed.
    """
    key = (model.sha256, device)
    if key not in _cache:
        _cache[key] = _compute(model, device)
    return _cache[key]


def _compute(model: ObjectModel, device: str) -> SignedDistanceField:
    lower = model.vertices.min(axis=0) - _MARGIN_M
    size = model.vertices.max(axis=0) + _MARGIN_M - lower
    spacing = max(_SPACING_M, float(np.cbrt(np.prod(size) / _LARGEST_GRID)))
    count = np.ceil(size / spacing).astype(int) + 1
    axes = [lower[axis] + spacing * np.arange(count[axis]) for axis in range(3)]
    z, y, x = np.meshgrid(axes[2], axes[1], axes[0], indexing="ij")
    query = np.stack([x, y, z], axis=-1).astype(np.float32)
    distance = signed_distance(model, query)
    over_z, over_y, over_x = np.gradient(distance, spacing)
    gradient = np.stack([over_x, over_y, over_z])
    grid = np.concatenate([distance[None], gradient], axis=0)[None].astype(np.float32)
    upper = np.array([axis[-1] for axis in axes])
    return SignedDistanceField(
        torch.as_tensor(grid, device=device),
        torch.as_tensor(lower, dtype=torch.float32, device=device),
        torch.as_tensor(upper, dtype=torch.float32, device=device),
    )
