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
_DEAD_ZONE_PX = 1.0
_LARGEST_PX = 12.0


@dataclass(frozen=True)
class FreeSpace:
    """Distance into the background and its gradient, over a crop."""

    field: torch.Tensor
    """`(1, 3, h, w)`: distance [px], its derivatives over x and y."""
    crop: Crop
    camera_matrix: FloatArray

    @classmethod
    def of(cls, background: NDArray[np.bool_], crop: Crop, camera_matrix: FloatArray, device: str) -> FreeSpace:
        """Build it from the background's mask `(h, w)` over the crop."""
        distance = cv2.distanceTransform(background.astype(np.uint8), cv2.DIST_L2, 3) * crop.stride
        distance = np.clip(distance - _DEAD_ZONE_PX, 0.0, _LARGEST_PX)
        dy, dx = np.gradient(distance, crop.stride)
        field = torch.as_tensor(np.stack([distance, dx, dy])[None], dtype=torch.float32, device=device)
        return cls(field, crop, camera_matrix)

    def rows(self, T_camera_object: torch.Tensor, samples: torch.Tensor, weight: float) -> Rows:
        """Rows of surface samples `(P, 3)` of the object, for poses `(B, 4, 4)`."""
        R = T_camera_object[:, :3, :3]
        point = samples @ R.transpose(1, 2) + T_camera_object[:, None, :3, 3]
        z = point[..., 2].clamp(min=0.05)
        K = self.camera_matrix
        u = point[..., 0] / z * K[0, 0] + K[0, 2]
        v = point[..., 1] / z * K[1, 1] + K[1, 2]
        height, width = self.field.shape[2:]
        stride = self.crop.stride
        grid = torch.stack(
            [
                2.0 * (u - self.crop.x0) / (stride * max(width - 1, 1)) - 1.0,
                2.0 * (v - self.crop.y0) / (stride * max(height - 1, 1)) - 1.0,
            ],
            dim=-1,
        )
        flat = grid.reshape(1, 1, -1, 2)
        value = grid_sample(self.field, flat, mode="bilinear", padding_mode="zeros", align_corners=True)
        distance, dx, dy = value.reshape(3, *u.shape)
        # d(D z / f)/d point, with f the same for both axes to within the accuracy that matters here.
        scale = K[0, 0] / K[1, 1]
        slope = torch.stack([dx * scale, dy, -(dx * scale * point[..., 0] + dy * point[..., 1]) / z], dim=-1)
        residual = distance * z / float(K[1, 1])
        normal = -(slope @ R)
        body = samples.expand_as(normal)
        jacobian = torch.cat([normal, torch.cross(body, normal, dim=-1)], dim=-1)
        return Rows(jacobian, residual, weight * (distance > 0).to(z.dtype))


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


TABLE_SKIN_M = 0.005
"""Points this near the table are counted as table."""
