"""A right hand made of capsules, what a depth camera sees of it, and what a colour network makes of it."""

from __future__ import annotations

import numpy as np
import open3d as o3d
import trimesh

SIZE = (640, 360)
BACKGROUND_M = 1.3
KNUCKLES = {"index": (-0.025, 0.090), "middle": (0.0, 0.092), "ring": (0.022, 0.087), "little": (0.042, 0.078)}
LENGTHS = (0.042, 0.026, 0.021)
THUMB = ((-0.028, 0.025), (-0.055, 0.052), (-0.070, 0.078), (-0.080, 0.100))


def hand_joints(curl=0.35):
    """Our 21 joints [m]: wrist at the origin, fingers along +y, palm towards -z, bent by `curl` [rad] at each joint."""
    chains = [np.array([(x, y, 0.004 * n) for n, (x, y) in enumerate(THUMB)])]
    for base in KNUCKLES.values():
        points, angle = [np.array([*base, 0.0])], 0.0
        for length in LENGTHS:
            angle += curl
            points.append(points[-1] + length * np.array([0.0, np.cos(angle), -np.sin(angle)]))
        chains.append(np.array(points))
    return np.concatenate([np.zeros((1, 3)), *chains])


def hand_mesh(joints):
    """Vertices and faces of capsules along every bone and across the palm."""
    bones = [(0, 1, 0.018)]
    for finger in range(5):
        base = 1 + 4 * finger
        bones += [(0, base, 0.016)] if finger else []
        bones += [(base + n, base + n + 1, 0.010 - 0.001 * n) for n in range(3)]
    bones += [(5, 9, 0.012), (9, 13, 0.012), (13, 17, 0.012), (1, 5, 0.010)]
    parts = []
    for a, b, radius in bones:
        length = np.linalg.norm(joints[b] - joints[a])
        part = trimesh.creation.capsule(height=length, radius=radius, count=[10, 10])
        part.apply_transform(trimesh.geometry.align_vectors([0, 0, 1], joints[b] - joints[a]))
        part.apply_translation(joints[a])
        parts.append(part)
    mesh = trimesh.util.concatenate(parts)
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def placed(points, T):
    return points @ T[:3, :3].T + T[:3, 3]


def facing_camera(x, y, z, tilt=0.3):
    """Pose of the hand in the camera, palm towards it, fingers up, turned by `tilt` [rad] about its own finger axis."""
    flip = np.diag([1.0, -1.0, -1.0]) @ np.diag([-1.0, 1.0, -1.0])
    turn = trimesh.transformations.rotation_matrix(tilt, [0, 1, 0])[:3, :3]
    T = np.eye(4)
    T[:3, :3] = flip @ turn
    T[:3, 3] = x, y, z
    return T


def depth_image(vertices, faces, K, generator, extra=()):
    """Depth [m] with a sensor's noise, and the hand's mask; `extra` are meshes in front or behind."""
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    for v, f in ((vertices, faces), *extra):
        scene.add_triangles(o3d.core.Tensor(np.asarray(v, np.float32)), o3d.core.Tensor(np.asarray(f, np.uint32)))
    column, row = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    direction = np.stack([(column - K[0, 2]) / K[0, 0], (row - K[1, 2]) / K[1, 1], np.ones_like(row)], axis=-1)
    rays = np.concatenate([np.zeros_like(direction), direction], axis=-1).astype(np.float32)
    hit = scene.cast_rays(o3d.core.Tensor(rays), nthreads=1)
    depth = hit["t_hit"].numpy()
    depth = np.where(np.isfinite(depth), depth, BACKGROUND_M)
    noisy = depth + generator.normal(0.0, 1.0, depth.shape) * (0.0009 + 0.0019 * depth**2)
    noisy[generator.random(depth.shape) < 0.02] = 0.0
    return np.round(noisy, 3).astype(np.float32), hit["geometry_ids"].numpy() == 0


def as_colour_sees_it(points, middle, error_m, K, *, principal_point=True):
    """Points as a network has them that knows colour alone: right in the image at the hand's middle, off in distance.

    It thinks the principal point lies in the middle of the image; with `principal_point` that is mended for it.
    """
    z = middle[2] + error_m
    pixel = middle[:2] / middle[2] * K[[0, 1], [0, 1]] + K[:2, 2]
    origin = K[:2, 2] if principal_point else np.array(SIZE) / 2.0
    return points - middle + np.array([*((pixel - origin) / K[[0, 1], [0, 1]] * z), z])
