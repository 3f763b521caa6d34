"""A pinhole camera with a pose: where a point of the world appears in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, transform_points

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Camera:
    """Pinhole camera; the frame is the optical one (x right, y down, z forward).

    Pixel (column u, row v) has its centre at the image point (u, v), as in OpenCV.

    Raises:
        InputError: The intrinsics do not fit the image, or the pose is not rigid.
    """

    camera_matrix: Array
    """`(3, 3)`, pixels."""
    width: int
    """[px]"""
    height: int
    """[px]"""
    T_world_camera: Array
    """`(4, 4)`."""

    def __post_init__(self) -> None:
        """Refuse what no pinhole camera can mean."""
        K, T = np.asarray(self.camera_matrix), np.asarray(self.T_world_camera)
        if K.shape != (3, 3) or not (K[0, 0] > 0 and K[1, 1] > 0 and np.allclose(K[[0, 1, 2], [1, 0, 2]], [0, 0, 1])):
            raise InputError(
                "camera",
                "camera_matrix",
                found=str(K.tolist()),
                expected="[[fx,0,cx],[0,fy,cy],[0,0,1]]",
                remedy="check K",
            )
        if not (0 < K[0, 2] < self.width and 0 < K[1, 2] < self.height):
            raise InputError(
                "camera",
                "camera_matrix",
                found=f"principal point {K[0, 2]:.1f}, {K[1, 2]:.1f}",
                expected=f"a point inside {self.width}x{self.height}",
                remedy="are the intrinsics those of another resolution?",
            )
        if T.shape != (4, 4) or not np.allclose(T[:3, :3] @ T[:3, :3].T, np.eye(3), atol=1e-6):
            raise InputError(
                "camera", "T_world_camera", found=str(T.tolist()), expected="a rigid 4x4 transform", remedy="check it"
            )

    @classmethod
    def look_at(
        cls,
        position_m: tuple[float, float, float],
        target_m: tuple[float, float, float],
        *,
        focal_length_px: float,
        width: int = 640,
        height: int = 480,
    ) -> Camera:
        """A level camera at a point of the world, its optical axis through another point.

        Args:
            position_m: Optical centre in the world.
            target_m: The point in the middle of the image; not straight above or below the camera.
            focal_length_px: Same for rows and columns.
            width: Columns.
            height: Rows; the principal point is the middle of the image.
        """
        forward = np.subtract(target_m, position_m).astype(float)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
        camera_matrix = np.array(
            [[focal_length_px, 0.0, (width - 1) / 2], [0.0, focal_length_px, (height - 1) / 2], [0.0, 0.0, 1.0]]
        )
        return cls(camera_matrix, width, height, pose(rotation, np.asarray(position_m, dtype=float)))

    def project(self, points_world: Array) -> tuple[Array, Array]:
        """Image points `(..., P, 2)` [px] and z-depths `(..., P)` [m] of world points `(..., P, 3)` [m]."""
        points = transform_points(inverse(np.asarray(self.T_world_camera)), np.asarray(points_world, dtype=float))
        pixels = points @ np.asarray(self.camera_matrix).T
        return pixels[..., :2] / pixels[..., 2:], points[..., 2]
