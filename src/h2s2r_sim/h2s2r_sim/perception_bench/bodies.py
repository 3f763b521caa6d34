"""Rigid bodies for the ray caster: where rays hit them, and what colour is there under one lamp.

No graphics library is needed. A moving body is never rebuilt: rays are taken into its frame instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, crop_around, project

FloatArray = NDArray[np.float64]

_AMBIENT, _DIFFUSE = 0.50, 0.55
_NEAREST_M = 0.05


def open3d() -> Any:
    """Open3D, which casts the rays, thins the hand and registers points for the peers.

    Raises:
        ModuleNotFoundError: It is not installed, or libraries of the system that it needs are not.
    """
    try:
        import open3d as package
    except ImportError as error:
        raise ModuleNotFoundError(
            f"the perception benchmark needs Open3D ({error}): "
            "pip install open3d; apt install libgl1 libgomp1 libusb-1.0-0"
        ) from error
    return package


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
        self._face_rgb = None if face_rgb is None else np.asarray(face_rgb, dtype=np.float32)
        self._face_uv = None if face_uv is None else np.asarray(face_uv, dtype=np.float32)
        self._texture = None if texture is None else np.asarray(texture, dtype=np.float32)
        o3d = open3d()
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            o3d.core.Tensor(self.vertices.astype(np.float32)),
            o3d.core.Tensor(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def seen(
        self,
        T_camera_body: FloatArray,
        camera_matrix: FloatArray,
        rays: NDArray[np.float32],
        lamp: Lamp | None,
        stride: int = 1,
    ) -> Layer | None:
        """See the body alone at a pose `(4, 4)` [m]; None when it is outside the image or behind the camera.

        Args:
            T_camera_body: Pose.
            camera_matrix: `(3, 3)` [px].
            rays: Of the whole image `(H, W, 3)`, z = 1.
            lamp: Without one only the depth is found.
            stride: Only every so many-th pixel is looked at.
        """
        place = self._place(T_camera_body, camera_matrix, rays.shape[:2], stride)
        if place is None:
            return None
        crop, inside = place
        R, t = T_camera_body[:3, :3].astype(np.float32), T_camera_body[:3, 3].astype(np.float32)
        where = np.flatnonzero(inside)
        along = crop.of(rays).reshape(-1, 3)[where]
        query = np.empty((len(where), 6), dtype=np.float32)
        query[:, :3] = -t @ R
        np.matmul(along, R, out=query[:, 3:])
        hit = self._scene.cast_rays(open3d().core.Tensor(query), nthreads=1)
        depth_m = np.full(inside.shape, np.inf, dtype=np.float32)
        depth_m.reshape(-1)[where] = hit["t_hit"].numpy()
        rgb = np.zeros((*inside.shape, 3), dtype=np.float32)
        met = np.flatnonzero(np.isfinite(depth_m.reshape(-1)[where]))
        if lamp is not None and len(met) > 0:
            normal = hit["primitive_normals"].numpy()[met] @ R.T
            normal[np.einsum("pk,pk->p", normal, along[met]) > 0.0] *= -1.0
            colour = self._colour(hit["primitive_ids"].numpy()[met], hit["primitive_uvs"].numpy()[met])
            rgb.reshape(-1, 3)[where[met]] = lamp.shade(colour, normal)
        return Layer(crop, depth_m, rgb)

    def _place(
        self, T_camera_body: FloatArray, camera_matrix: FloatArray, image_shape: tuple[int, ...], stride: int
    ) -> tuple[Crop, NDArray[np.bool_]] | None:
        """The part of the image that holds the body, and the pixels `(h, w)` within its convex outline."""
        height, width = image_shape[:2]
        points = self.vertices @ T_camera_body[:3, :3].T + T_camera_body[:3, 3]
        if points[:, 2].max() < _NEAREST_M:
            return None
        if points[:, 2].min() < _NEAREST_M:
            whole = Crop(0, 0, width, height, stride)
            return whole, np.ones((-(-height // stride), -(-width // stride)), dtype=bool)
        pixels = project(camera_matrix, points)
        found = crop_around(pixels, image_shape, border_px=2, largest_pixel_count=height * width)
        if found is None:
            return None
        crop = Crop(found.x0, found.y0, found.x1, found.y1, stride)
        outline = cv2.convexHull(((pixels - [crop.x0, crop.y0]) / stride).astype(np.float32))
        mask = np.zeros((-(-(crop.y1 - crop.y0) // stride), -(-(crop.x1 - crop.x0) // stride)), dtype=np.uint8)
        cv2.fillConvexPoly(mask, np.rint(outline).astype(np.int32), 1)
        return crop, cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(bool)

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
