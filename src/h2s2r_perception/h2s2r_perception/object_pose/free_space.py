"""The outline: no part of the object may stand where the camera saw past it.

Depth alone does not stop a flat face from sliding in its own plane; the background beside it does. The
residual of a model point that is projected into the background is its distance to the border of the
background, `D(u) z / f` [m], beyond a dead zone for mixed pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_pose.gauss_newton import Rows

BEHIND_M = 0.012
"""Seen this much behind the object's nearest outline, a pixel is background."""
TABLE_SKIN_M = 0.005
"""Points this near the table are counted as table."""
_DEAD_ZONE_PX = 1.0
_LARGEST_PX = 12.0


@dataclass(frozen=True)
class FreeSpace:
    """Distance into the background and its gradient, over a crop."""

    image: NDArray[np.float32]
    """`(h, w, 3)`: distance [px], its derivatives over x and y."""
    frame: tuple[float, ...]
    """Where the crop is: fx, fy, cx, cy, x0, y0, stride [px]."""

    @classmethod
    def of(cls, background: NDArray[np.bool_], crop: Crop, camera_matrix: FloatArray) -> FreeSpace:
        """Build it from the background's mask `(h, w)` over the crop."""
        distance = cv2.distanceTransform(background.astype(np.uint8), cv2.DIST_L2, 3) * np.float32(crop.stride)
        distance = np.clip(distance - np.float32(_DEAD_ZONE_PX), 0.0, _LARGEST_PX)
        image = np.empty((*distance.shape, 3), dtype=np.float32)
        image[..., 0] = distance
        image[..., 2], image[..., 1] = np.gradient(distance, np.float32(crop.stride))
        return cls(image, crop_frame(crop, camera_matrix))

    @property
    def field(self) -> torch.Tensor:
        """The image as `grid_sample` wants it, `(1, 3, h, w)`."""
        return torch.as_tensor(np.ascontiguousarray(self.image.transpose(2, 0, 1)[None]))


def crop_frame(crop: Crop, camera_matrix: FloatArray) -> tuple[float, ...]:
    """fx, fy, cx, cy of the camera, x0, y0 and stride of the crop [px]."""
    K = camera_matrix
    return tuple(float(value) for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2], crop.x0, crop.y0, crop.stride))


def free_space_rows(
    field: torch.Tensor,
    frame: tuple[float, ...],
    T_camera_object: torch.Tensor,
    samples: torch.Tensor,
    weight: float,
) -> Rows:
    """Rows of surface samples `(P, 3)` of the object, for poses `(B, 4, 4)`; see `FreeSpace` for the rest."""
    fx, fy, cx, cy, x0, y0, stride = frame
    R = T_camera_object[:, :3, :3]
    point = samples @ R.transpose(1, 2) + T_camera_object[:, None, :3, 3]
    z = point[..., 2].clamp(min=0.05)
    height, width = field.shape[2:]
    u = (point[..., 0] / z * fx + cx - x0) / stride
    v = (point[..., 1] / z * fy + cy - y0) / stride
    inside = (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
    grid = torch.stack([2.0 * u / max(width - 1, 1) - 1.0, 2.0 * v / max(height - 1, 1) - 1.0], dim=-1)
    flat = grid.reshape(1, 1, -1, 2)
    value = grid_sample(field, flat, mode="bilinear", padding_mode="border", align_corners=True)
    distance, dx, dy = value.reshape(3, *u.shape)
    # d(D z / f)/d point, with f the same for both axes to within the accuracy that matters here.
    scale = fx / fy
    slope = torch.stack([dx * scale, dy, -(dx * scale * point[..., 0] + dy * point[..., 1]) / z], dim=-1)
    residual = distance * z / fy
    normal = -(slope @ R)
    body = samples.expand_as(normal)
    jacobian = torch.cat([normal, torch.cross(body, normal, dim=-1)], dim=-1)
    return Rows(jacobian, residual * inside, weight * (inside & (distance > 0)).to(z.dtype))


def background_mask(
    depth_m: NDArray[np.float32], reference_m: NDArray[np.float32], height_m: FloatArray | None
) -> NDArray[np.bool_]:
    """Pixels where the camera looked past the object.

    Args:
        depth_m: Measured `(h, w)` [m], 0 = unknown.
        reference_m: Depth `(h, w)` [m] of the object there, or of its nearest outline.
        height_m: Height `(h, w)` [m] above the table, if known: the table's own surface is background.
    """
    background = (depth_m > 0) & (depth_m > reference_m + BEHIND_M)
    if height_m is not None:
        background |= (depth_m > 0) & (height_m < TABLE_SKIN_M)
    return np.asarray(background)
