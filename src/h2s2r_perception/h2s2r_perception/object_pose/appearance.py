"""How the surface looks in this light: the mesh's own colours under a shading learned while tracking.

A textured mesh says which colour is where; light and camera decide what the image shows of it. Per channel,

    measured = albedo (a + b . n) + c        n: normal in the camera's frame

is fitted to the visible samples of every well-tracked frame. Where the mesh has no texture, the colours
seen so far at each sample stand for its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.object_model import ObjectModel

_DENSE, _NEIGHBOURS = 40_000, 12
_BLUR_M = 0.0015
"""The print is compared at about the resolution of the image."""
_CONTRAST = 7.0
"""Standard deviation in gray levels round a sample, above which its place can be seen."""
_SATURATED = 250
_OUTLIER = 35.0
_NOISE_LEVELS = 8.0
"""Differences of colour this small tell nothing."""
_FEWEST = 30
_FOLLOW_SHARE = 0.1
_RIDGE = np.diag([1e2, 1e3, 1e3, 1e3, 1e-1]).astype(np.float32)
_HIDDEN_M = 0.008
_ROWS = 400
_EDGES = 4000
_GRAZING = -0.25
"""Cosine between line of sight and outward normal, above which a place is seen too flat."""
_GRAY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class SurfaceColours:
    """The print: at the samples of a model's surface, and where its place can be seen best."""

    albedo: NDArray[np.float32]
    """RGB `(N, 3)` in [0, 255] at the model's samples, blurred over the surface."""
    edge_points: FloatArray
    """Points `(M, 3)` [m] of the object where the print changes."""
    edge_normals: FloatArray
    """Their outward normals `(M, 3)`."""
    edge_albedo: NDArray[np.float32]
    """Their RGB `(M, 3)`."""


_cache: dict[str, SurfaceColours] = {}


def surface_colours(model: ObjectModel) -> SurfaceColours | None:
    """The print of a model, `None` for a mesh without texture; computed once for each mesh."""
    if model.texture is None:
        return None
    if model.sha256 not in _cache:
        mesh = trimesh.Trimesh(model.vertices, model.faces, process=False)
        dense, face = trimesh.sample.sample_surface(mesh, _DENSE, seed=1)
        normals = mesh.face_normals[face]
        texels = model.colour_at(face, trimesh.triangles.points_to_barycentric(mesh.triangles[face], dense))
        colour, tree = texels.astype(np.float32), cKDTree(dense)
        albedo, _ = _blurred(tree, normals, colour, model.points, model.normals)
        dense_albedo, contrast = _blurred(tree, normals, colour, dense, normals)
        edge = np.flatnonzero(contrast > _CONTRAST)
        edge = edge[np.random.default_rng(0).permutation(len(edge))[:_EDGES]]
        _cache[model.sha256] = SurfaceColours(albedo, np.asarray(dense[edge]), normals[edge], dense_albedo[edge])
    return _cache[model.sha256]


def _blurred(
    tree: cKDTree, normals: FloatArray, colour: NDArray[np.float32], points: FloatArray, point_normals: FloatArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours `(P, 3)` round points `(P, 3)` and their spread in gray levels `(P,)`, from one side of the surface."""
    distance, near = tree.query(points, k=_NEIGHBOURS)
    weight = np.exp(-0.5 * (distance / _BLUR_M) ** 2) * (np.einsum("nkc,nc->nk", normals[near], point_normals) > 0.5)
    weight = (weight + 1e-9) / (weight + 1e-9).sum(axis=1, keepdims=True)
    mean = np.einsum("nk,nkc->nc", weight, colour[near])
    gray = colour @ _GRAY
    spread = np.sqrt(np.maximum(np.einsum("nk,nk->n", weight, gray[near] ** 2) - (mean @ _GRAY) ** 2, 0.0))
    return mean.astype(np.float32), spread.astype(np.float32)


class Appearance:
    """Remembers the shading, and without a texture the colours seen.

    Args:
        model: The object.
    """

    def __init__(self, model: ObjectModel) -> None:
        self._model = model
        self._print = surface_colours(model)
        self.forget()

    @property
    def placed(self) -> bool:
        """Whether the object has a print whose place can be seen, in a light that is known."""
        return self._print is not None and self._shading is not None and len(self._print.edge_points) >= _FEWEST

    @property
    def plain(self) -> bool:
        """Whether the mesh says that there is nothing printed on it: what corners there are, are noise."""
        return self._print is not None and len(self._print.edge_points) < _FEWEST

    def forget(self) -> None:
        """Begin anew."""
        self._shading: NDArray[np.float32] | None = None
        self._seen: NDArray[np.float32] = np.zeros((len(self._model.points), 3), dtype=np.float32)
        self._known: NDArray[np.bool_] = np.zeros(len(self._model.points), dtype=bool)

    def learn(self, index: NDArray[np.int64], R_camera_object: FloatArray, rgb: NDArray[np.uint8]) -> None:
        """Take the colours `(P, 3)` of samples `(P,)` that are in view and on their place."""
        measured = rgb.astype(np.float32)
        if self._print is None:
            known = self._known[index]
            share = np.where(known, _FOLLOW_SHARE, 1.0).astype(np.float32)[:, None]
            self._seen[index] += share * (measured - self._seen[index])
            self._known[index] = True
            return
        if len(index) < _FEWEST:
            return
        thinned = np.linspace(0, len(index) - 1, min(len(index), _ROWS)).astype(int)
        index, measured = index[thinned], measured[thinned]
        albedo, normal = self._print.albedo[index], self._model.normals[index] @ R_camera_object.T
        shading = np.empty((3, 5), dtype=np.float32)
        for channel in range(3):
            X, y = _design(albedo[:, channel], normal), measured[:, channel]
            good = y < _SATURATED
            for _ in range(2):
                if good.sum() < _FEWEST:
                    return
                square = X[good].T @ X[good] + _RIDGE
                shading[channel] = np.linalg.solve(square, X[good].T @ y[good])
                good = (y < _SATURATED) & (np.abs(X @ shading[channel] - y) < _OUTLIER)
        self._shading = shading

    def expected(
        self, index: NDArray[np.int64], R_camera_object: FloatArray
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The colours `(P, 3)` samples `(P,)` should show, and of which of them `(P,)` that is known."""
        if self._print is None:
            return self._seen[index], self._known[index]
        if self._shading is None:
            return self._print.albedo[index], np.zeros(len(index), dtype=bool)
        normal = self._model.normals[index] @ R_camera_object.T
        return self._shaded(self._print.albedo[index], normal), np.ones(len(index), dtype=bool)

    def explains(self, index: NDArray[np.int64], R_camera_object: FloatArray, rgb: NDArray[np.uint8]) -> float:
        """Share in [0, 1] of the differences of colours `(P, 3)` that the print of samples `(P,)` accounts for."""
        if self._print is None or self._shading is None:
            return 0.0
        expected, _ = self.expected(index, R_camera_object)
        measured = rgb.astype(np.float32)
        albedo = self._print.albedo[index]
        # What shading alone would explain of an object without print is no achievement.
        plain = measured.mean(axis=0) + (expected - expected.mean(axis=0)) * (albedo.std(axis=0) < 1.0)
        noise = _NOISE_LEVELS**2 * measured.size
        left = float((np.minimum(np.abs(measured - expected), 2.0 * _OUTLIER) ** 2).sum()) + noise
        return max(0.0, 1.0 - left / (float(((measured - plain) ** 2).sum()) + noise))

    def rows(
        self, T_camera_object: FloatArray, frame: tuple[float, ...], nearest_m: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Where the print can be placed, `(V, 4)`: points on the object [m] and gray levels expected there.

        Args:
            T_camera_object: `(4, 4)` [m], the pose expected.
            frame: fx, fy, cx, cy of the camera, x0, y0 and stride of the crop [px].
            nearest_m: Depth `(h, w)` [m] of the object at that pose, infinite beside it and near its outline:
                there the image shows something else.
        """
        if not self.placed:
            return np.zeros((0, 4), dtype=np.float32)
        assert self._print is not None
        fx, fy, cx, cy, x0, y0, stride = frame
        R = T_camera_object[:3, :3]
        point, normal = self._print.edge_points @ R.T + T_camera_object[:3, 3], self._print.edge_normals @ R.T
        facing = np.einsum("mk,mk->m", point, normal) < _GRAZING * np.linalg.norm(point, axis=1)
        z = np.maximum(point[:, 2], 0.05)
        column = np.rint((point[:, 0] / z * fx + cx - x0) / stride).astype(np.int64)
        row = np.rint((point[:, 1] / z * fy + cy - y0) / stride).astype(np.int64)
        inside = facing & (column >= 0) & (row >= 0) & (column < nearest_m.shape[1]) & (row < nearest_m.shape[0])
        index = np.flatnonzero(inside)
        depth_m = nearest_m[row[index], column[index]]
        index = index[np.isfinite(depth_m) & (z[index] < depth_m + _HIDDEN_M)][:_ROWS]
        if len(index) < _FEWEST:
            return np.zeros((0, 4), dtype=np.float32)
        gray = self._shaded(self._print.edge_albedo[index], normal[index]) @ _GRAY
        return np.concatenate([self._print.edge_points[index], gray[:, None]], axis=1).astype(np.float32)

    def _shaded(self, albedo: NDArray[np.float32], normal: FloatArray) -> NDArray[np.float32]:
        """Colours `(P, 3)` that albedo `(P, 3)` shows in this light, for normals `(P, 3)` of the camera's frame."""
        assert self._shading is not None
        channels = [_design(albedo[:, channel], normal) @ self._shading[channel] for channel in range(3)]
        return np.clip(np.stack(channels, axis=1), 0.0, 255.0)


def _design(albedo: NDArray[np.float32], normal: FloatArray) -> NDArray[np.float32]:
    """`(P, 5)`: what the shading's coefficients multiply."""
    columns = np.empty((len(albedo), 5), dtype=np.float32)
    columns[:, 0], columns[:, 1:4], columns[:, 4] = albedo, albedo[:, None] * normal, 1.0
    return columns


def gray_slopes(gray: NDArray[np.uint8], stride: int, blur_px: float) -> NDArray[np.float32]:
    """Gray level and its slope over x and y [1/px] `(h, w, 3)` of an image `(h, w)` of each `stride`-th pixel."""
    level = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), max(blur_px / stride, 0.7))
    slopes = np.empty((*gray.shape, 3), dtype=np.float32)
    slopes[..., 0] = level
    slopes[..., 1] = cv2.Sobel(level, cv2.CV_32F, 1, 0, scale=1.0 / (8.0 * stride))
    slopes[..., 2] = cv2.Sobel(level, cv2.CV_32F, 0, 1, scale=1.0 / (8.0 * stride))
    return slopes
