"""What stands around: a table with things on it, floor and wall, and somebody who walks past."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.object_model import ObjectModel
from h2s2r_sim.perception_bench.bodies import Body, Lamp, Layer
from h2s2r_sim.perception_bench.conditions import FRAME_RATE_HZ, HEIGHT_PX, WIDTH_PX, Split

FloatArray = NDArray[np.float64]

_TABLE_M = (1.3, 1.1, 0.04)
_FLOOR_M, _WALL_M = -0.75, 1.9
_TEXTURE_PX = 256
_THINGS = (4, 7)
_FACES_OF_A_BOX = 12
_NEAREST_THING_M, _FARTHEST_THING_M = 0.30, 0.50


@dataclass(frozen=True, eq=False)
class Placed:
    """A body at rest in the world."""

    body: Body
    T_world_body: FloatArray


@dataclass(frozen=True, eq=False)
class Walker:
    """A person-sized board that goes to and fro behind the table."""

    body: Body
    T_world_body: FloatArray
    """`(T, 4, 4)`."""


def still_image(
    placed: list[Placed],
    T_camera_world: FloatArray,
    camera_matrix: FloatArray,
    rays: NDArray[np.float32],
    lamp: Lamp,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour `(H, W, 3)` and depth `(H, W)` [m], infinite for nothing, of what never moves: cast once."""
    rgb = np.full((HEIGHT_PX, WIDTH_PX, 3), 60, dtype=np.uint8)
    depth_m = np.full((HEIGHT_PX, WIDTH_PX), np.inf, dtype=np.float32)
    for item in placed:
        layer = item.body.seen(T_camera_world @ item.T_world_body, camera_matrix, rays, lamp)
        if layer is not None:
            put(layer, rgb, depth_m)
    return rgb, depth_m


def put(layer: Layer, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Paint a layer over an image where it is nearer; return where, over the layer's crop."""
    crop = layer.crop
    behind = depth_m[crop.y0 : crop.y1, crop.x0 : crop.x1]
    nearer = layer.depth_m < behind
    behind[nearer] = layer.depth_m[nearer]
    rgb[crop.y0 : crop.y1, crop.x0 : crop.x1][nearer] = np.clip(layer.rgb[nearer], 0, 255).astype(np.uint8)
    return np.asarray(nearer)


def draw_room(random: np.random.Generator, split: Split, towards_camera_rad: float) -> list[Placed]:
    """Table (its surface is z = 0), floor, wall behind, and things at the table's rim.

    Args:
        random: The sequence's stream.
        split: Colours and patterns.
        towards_camera_rad: Bearing of the camera; between it and the object nothing is put.
    """
    table = _painted(trimesh.creation.box(_TABLE_M), _pattern(random, split, saturation=(0.1, 0.45)))
    placed = [Placed(table, _at(0.0, 0.0, -_TABLE_M[2] / 2))]
    for extents, place in (((6.0, 6.0, 0.02), (0.0, 0.0, _FLOOR_M)), ((0.02, 6.0, 3.0), (-_WALL_M, 0.0, 0.6))):
        wall = _painted(trimesh.creation.box(extents), _pattern(random, split, saturation=(0.05, 0.5)))
        placed.append(Placed(wall, _turned(towards_camera_rad) @ _at(*place)))
    for _ in range(random.integers(*_THINGS)):
        bearing = towards_camera_rad + random.uniform(0.85, 2 * np.pi - 0.85)
        away = random.uniform(_NEAREST_THING_M, _FARTHEST_THING_M)
        mesh = _thing(random)
        body = _painted(mesh, _pattern(random, split, saturation=(0.3, 0.95)))
        T = _at(away * np.cos(bearing), away * np.sin(bearing), -float(mesh.bounds[0, 2]))
        placed.append(Placed(body, T @ _turned(random.uniform(0, 2 * np.pi))))
    return placed


def draw_walker(random: np.random.Generator, split: Split, towards_camera_rad: float, frames: int) -> Walker:
    """Somebody at the far rim of the table who goes to and fro at 0.3 to 0.9 m/s; seen from the waist up."""
    torso, head = trimesh.creation.icosphere(radius=1.0), trimesh.creation.icosphere(radius=0.11)
    torso.apply_scale([0.13, random.uniform(0.17, 0.25), 0.45])
    head.apply_translation([0.0, 0.0, 0.56])
    shape = trimesh.Trimesh(
        np.concatenate([torso.vertices, head.vertices]),
        np.concatenate([torso.faces, head.faces + len(torso.vertices)]),
        process=False,
    )
    body = _painted(shape, _pattern(random, split, saturation=(0.4, 1.0)))
    time_s = np.arange(frames) / FRAME_RATE_HZ
    speed, phase = random.uniform(0.3, 0.9), random.uniform(0.0, 2 * np.pi)
    side = 0.45 * np.sin(speed / 0.45 * time_s + phase)
    behind = random.uniform(0.62, 0.75)
    places = [_turned(towards_camera_rad) @ _at(-behind, float(s), 0.2) for s in side]
    return Walker(body, np.stack(places))


def draw_look_alike(random: np.random.Generator, model: ObjectModel) -> tuple[Body, FloatArray]:
    """The object in its own colours but a sixth longer or shorter, what is printed mirrored; and its vertices [m]."""
    wide = random.uniform(0.87, 1.12)
    high = random.choice([random.uniform(0.78, 0.87), random.uniform(1.13, 1.22)])
    vertices = model.vertices * np.array([wide, wide, high])
    assert model.texture is not None
    texture = softened(model.texture)
    if len(model.faces) > _FACES_OF_A_BOX:  # a box has six pictures in one texture: they cannot be mirrored at once
        texture = np.ascontiguousarray(texture[:, ::-1])
    return Body(vertices, model.faces, face_uv=model.face_uv, texture=texture), vertices


def softened(texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A texture at about the resolution of the image, as a lens would average it."""
    height, width = texture.shape[:2]
    return np.asarray(cv2.resize(texture, (width // 3, height // 3), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _thing(random: np.random.Generator) -> trimesh.Trimesh:
    kind = random.integers(3)
    if kind == 0:
        return trimesh.creation.box(random.uniform(0.05, 0.20, 3))
    if kind == 1:
        return trimesh.creation.cylinder(random.uniform(0.025, 0.06), random.uniform(0.06, 0.22), sections=32)
    return trimesh.creation.icosphere(radius=random.uniform(0.03, 0.07))


def _painted(mesh: trimesh.Trimesh, texture: NDArray[np.uint8]) -> Body:
    """A pattern projected along a skew direction, so that no side of a box is without it."""
    low, high = mesh.bounds
    unit = (mesh.triangles - low) / np.max(high - low)
    uv = np.stack([0.75 * unit[..., 0] + 0.25 * unit[..., 2], 0.75 * unit[..., 1] + 0.25 * unit[..., 2]], axis=-1)
    return Body(np.asarray(mesh.vertices), np.asarray(mesh.faces), face_uv=uv, texture=texture)


def _pattern(random: np.random.Generator, split: Split, saturation: tuple[float, float]) -> NDArray[np.uint8]:
    one, two = _colour(random, split, saturation), _colour(random, split, saturation)
    two = 0.6 * one + 0.4 * two
    kind = split.patterns[random.integers(len(split.patterns))]
    x, y = np.meshgrid(np.arange(_TEXTURE_PX), np.arange(_TEXTURE_PX))
    count = random.integers(3, 14)
    share: NDArray[np.bool_] = np.zeros(x.shape, dtype=bool)
    if kind == "stripes":
        share = (x * count // _TEXTURE_PX) % 2 > 0
    elif kind == "checks":
        share = (x * count // _TEXTURE_PX + y * count // _TEXTURE_PX) % 2 > 0
    elif kind == "blobs":
        field = cv2.GaussianBlur(random.standard_normal((_TEXTURE_PX, _TEXTURE_PX)), (0, 0), _TEXTURE_PX / count / 3)
        share = np.asarray(field > 0)
    image = np.where(share[..., None], two, one)
    grain = cv2.GaussianBlur(random.standard_normal((_TEXTURE_PX, _TEXTURE_PX)), (0, 0), 2.0)[..., None]
    return np.asarray(np.clip(image + 25.0 * grain, 0, 255), dtype=np.uint8)


def _colour(random: np.random.Generator, split: Split, saturation: tuple[float, float]) -> FloatArray:
    hue = random.uniform(*split.hues) % 1.0
    return 255.0 * np.array(colorsys.hsv_to_rgb(hue, random.uniform(*saturation), random.uniform(0.35, 0.95)))


def _at(x: float, y: float, z: float) -> FloatArray:
    return np.asarray(pose(np.eye(3), np.array([x, y, z])))


def _turned(angle_rad: float) -> FloatArray:
    return np.asarray(pose(rotation_from_vector(np.array([0.0, 0.0, angle_rad])), np.zeros(3)))
