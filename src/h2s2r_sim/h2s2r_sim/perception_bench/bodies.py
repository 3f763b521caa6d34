"""Rigid bodies for the ray caster: where rays hit them, and what colour is there under one lamp.

No graphics library is needed. A moving body is never rebuilt: rays are taken into its frame instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import open3d
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, crop_around, project

FloatArray = NDArray[np.float64]

_AMBIENT, _DIFFUSE = 0.50, 0.55
_NEAREST_M = 0.05


@dataclass(frozen=True)
class Lamp:
    """A far lamp and an even glow from everywhere."""

    towards: FloatArray
    """Unit vector `(3,)` from the scene to the lamp, camera frame."""

    def shade(self, colour: NDArray[np.float32], normal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Lambert's law for colours and unit normals `(P, 3)`."""
        lit = np.clip(normal @ self.towards.astype(np.float32), 0.0, 1.0)
        return colour * (_AMBIENT + _DIFFUSE * lit)[:, None].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Layer:
    """What the camera would see of one body alone, over a crop."""

    crop: Crop
    depth_m: NDArray[np.float32]
    """`(h, w)`, infinite where there is nothing."""
    rgb: NDArray[np.float32]
    """`(h, w, 3)` in [0, 255]."""


class Body:
    """A mesh with a colour on every face, from a texture or from the face itself.

    Args:
        vertices: `(V, 3)` [m], body frame.
        faces: `(F, 3)`.
        face_rgb: `(F, 3)` in [0, 255], for bodies without texture.
        face_uv: `(F, 3, 2)` texture coordinates.
        texture: `(H, W, 3)`.
    """

    def __init__(
        self,
        vertices: FloatArray,
        faces: NDArray[Any],
        *,
        face_rgb: FloatArray | None = None,
        face_uv: FloatArray | None = None,
        texture: NDArray[np.uint8] | None = None,
    ) -> None:
        self.vertices = np.asarray(vertices, dtype=np.float64)
        self._corners = _box_corners(self.vertices)
        self._face_rgb = None if face_rgb is None else np.asarray(face_rgb, dtype=np.float32)
        self._face_uv = None if face_uv is None else np.asarray(face_uv, dtype=np.float32)
        self._texture = None if texture is None else np.asarray(texture, dtype=np.float32)
        self._scene = open3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            open3d.core.Tensor(self.vertices.astype(np.float32)),
            open3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def cast(self, T_camera_body: FloatArray, rays: NDArray[np.float32], crop: Crop, lamp: Lamp | None) -> Layer:
        """See the body at a pose `(4, 4)` [m] along the image's rays `(H, W, 3)`, z = 1.

        Args:
            T_camera_body: Pose.
            rays: Of the whole image.
            crop: The part of the image that counts.
            lamp: Without one only the depth is found.
        """
        R, t = T_camera_body[:3, :3].astype(np.float32), T_camera_body[:3, 3].astype(np.float32)
        along = crop.of(rays)
        query = np.empty((*along.shape[:2], 6), dtype=np.float32)
        query[..., :3] = -t @ R
        np.matmul(along, R, out=query[..., 3:])
        hit = self._scene.cast_rays(open3d.core.Tensor(query), nthreads=1)
        depth_m = hit["t_hit"].numpy()
        rgb = np.zeros((*depth_m.shape, 3), dtype=np.float32)
        seen = np.flatnonzero(np.isfinite(depth_m))
        if lamp is not None and len(seen) > 0:
            normal = hit["primitive_normals"].numpy().reshape(-1, 3)[seen] @ R.T
            towards_camera = np.einsum("pk,pk->p", normal, along.reshape(-1, 3)[seen]) < 0.0
            normal[~towards_camera] *= -1.0
            face = hit["primitive_ids"].numpy().reshape(-1)[seen]
            colour = self._colour(face, hit["primitive_uvs"].numpy().reshape(-1, 2)[seen])
            rgb.reshape(-1, 3)[seen] = lamp.shade(colour, normal)
        return Layer(crop, depth_m, rgb)

    def crop(self, T_camera_body: FloatArray, camera_matrix: FloatArray, image_shape: tuple[int, int]) -> Crop | None:
        """The part of the image that holds the body; None when it is outside or behind the camera."""
        corners = self._corners @ T_camera_body[:3, :3].T + T_camera_body[:3, 3]
        if corners[:, 2].max() < _NEAREST_M:
            return None
        if corners[:, 2].min() < _NEAREST_M:
            return Crop(0, 0, image_shape[1], image_shape[0], 1)
        pixels = project(camera_matrix, corners)
        return crop_around(pixels, image_shape, border_px=2, largest_pixel_count=image_shape[0] * image_shape[1])

    def _colour(self, face: NDArray[np.uint32], uv: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._face_rgb is not None:
            return self._face_rgb[face]
        assert self._face_uv is not None
        assert self._texture is not None
        weights = np.stack([1.0 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]], axis=1)
        place = np.einsum("pk,pkc->pc", weights, self._face_uv[face])
        return _bilinear(self._texture, place)


def _bilinear(texture: NDArray[np.float32], uv: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = texture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0.0, width - 1.001)
    y = np.clip((1.0 - uv[:, 1]) * height - 0.5, 0.0, height - 1.001)
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
    upper = texture[y0, x0] * (1 - fx) + texture[y0, x0 + 1] * fx
    lower = texture[y0 + 1, x0] * (1 - fx) + texture[y0 + 1, x0 + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def _box_corners(vertices: FloatArray) -> FloatArray:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return np.array([[(low, high)[(k >> axis) & 1][axis] for axis in range(3)] for k in range(8)])
