"""A small ray-cast scene: a textured box on a table, and a skin-coloured blob that pushes and covers it."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from dataclasses import dataclass

import cv2
import numpy as np
import open3d as o3d
import pytest
import trimesh

from h2s2r_perception.object_model import ObjectModel, load_object_model

WIDTH, HEIGHT = 320, 240
K = np.array([[300.0, 0.0, 160.0], [0.0, 300.0, 120.0], [0.0, 0.0, 1.0]])
TABLE_HEIGHT_M = 0.155
SIZE_M = (0.20, 0.15, 0.06)


def look_at(eye, target):
    """Pose of an optical frame at `eye` that looks at `target`, image upright."""
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def yaw_pose(x, y, yaw):
    """The box lying on the table."""
    T = np.eye(4)
    T[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    T[:3, 3] = x, y, TABLE_HEIGHT_M + SIZE_M[2] / 2
    return T


T_WORLD_CAMERA = look_at((1.25, -0.45, 0.75), (0.60, -0.05, 0.17))


def box_texture():
    """One atlas, six cells side by side: red, blue and green patches that differ from face to face."""
    generator = np.random.default_rng(5)
    patches = generator.integers(0, 90, (8, 48, 3))
    for face in range(6):
        patches[:, face * 8 : face * 8 + 4, 0] += 150
        patches[:, face * 8 + 4 : face * 8 + 8, 2] += 150
        patches[face, face * 8 : face * 8 + 8, 1] += 150
    return cv2.resize(patches.astype(np.uint8), (480, 80), interpolation=cv2.INTER_NEAREST)


@pytest.fixture(scope="session")
def textured_box(tmp_path_factory):
    """OBJ file of the box with texture, origin in its middle."""
    folder = tmp_path_factory.mktemp("box")
    cv2.imwrite(str(folder / "box.png"), box_texture()[..., ::-1])
    (folder / "box.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd box.png\n")
    lines = ["mtllib box.mtl", "usemtl skin"]
    faces = []
    for axis in range(3):
        for side in (-1, 1):
            face = len(faces)
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
            for a, b in corners if side > 0 else corners[::-1]:
                vertex = np.zeros(3)
                vertex[[axis, u, v]] = np.array([side, a, b]) * np.array(SIZE_M)[[axis, u, v]] / 2
                lines.append("v {:.6f} {:.6f} {:.6f}".format(*vertex))
                lines.append(f"vt {(face + 0.02 + 0.96 * (a + 1) / 2) / 6:.6f} {0.02 + 0.96 * (b + 1) / 2:.6f}")
            faces.append([face * 4 + i + 1 for i in range(4)])
    for a, b, c, d in faces:
        lines += [f"f {a}/{a} {b}/{b} {c}/{c}", f"f {a}/{a} {c}/{c} {d}/{d}"]
    (folder / "box.obj").write_text("\n".join(lines) + "\n")
    return folder / "box.obj"


@pytest.fixture(scope="session")
def box_model(textured_box) -> ObjectModel:
    return load_object_model(textured_box)


@dataclass
class Scene:
    """Renders colour and noisy depth of the box at a pose, with or without the blob."""

    model: ObjectModel
    T_world_camera: np.ndarray

    def render(self, T_world_object, blob=None, seed=0):
        """Return colour `(H, W, 3)`, depth `(H, W)` uint16 mm and the visible object's mask."""
        generator = np.random.default_rng(seed)
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        T_camera_world = np.linalg.inv(self.T_world_camera)
        add_mesh(scene, self.model.vertices, self.model.faces, T_camera_world @ T_world_object)
        table = trimesh.creation.box((1.2, 1.6, 0.05))
        table.apply_translation((0.65, 0.0, TABLE_HEIGHT_M - 0.025))
        add_mesh(scene, table.vertices, table.faces, T_camera_world)
        if blob is not None:
            hand = trimesh.creation.capsule(height=0.12, radius=0.03)
            hand.apply_transform(trimesh.transformations.rotation_matrix(0.9, [0, 1, 0]))
            hand.apply_translation(blob)
            add_mesh(scene, hand.vertices, hand.faces, T_camera_world)
        rays = o3d.core.Tensor(pixel_rays())
        hit = {key: value.numpy() for key, value in scene.cast_rays(rays).items()}
        depth_m = np.where(np.isfinite(hit["t_hit"]), hit["t_hit"], 0.0)
        owner = np.where(depth_m > 0, hit["geometry_ids"], 99)
        rgb = self._colour(hit, owner, generator)
        return rgb, sensor_depth_mm(depth_m, generator), owner == 0

    def _colour(self, hit, owner, generator):
        rgb = np.full((HEIGHT, WIDTH, 3), 60.0)
        rgb[owner == 1] = 170, 165, 155
        rgb[owner == 2] = 205, 150, 125
        mine = owner == 0
        weight = hit["primitive_uvs"][mine]
        weight = np.concatenate([1 - weight.sum(axis=1, keepdims=True), weight], axis=1)
        rgb[mine] = self.model.colour_at(hit["primitive_ids"][mine].astype(np.int64), weight)
        shade = 0.6 + 0.4 * np.abs(hit["primitive_normals"] @ np.array([0.3, -0.6, -0.74]))
        return np.clip(rgb * shade[..., None] + generator.normal(0, 3, rgb.shape), 0, 255).astype(np.uint8)


def sensor_depth_mm(depth_m, generator):
    """Axial noise that grows with range, dropout, missing edges, steps of 1 mm."""
    noisy = depth_m + generator.normal(0, 1, depth_m.shape) * (0.0005 + 0.0015 * depth_m**2)
    edge = cv2.dilate(depth_m, np.ones((3, 3))) - cv2.erode(depth_m, np.ones((3, 3))) > 0.03
    missing = (generator.random(depth_m.shape) < 0.01) | (edge & (generator.random(depth_m.shape) < 0.5))
    noisy[missing | (depth_m <= 0)] = 0.0
    return np.rint(noisy * 1000).astype(np.uint16)


def add_mesh(scene, vertices, faces, T):
    moved = vertices @ T[:3, :3].T + T[:3, 3]
    scene.add_triangles(o3d.core.Tensor(moved.astype(np.float32)), o3d.core.Tensor(np.asarray(faces, np.uint32)))


def pixel_rays():
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    direction = np.stack([(column - K[0, 2]) / K[0, 0], (row - K[1, 2]) / K[1, 1], np.ones_like(row)], axis=-1)
    return np.concatenate([np.zeros_like(direction), direction], axis=-1).astype(np.float32)


@pytest.fixture(scope="session")
def scene(box_model) -> Scene:
    return Scene(box_model, T_WORLD_CAMERA)


@pytest.fixture(scope="session")
def at():
    """`at(x, y, yaw)`: the box's pose in the world, lying on the table."""
    return yaw_pose


@pytest.fixture(scope="session")
def camera_matrix():
    return K


@pytest.fixture(scope="session")
def table_plane():
    """The table in the camera's frame."""
    return T_WORLD_CAMERA.T @ np.array([0.0, 0.0, 1.0, -TABLE_HEIGHT_M])


@pytest.fixture
def realsense_file(tmp_path):
    """`realsense_file(images)` records a RealSense that does not exist, by librealsense's own recorder.

    `images` are `(number, stamp_ms, rgb, depth_mm)`; the file plays back through the code that drives a camera.
    """
    rs = pytest.importorskip("pyrealsense2", reason="needs librealsense: pip install pyrealsense2")

    def lens(coefficients):
        made = rs.intrinsics()
        made.width, made.height, made.ppx, made.ppy, made.fx, made.fy = (
            WIDTH,
            HEIGHT,
            K[0, 2],
            K[1, 2],
            K[0, 0],
            K[1, 1],
        )
        made.model, made.coeffs = rs.distortion.brown_conrady, list(coefficients)
        return made

    def stream(kind, uid, bytes_per_pixel, form, coefficients):
        made = rs.video_stream()
        made.type, made.uid, made.bpp, made.fmt, made.fps = kind, uid, bytes_per_pixel, form, 30
        made.width, made.height, made.intrinsics = WIDTH, HEIGHT, lens(coefficients)
        return made

    def record(images, name="camera.db3", distortion=(0.0,) * 5, domain=rs.timestamp_domain.system_time):
        device = rs.software_device()
        device.register_info(rs.camera_info.name, "Software RealSense")
        device.register_info(rs.camera_info.serial_number, "007")
        stereo, colour = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
        stereo.add_read_only_option(rs.option.depth_units, 0.001)
        depth_stream = stream(rs.stream.depth, 0, 2, rs.format.z16, (0.0,) * 5)
        depth_profile = stereo.add_video_stream(depth_stream).as_video_stream_profile()
        colour_stream = stream(rs.stream.color, 1, 3, rs.format.rgb8, distortion)
        colour_profile = colour.add_video_stream(colour_stream).as_video_stream_profile()
        same_place = rs.extrinsics()
        same_place.rotation, same_place.translation = [1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0], [0.0, 0, 0]
        depth_profile.register_extrinsics_to(colour_profile, same_place)
        recorder = rs.recorder(str(tmp_path / name), device)
        queue, sensors, kept = rs.frame_queue(8), recorder.query_sensors(), []
        for sensor, profile in zip(sensors, (depth_profile, colour_profile), strict=True):
            sensor.open(profile)
            sensor.start(queue)
        for number, stamp_ms, rgb, depth_mm in images:
            for sensor, profile, pixels in ((stereo, depth_profile, depth_mm), (colour, colour_profile, rgb)):
                frame = rs.software_video_frame()
                kept.append(np.ascontiguousarray(pixels))  # librealsense reads them later
                frame.pixels, frame.bpp = kept[-1], pixels.itemsize * pixels[0, 0].size
                frame.stride, frame.frame_number, frame.timestamp = frame.bpp * WIDTH, number, stamp_ms
                frame.domain, frame.profile, frame.depth_units = domain, profile, 0.001
                sensor.on_video_frame(frame)
        for sensor in sensors:
            sensor.stop()
            sensor.close()
        return tmp_path / name

    return record
