"""Imports the RGB-D sequences that DLR's 3DObjectTracking (M3T) ships: two cameras, each with its own file.

`color_camera.yaml` and `depth_camera.yaml` (OpenCV YAML) hold intrinsics, `camera2world_pose`, the depth
scale and the name pattern of the images. Depth is reprojected into the colour camera, because every later
stage reads aligned depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.foreign import ForeignFrame, ForeignRecording, ImportOptions, Layout
from h2s2r_perception.imports.images import millimetres, read_image, read_rgb, stamps_at
from h2s2r_perception.recording.calibration import FloatArray, check_pose

_COLOUR_FILE, _DEPTH_FILE = "color_camera.yaml", "depth_camera.yaml"


@dataclass(frozen=True)
class _Camera:
    camera_matrix: FloatArray
    image_size: tuple[int, int]
    T_world_camera: FloatArray
    depth_scale_m: float
    prefix: str


def evidence(source: Path) -> str | None:
    """Whether both camera files are here."""
    both = (source / _COLOUR_FILE).is_file() or (source / _DEPTH_FILE).is_file()
    return f"{_COLOUR_FILE}, {_DEPTH_FILE}" if both else None


def read(source: Path, options: ImportOptions) -> ForeignRecording:
    """Open an M3T sequence; the colour camera's frame numbers restart at 0.

    Raises:
        InputError: A file is missing or unreadable, or colour and depth have different frame numbers.
    """
    colour = _read_camera(source / _COLOUR_FILE)
    depth = _read_camera(source / _DEPTH_FILE)
    numbers = _frame_numbers(source, colour.prefix)
    if numbers != _frame_numbers(source, depth.prefix) or not numbers:
        raise InputError(
            source,
            "frames",
            found=f"colour {numbers}, depth {_frame_numbers(source, depth.prefix)}",
            expected="the same frame numbers, at least one",
            remedy="copy the missing images",
        )
    stamp_ns = stamps_at(len(numbers), options.frame_rate_hz, source)
    return ForeignRecording(
        camera_matrix=colour.camera_matrix,
        camera_name="m3t",
        frames=lambda: _frames(source, colour, depth, numbers, stamp_ns),
        T_world_camera=colour.T_world_camera,
        notes=("depth reprojected into the colour camera",),
    )


LAYOUT = Layout("m3t", "color_camera.yaml and depth_camera.yaml of 3DObjectTracking", evidence, read)


def _frames(
    source: Path, colour: _Camera, depth: _Camera, numbers: list[int], stamp_ns: list[int]
) -> Iterator[ForeignFrame]:
    T_colour_depth = np.linalg.inv(colour.T_world_camera) @ depth.T_world_camera
    for number, stamp in zip(numbers, stamp_ns, strict=True):
        rgb = read_rgb(source / f"{colour.prefix}{number}.png")
        raw = read_image(source / f"{depth.prefix}{number}.png", cv2.IMREAD_UNCHANGED)
        depth_m = align_depth(
            raw * np.float64(depth.depth_scale_m),
            depth.camera_matrix,
            T_colour_depth,
            colour.camera_matrix,
            colour.image_size,
        )
        yield ForeignFrame(stamp, rgb, millimetres(depth_m, 1.0))


def align_depth(
    depth_m: FloatArray,
    depth_matrix: FloatArray,
    T_colour_depth: FloatArray,
    colour_matrix: FloatArray,
    colour_size: tuple[int, int],
) -> FloatArray:
    """Depth `(H, W)` [m] as the colour camera would measure it, 0 where nothing is known.

    Every depth pixel is a small square; its corners are moved into the colour image and the rectangle
    between them filled, the nearest surface winning. So no holes open where colour is the finer image.

    Args:
        depth_m: `(H_d, W_d)` [m], 0 = invalid.
        depth_matrix: Its intrinsics `(3, 3)` [px].
        T_colour_depth: Pose `(4, 4)` [m] of the depth camera in the colour camera's frame.
        colour_matrix: Intrinsics `(3, 3)` [px] of colour.
        colour_size: Width and height [px] of colour.
    """
    rows, columns = np.nonzero(depth_m > 0.0)
    z = depth_m[rows, columns]
    corners = []
    for shift in (-0.5, 0.5):
        ray = np.stack([columns + shift, rows + shift, np.ones_like(z)]) * z
        point = T_colour_depth[:3, :3] @ np.linalg.solve(depth_matrix, ray) + T_colour_depth[:3, 3:]
        pixel = colour_matrix @ point
        corners.append(np.ceil(pixel[:2] / pixel[2] - 0.5).astype(np.int64))
        z_colour = point[2]
    first, last = corners
    u, v, nearest = [], [], []
    width, height = colour_size
    extent = np.clip(last - first, 1, 8)
    for du in range(int(extent[0].max(initial=0))):
        for dv in range(int(extent[1].max(initial=0))):
            x, y = first[0] + du, first[1] + dv
            keep = (du < extent[0]) & (dv < extent[1]) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            keep &= z_colour > 0.0
            u.append(x[keep])
            v.append(y[keep])
            nearest.append(z_colour[keep])
    aligned = np.zeros((height, width))
    if u:
        distance = np.concatenate(nearest)
        far_first = np.argsort(-distance, kind="stable")
        aligned[np.concatenate(v)[far_first], np.concatenate(u)[far_first]] = distance[far_first]
    return aligned


def _read_camera(path: Path) -> _Camera:
    if not path.is_file():
        raise InputError(path, "file", found="no such file", expected="an M3T camera file", remedy="check the folder")
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    try:
        intrinsics = storage.getNode("intrinsics")
        values = {name: intrinsics.getNode(name).real() for name in ("f_u", "f_v", "pp_x", "pp_y", "width", "height")}
        pose = storage.getNode("camera2world_pose").mat()
        scale = storage.getNode("depth_scale")
        depth_scale_m = 1.0 if scale.empty() else scale.real()
        prefix = storage.getNode("image_name_pre").string()
    finally:
        storage.release()
    K = np.array([[values["f_u"], 0, values["pp_x"]], [0, values["f_v"], values["pp_y"]], [0, 0, 1.0]])
    size = (int(values["width"]), int(values["height"]))
    return _Camera(K, size, _orthonormal(check_pose(pose, path, "camera2world_pose")), depth_scale_m, prefix)


def _orthonormal(T: FloatArray) -> FloatArray:
    """The nearest rigid transform: the file rounds rotations to eight digits."""
    U, _, V_t = np.linalg.svd(T[:3, :3])
    rigid = T.copy()
    rigid[:3, :3] = U @ V_t
    return rigid


def _frame_numbers(source: Path, prefix: str) -> list[int]:
    return sorted(int(path.stem.removeprefix(prefix)) for path in source.glob(f"{prefix}[0-9]*.png"))
