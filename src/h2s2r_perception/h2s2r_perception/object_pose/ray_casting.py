"""Rays against the object's mesh (Open3D): rendered depth and colour, and signed distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import Crop, FloatArray
from h2s2r_perception.object_model import ObjectModel

_scenes: dict[str, Any] = {}


@dataclass(frozen=True)
class Rendering:
    """Aligned with the crop it was made for."""

    depth_m: NDArray[np.float32]
    """`(h, w)` [m], 0 where the object is not."""
    rgb: NDArray[np.uint8] | None
    """`(h, w, 3)`, unlit texture; `None` for a model without texture."""


def signed_distance(model: ObjectModel, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance `(...)` [m] of points `(..., 3)` of the object's frame to its surface, negative inside."""
    return np.asarray(_scene(model).compute_signed_distance(_open3d().core.Tensor(points)).numpy())


def render(model: ObjectModel, T_camera_object: FloatArray, camera_matrix: FloatArray, crop: Crop) -> Rendering:
    """Render the model alone at a pose `(4, 4)` [m], unlit.

    Raises:
        ModuleNotFoundError: Open3D is not installed.
    """
    R, t = T_camera_object[:3, :3], T_camera_object[:3, 3]
    direction = crop.rays(camera_matrix) @ R
    rays = np.concatenate([np.broadcast_to(-t @ R, direction.shape), direction], axis=-1).astype(np.float32)
    hit = _scene(model).cast_rays(_open3d().core.Tensor(rays))
    # Directions have z = 1 in the camera's frame, so the ray parameter is the depth.
    depth_m = hit["t_hit"].numpy()
    seen = np.isfinite(depth_m)
    rgb = None
    if model.texture is not None:
        rgb = np.zeros((*seen.shape, 3), dtype=np.uint8)
        uv = hit["primitive_uvs"].numpy()[seen]
        weights = np.concatenate([1.0 - uv.sum(axis=1, keepdims=True), uv], axis=1)
        rgb[seen] = model.colour_at(hit["primitive_ids"].numpy()[seen].astype(np.int64), weights)
    return Rendering(np.where(seen, depth_m, 0.0).astype(np.float32), rgb)


def _scene(model: ObjectModel) -> Any:
    """Open3D's ray-casting scene of the model, in the object's frame; one for each mesh and process."""
    if model.sha256 not in _scenes:
        o3d = _open3d()
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(
            o3d.core.Tensor(model.vertices.astype(np.float32)), o3d.core.Tensor(model.faces.astype(np.uint32))
        )
        _scenes[model.sha256] = scene
    return _scenes[model.sha256]


def _open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise ModuleNotFoundError(
            f"object pose needs Open3D ({error}): pip install open3d; apt install libgl1 libgomp1 libusb-1.0-0"
        ) from error
    return open3d
