"""The twin over the camera's image: does the world of the task lie where the real one does?

The task's table, boxes and object (and the robot, where its posture is known) are cast into the camera as depth,
coloured over the image, and compared with the measured depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import Crop
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.task import SceneSpec
from h2s2r_sim.twin_building.open3d_library import open3d

FloatArray = NDArray[np.float64]

_COLOURS = {"table": (90, 190, 255), "statics": (255, 170, 60), "object": (80, 230, 120), "robot": (230, 90, 220)}
_OPACITY = 0.28
_FEWEST_PX = 100
"""A part seen in fewer pixels is not measured."""


@dataclass(frozen=True)
class TwinView:
    """The picture and its figures."""

    image: NDArray[np.uint8]
    """`(H, W, 3)`, red first."""
    figures: Mapping[str, float]
    """For each part in view `twin_<part>_depth_mm_p50`, the median distance between measured and twin depth, and
    `twin_object_iou` where the object's mask is known: of outlines, since masks have holes where colours mislead."""


@dataclass(frozen=True)
class RenderedTwin:
    """Depth of the twin, and which part each pixel shows."""

    depth_m: FloatArray
    """`(H, W)` [m], 0 where the twin is not."""
    part: NDArray[np.int64]
    """`(H, W)`, index into `names`, -1 where the twin is not."""
    names: tuple[str, ...]


def box_mesh(box: BoxSpec) -> trimesh.Trimesh:
    """A box of the scene as triangles in the world."""
    mesh = trimesh.creation.box(box.size_m)
    mesh.apply_transform(pose(rotation_from_vector(np.array([0.0, 0.0, box.yaw_rad])), np.array(box.position_m)))
    return mesh


def twin_parts(
    scene: SceneSpec, object_mesh: trimesh.Trimesh | None = None, robot: trimesh.Trimesh | None = None
) -> dict[str, trimesh.Trimesh]:
    """The parts of the twin as meshes in the world, by the names under which they are measured."""
    parts: dict[str, Any] = {"table": box_mesh(scene.table)}
    if scene.obstacles:
        parts["statics"] = trimesh.util.concatenate([box_mesh(box) for box in scene.obstacles])
    if object_mesh is not None:
        parts["object"] = object_mesh
    if robot is not None:
        parts["robot"] = robot
    return parts


def render_twin(
    parts: Mapping[str, trimesh.Trimesh], camera_matrix: FloatArray, T_world_camera: FloatArray, size: tuple[int, int]
) -> RenderedTwin:
    """Cast the parts into a camera of an image of this size (width, height)."""
    library = open3d()
    scene = library.t.geometry.RaycastingScene(nthreads=1)
    for mesh in parts.values():
        scene.add_triangles(
            library.core.Tensor(np.asarray(mesh.vertices, dtype=np.float32)),
            library.core.Tensor(np.asarray(mesh.faces, dtype=np.uint32)),
        )
    ray = Crop(0, 0, *size, 1).rays(camera_matrix) @ T_world_camera[:3, :3].T
    rays = np.concatenate([np.broadcast_to(T_world_camera[:3, 3], ray.shape), ray], axis=-1).astype(np.float32)
    hit = scene.cast_rays(library.core.Tensor(rays))
    depth = hit["t_hit"].numpy().astype(np.float64)  # rays have z = 1 in the camera's frame
    seen = np.isfinite(depth)
    part = np.where(seen, hit["geometry_ids"].numpy().astype(np.int64), -1)
    return RenderedTwin(np.where(seen, depth, 0.0), part, tuple(parts))


def view_twin(
    rgb: NDArray[np.uint8],
    depth_m: FloatArray,
    twin: RenderedTwin,
    object_mask: NDArray[np.bool_] | None = None,
) -> TwinView:
    """Draw the twin over an image and measure it against the depth.

    Args:
        rgb: `(H, W, 3)`.
        depth_m: Measured depth `(H, W)` [m], 0 = none.
        twin: The same camera's view of the twin.
        object_mask: Where the object was seen `(H, W)`.
    """
    figures: dict[str, float] = {}
    drawn = rgb.astype(np.float64)
    for index, name in enumerate(twin.names):
        shown = twin.part == index
        colour = np.array(_COLOURS[name], dtype=np.float64)
        drawn[shown] = (1 - _OPACITY) * drawn[shown] + _OPACITY * colour
        both = shown & (depth_m > 0)
        if both.sum() >= _FEWEST_PX:
            figures[f"twin_{name}_depth_mm_p50"] = float(1000 * np.median(np.abs(depth_m - twin.depth_m)[both]))
        if name == "object" and object_mask is not None and object_mask.any():
            outline, seen = _filled(shown), _filled(object_mask)
            figures["twin_object_iou"] = float((outline & seen).sum() / (outline | seen).sum())
    image = np.ascontiguousarray(np.clip(drawn, 0, 255).astype(np.uint8))
    for index, name in enumerate(twin.names):
        edge = cv2.morphologyEx((twin.part == index).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        image[edge.astype(bool)] = _COLOURS[name]
    return TwinView(image, figures)


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask without its holes."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(mask.shape, dtype=np.uint8)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled.astype(bool)
