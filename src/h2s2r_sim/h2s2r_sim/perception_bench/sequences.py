"""One generated recording: images, true poses, what of the object is in view. The same every time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import load_object_model
from h2s2r_sim.objects.tableware import SHELF, ShelfObject
from h2s2r_sim.perception_bench.bodies import Body, Lamp
from h2s2r_sim.perception_bench.conditions import (
    ALL_CONDITIONS,
    FRAME_RATE_HZ,
    HEIGHT_PX,
    NOISE_LEVELS,
    SPLITS,
    WIDTH_PX,
    Split,
    random_for,
)
from h2s2r_sim.perception_bench.scenery import draw_room, draw_walker, put, softened, still_image
from h2s2r_sim.perception_bench.staging import Staging, WatchedBodies, draw_staging
from h2s2r_sim.rendering.sensor import RgbdSensor

FloatArray = NDArray[np.float64]

MESHES = Path("build/bench/objects")
_DRAWS = 400
_GRAIN_PX = 64


@dataclass(frozen=True, eq=False)
class TrackedSequence:
    """Images as a camera gives them, and the truth; nothing here needs the generator any more."""

    split: str
    object_name: str
    condition: str
    index: int
    noise: int
    """Index into `NOISE_LEVELS`."""
    mesh: Path
    symmetry: str
    camera_matrix: FloatArray
    """`(3, 3)` [px]."""
    stamp_ns: NDArray[np.int64]
    """`(T,)`."""
    rgb: NDArray[np.uint8]
    """`(T, H, W, 3)`."""
    depth_mm: NDArray[np.uint16]
    """`(T, H, W)`, 0 = invalid."""
    T_camera_object: FloatArray
    """`(T, 4, 4)` [m], the truth."""
    mask: NDArray[np.bool_]
    """`(H, W)`, pixels of the object in frame 0."""
    T_world_camera: FloatArray
    """`(4, 4)` [m], the truth; the table's surface is z = 0."""
    visible_fraction: FloatArray
    """`(T,)`, part of the object's silhouette that nothing hides."""
    covered: tuple[int, int] | None
    """First frame in which it is hidden on purpose and first in which it no longer is; `occlusion` only."""

    def __len__(self) -> int:
        return len(self.stamp_ns)

    def depth_m(self, frame: int) -> NDArray[np.float32]:
        """Depth `(H, W)` [m], 0 = invalid."""
        return self.depth_mm[frame].astype(np.float32) * np.float32(0.001)

    def frames(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """Colour `(H, W, 3)` and depth `(H, W)` [m] of one frame after the other."""
        for frame in range(len(self)):
            yield self.rgb[frame], self.depth_m(frame)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """`x0, y0, x1, y1` [px] round the object in frame 0, as a person would draw it."""
        row, column = np.nonzero(self.mask)
        return float(column.min() - 3), float(row.min() - 3), float(column.max() + 4), float(row.max() + 4)


def generate(split: str, object_name: str, condition: str, index: int, meshes: Path = MESHES) -> TrackedSequence:
    """Make a sequence.

    Args:
        split: `dev` or `test`.
        object_name: On `objects.tableware.SHELF`.
        condition: Of `ALL_CONDITIONS`.
        index: Which one; the noise level follows from it.
        meshes: Folder for the object's mesh, written when it is not there.

    Raises:
        InputError: There is no such split, object or condition.
    """
    for what, name, known in (
        ("split", split, SPLITS),
        ("object", object_name, SHELF),
        ("condition", condition, ALL_CONDITIONS),
    ):
        if name not in known:
            raise InputError("perception benchmark", what, found=name, expected=" or ".join(known), remedy="correct it")
    half, item = SPLITS[split], SHELF[object_name]
    random = random_for(split, object_name, condition, index)
    mesh = mesh_of(item, meshes)
    model = load_object_model(mesh, item.symmetry)
    assert model.texture is not None
    body = Body(model.vertices, model.faces, face_uv=model.face_uv, texture=softened(model.texture))
    bodies = WatchedBodies.of(item, model, body)
    camera_matrix = _draw_intrinsics(random, half)
    rays = np.asarray(Crop(0, 0, WIDTH_PX, HEIGHT_PX, 1).rays(camera_matrix), dtype=np.float32)
    for _ in range(_DRAWS):
        azimuth = float(np.deg2rad(random.uniform(*half.camera_azimuth_deg)))
        staging = draw_staging(
            random, half, ALL_CONDITIONS[condition], item, model, bodies, azimuth, rays, camera_matrix
        )
        if staging is not None:
            break
    else:
        raise RuntimeError(f"no fair draw of {split}, {object_name}, {condition}, {index} in {_DRAWS}")
    return _filmed(
        random, half, staging, body, rays, azimuth,
        split=split, object_name=object_name, condition=condition, index=index, mesh=mesh, symmetry=item.symmetry,
    )  # fmt: skip


def mesh_of(item: ShelfObject, folder: Path) -> Path:
    """The object's OBJ file under a folder, written whole when it is not there yet."""
    target = folder / item.name
    if not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder))
        item.write(made)
        try:
            made.replace(target)
        except OSError:  # another process was faster
            for file in made.iterdir():
                file.unlink()
            made.rmdir()
    return next(target.glob("*.obj"))


def _filmed(
    random: np.random.Generator,
    half: Split,
    staging: Staging,
    body: Body,
    rays: NDArray[np.float32],
    azimuth_rad: float,
    *,
    split: str,
    object_name: str,
    condition: str,
    index: int,
    mesh: Path,
    symmetry: str,
) -> TrackedSequence:
    camera, path = staging.camera, staging.path
    T_camera_world = inverse(camera.T_world_camera)
    lamp = _draw_lamp(random, half, T_camera_world)
    placed = draw_room(random, half, azimuth_rad)
    if staging.look_alike is not None:
        placed.append(staging.look_alike)
    still_rgb, still_depth_m = still_image(placed, T_camera_world, camera.camera_matrix, rays, lamp)
    frames = len(path.T_world_object)
    walker = draw_walker(random, half, azimuth_rad, frames) if ALL_CONDITIONS[condition].moving_background else None
    noise = index % len(NOISE_LEVELS)
    sensor = RgbdSensor(camera, NOISE_LEVELS[noise], seed=int(random.integers(2**31)))
    grain = _draw_grain(random, NOISE_LEVELS[noise].colour_noise_levels)
    T_camera_object = T_camera_world @ path.T_world_object
    rgb = np.empty((frames, HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    depth_mm = np.empty((frames, HEIGHT_PX, WIDTH_PX), dtype=np.uint16)
    visible = np.empty(frames)
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=bool)
    for frame in range(frames):
        picture, depth_m = still_rgb.copy(), still_depth_m.copy()
        moving = list(staging.hand.bodies(frame, T_camera_world))
        if walker is not None:
            moving.append((walker.body, T_camera_world @ walker.T_world_body[frame]))
        for other, T in moving:
            layer = other.seen(T, camera.camera_matrix, rays, lamp)
            if layer is not None:
                put(layer, picture, depth_m)
        own = body.seen(T_camera_object[frame], camera.camera_matrix, rays, lamp)
        assert own is not None  # fair draws keep the object inside the image
        in_view = put(own, picture, depth_m)
        visible[frame] = in_view.sum() / np.isfinite(own.depth_m).sum()
        if frame == 0:
            mask[own.crop.y0 : own.crop.y1, own.crop.x0 : own.crop.x1] = in_view
        noise_x, noise_y = random.integers(_GRAIN_PX, size=2)
        cv2.add(picture, grain[noise_y:, noise_x:][:HEIGHT_PX, :WIDTH_PX], dst=rgb[frame], dtype=cv2.CV_8U)
        depth_mm[frame] = sensor.depth(np.where(np.isfinite(depth_m), depth_m, 0.0).astype(np.float32))
    stamp_ns = np.rint(np.arange(frames) / FRAME_RATE_HZ * 1e9).astype(np.int64)
    return TrackedSequence(
        split, object_name, condition, index, noise, mesh, symmetry, camera.camera_matrix,
        stamp_ns, rgb, depth_mm, T_camera_object, mask, camera.T_world_camera, visible, path.covered,
    )  # fmt: skip


def _draw_intrinsics(random: np.random.Generator, half: Split) -> FloatArray:
    focal = random.uniform(*half.focal_px)
    centre = np.array([(WIDTH_PX - 1) / 2, (HEIGHT_PX - 1) / 2]) + random.uniform(-8.0, 8.0, 2)
    return np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])


def _draw_grain(random: np.random.Generator, levels: float) -> NDArray[np.int16]:
    """Noise of the colour camera, drawn once and shifted from frame to frame: that is five times as fast."""
    shape = (HEIGHT_PX + _GRAIN_PX, WIDTH_PX + _GRAIN_PX, 3)
    return np.rint(random.standard_normal(shape, dtype=np.float32) * levels).astype(np.int16)


def _draw_lamp(random: np.random.Generator, half: Split, T_camera_world: FloatArray) -> Lamp:
    bearing = np.deg2rad(random.uniform(*half.light_azimuth_deg))
    height = random.uniform(0.6, 1.2)
    towards = np.array([np.cos(height) * np.cos(bearing), np.cos(height) * np.sin(bearing), np.sin(height)])
    return Lamp(T_camera_world[:3, :3] @ towards)
