"""Finds the robot in a scan, without anybody cropping it out: where the camera is, from the robot's own shape.

The scan is levelled by its table. A coarse search over turns about the vertical and shifts asks, for each, how much
of the robot's surface that faces the camera has scanned points next to it; the best of it are refined by
point-to-plane ICP against the robot's model, and the result is refused if another place explains the scan nearly as
well, or if the robot could slide or turn without being noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_angle, rotation_from_vector, transform_points
from h2s2r_sim.twin_building.open3d_library import open3d

FloatArray = NDArray[np.float64]

_FINALISTS = 8
"""Places that the coarse search hands on."""
_REACHES = (0.03, 0.015, 0.008)
"""From which distance [m] points pull, one round of ICP after the other."""
_QUICK, _EXACT = (1500, 20), (5000, 40)
"""Scanned points and iterations in each round."""


@dataclass(frozen=True)
class RegistrationSettings:
    """How far is searched, and what counts as found."""

    yaw_rad: float = 0.8
    """Half range of the turn about the vertical."""
    shift_m: float = 0.32
    """Half range of each coordinate."""
    yaw_step_rad: float = 0.11
    shift_step_m: float = 0.04
    near_m: float = 0.012
    """A point of the robot is explained by a scanned point this near."""
    smallest_fitness: float = 0.5
    """Share of the robot's surface in view that has to be explained."""
    largest_rival: float = 0.9
    """Another place must not explain more than this share of what the best one does."""
    smallest_stiffness: float = 0.01
    """Smallest eigenvalue of the normal matrix for each point, lengths in units of the robot's size: below it
    something slides."""


@dataclass(frozen=True)
class Registration:
    """Where the camera is by the robot's shape."""

    T_world_camera: FloatArray
    """`(4, 4)` [m]; the world is the robot's base."""
    fitness: float
    """Share of the robot's surface in view that is explained."""
    rms_m: float
    """Of the scanned points on the robot about its model."""
    rival: float
    """Fitness of the best place elsewhere over that of this one."""
    stiffness: float
    shift_m: float
    """How far the stated pose was off."""
    turn_rad: float


def register_robot(
    robot_points: FloatArray,
    robot_normals: FloatArray,
    scan_points: FloatArray,
    T_world_camera: FloatArray,
    table_height_m: float | None = None,
    settings: RegistrationSettings | None = None,
) -> Registration:
    """Correct a camera pose by the robot that it sees.

    Args:
        robot_points: `(N, 3)` [m] on the robot's surface, in its base frame.
        robot_normals: `(N, 3)`, outward.
        scan_points: `(M, 3)` [m] in the camera's frame, table included.
        T_world_camera: `(4, 4)`, a first guess whose vertical is right (levelled by the table).
        table_height_m: By that guess; what lies there is no part of the robot.
        settings: Ranges and limits.

    Raises:
        InputError: The robot is not found, found twice, or its shape in view leaves a direction free.
    """
    settings = settings or RegistrationSettings()
    scan = transform_points(T_world_camera, scan_points)
    if table_height_m is not None:
        # Along the table's plane the robot would slide towards it.
        scan = scan[scan[:, 2] > table_height_m + 0.015]
    if len(scan) < 500:
        raise InputError("depth", "points", found=f"{len(scan)}", expected="the robot", remedy="show the robot")
    eye = T_world_camera[:3, 3]
    tree = cKDTree(scan)
    finalists = []
    for start in _coarse(robot_points, robot_normals, scan, eye, settings):
        motion = _icp(robot_points[::3], robot_normals[::3], scan, start, (0.06, 0.03), _QUICK)
        finalists.append((_fitness(robot_points, robot_normals, tree, scan, eye, motion, 2 * settings.near_m), motion))
    finalists.sort(key=lambda item: -item[0])
    best = _icp(robot_points, robot_normals, scan, finalists[0][1], _REACHES, _EXACT)
    fitness = _fitness(robot_points, robot_normals, tree, scan, eye, best, settings.near_m)
    rms, stiffness = _certainty(robot_points, robot_normals, scan, best)
    _check(fitness, stiffness, settings)
    elsewhere = [motion for _, motion in finalists[1:] if _apart(motion, best, robot_points)]
    rivals = [_icp(robot_points, robot_normals, scan, motion, _REACHES, _EXACT) for motion in elsewhere[:3]]
    rivals = [motion for motion in rivals if _apart(motion, best, robot_points)]
    others = [_fitness(robot_points, robot_normals, tree, scan, eye, motion, settings.near_m) for motion in rivals]
    rival = max(others, default=0.0) / fitness
    if rival > settings.largest_rival:
        raise InputError(
            "robot",
            "place",
            found=f"another one that fits {100 * rival:.0f} % as well",
            expected=f"at most {100 * settings.largest_rival:.0f} %",
            remedy="bend the arm into an irregular posture, or give a better first camera pose",
        )
    corrected = np.asarray(best @ T_world_camera)
    return Registration(
        T_world_camera=corrected,
        fitness=fitness,
        rms_m=rms,
        rival=rival,
        stiffness=stiffness,
        shift_m=float(np.linalg.norm(corrected[:3, 3] - eye)),
        turn_rad=float(rotation_angle(corrected[:3, :3], T_world_camera[:3, :3])),
    )


def _check(fitness: float, stiffness: float, settings: RegistrationSettings) -> None:
    if fitness < settings.smallest_fitness:
        raise InputError(
            "robot",
            "fitness",
            found=f"{100 * fitness:.0f} % of its surface in view explained",
            expected=f"at least {100 * settings.smallest_fitness:.0f} %",
            remedy="are the joint positions those of the recording? is the guess within 30 cm and 45 deg?",
        )
    if stiffness < settings.smallest_stiffness:
        raise InputError(
            "robot",
            "shape",
            found=f"a direction in which it slides unnoticed (stiffness {stiffness:.4f})",
            expected=f"at least {settings.smallest_stiffness:g}",
            remedy="show more than a round base: bend the arm, and keep it in view",
        )


def _coarse(
    points: FloatArray, normals: FloatArray, scan: FloatArray, eye: FloatArray, settings: RegistrationSettings
) -> list[FloatArray]:
    """The best motions `(4, 4)` of the scan, from a grid of turns about the robot's axis and of shifts."""
    step = 0.02
    low = points.min(axis=0) - settings.shift_m - 0.1
    count = np.ceil((points.max(axis=0) + settings.shift_m + 0.1 - low) / step).astype(int)
    shifts_1d = np.arange(-settings.shift_m, settings.shift_m + 1e-9, settings.shift_step_m)
    shifts = np.stack(np.meshgrid(shifts_1d, shifts_1d, shifts_1d, indexing="ij"), axis=-1).reshape(-1, 3)
    generator = np.random.default_rng(0)
    chosen = generator.choice(len(points), min(400, len(points)), replace=False)
    scored: list[tuple[float, FloatArray]] = []
    for yaw in np.arange(-settings.yaw_rad, settings.yaw_rad + 1e-9, settings.yaw_step_rad):
        turn = np.asarray(pose(rotation_from_vector(np.array([0.0, 0.0, yaw])), np.zeros(3)))
        turned = transform_points(turn, scan)
        near = _nearness(turned, low, count, step)
        facing = np.einsum("nk,nk->n", normals[chosen], transform_points(turn, eye[None])[0] - points[chosen]) > 0
        seen = points[chosen][facing]
        # A motion of the scan by s is one of the robot by -s.
        cell = np.rint((seen[None] - shifts[:, None] - low) / step).astype(int)
        cell = np.clip(cell, 0, count - 1)
        score = near[cell[..., 0], cell[..., 1], cell[..., 2]].mean(axis=1)
        for index in np.argsort(-score)[:6]:
            motion = turn.copy()
            motion[:3, 3] = shifts[index]
            scored.append((float(score[index]), motion))
    scored.sort(key=lambda item: -item[0])
    kept: list[FloatArray] = []
    for _, motion in scored:
        if all(_apart(motion, other, points, 0.05) for other in kept):
            kept.append(motion)
    return kept[:_FINALISTS]


def _nearness(scan: FloatArray, low: FloatArray, count: NDArray[np.int64], step: float) -> NDArray[np.float32]:
    """1 at scanned points, falling off within centimetres, on a grid."""
    cell = np.rint((scan - low) / step).astype(int)
    cell = cell[np.all((cell >= 0) & (cell < count), axis=1)]
    empty = np.ones(tuple(count), dtype=bool)
    empty[cell[:, 0], cell[:, 1], cell[:, 2]] = False
    if empty.all():
        return np.zeros(tuple(count), dtype=np.float32)
    distance = ndimage.distance_transform_edt(empty, sampling=step)
    return np.exp(-0.5 * (distance / 0.03) ** 2).astype(np.float32)


def _icp(
    points: FloatArray,
    normals: FloatArray,
    scan: FloatArray,
    motion: FloatArray,
    reaches: tuple[float, ...],
    effort: tuple[int, int],
) -> FloatArray:
    """Point-to-plane ICP of the scan onto the robot's model, with a shrinking reach [m]."""
    library = open3d()
    registration: Any = library.pipelines.registration
    model = library.geometry.PointCloud(library.utility.Vector3dVector(points))
    model.normals = library.utility.Vector3dVector(normals)
    for reach in reaches:
        moved = transform_points(motion, scan)
        box = np.all((moved > points.min(axis=0) - 2 * reach) & (moved < points.max(axis=0) + 2 * reach), axis=1)
        close = np.flatnonzero(box)
        close = close[:: max(1, len(close) // effort[0])]
        if len(close) < 50:
            return motion
        cloud = library.geometry.PointCloud(library.utility.Vector3dVector(scan[close]))
        result = registration.registration_icp(
            cloud,
            model,
            reach,
            motion,
            registration.TransformationEstimationPointToPlane(registration.TukeyLoss(reach)),
            registration.ICPConvergenceCriteria(1e-7, 1e-7, effort[1]),
        )
        motion = np.asarray(result.transformation)
    return motion


def _fitness(
    points: FloatArray,
    normals: FloatArray,
    tree: cKDTree,
    scan: FloatArray,
    eye: FloatArray,
    motion: FloatArray,
    near_m: float,
) -> float:
    """Share of the robot's points in view that have a scanned point near them."""
    back = inverse(motion)
    robot, normal = transform_points(back, points[::7]), normals[::7] @ back[:3, :3].T
    facing = np.einsum("nk,nk->n", normal, eye - robot) > 0.2 * np.linalg.norm(eye - robot, axis=1)
    ray, scan_ray = robot - eye, scan - eye
    middle = scan_ray.mean(axis=0) / np.linalg.norm(scan_ray.mean(axis=0))
    cosine = (scan_ray @ middle) / np.linalg.norm(scan_ray, axis=1)
    in_view = (ray @ middle) / np.linalg.norm(ray, axis=1) > np.percentile(cosine, 1)
    seen = robot[facing & in_view]
    if len(seen) < 30:
        return 0.0
    distance, _ = tree.query(seen, distance_upper_bound=near_m)
    return float(np.isfinite(distance).mean())


def _certainty(points: FloatArray, normals: FloatArray, scan: FloatArray, motion: FloatArray) -> tuple[float, float]:
    """Residual [m] of the scanned points on the robot, and the smallest eigenvalue of their normal matrix."""
    moved = transform_points(motion, scan)
    distance, index = cKDTree(points).query(moved, distance_upper_bound=0.02)
    use = np.isfinite(distance)
    if use.sum() < 30:
        return float("nan"), 0.0
    n, p = normals[index[use]], points[index[use]]
    off = ((moved[use] - p) * n).sum(axis=1)
    centred = p - p.mean(axis=0)
    scale = float(np.sqrt((centred**2).sum(axis=1).mean()))
    J = np.concatenate([n, np.cross(centred / scale, n)], axis=1)
    small = np.abs(off) < 3 * np.median(np.abs(off)) + 1e-4
    eigenvalues = np.linalg.eigvalsh(J[small].T @ J[small] / small.sum())
    return float(np.sqrt(np.mean(off[small] ** 2))), float(eigenvalues[0])


def _apart(a: FloatArray, b: FloatArray, points: FloatArray, distance_m: float = 0.03) -> bool:
    """Whether two motions put the robot's points in different places."""
    few = points[:: max(1, len(points) // 200)]
    shift = transform_points(inverse(a), few) - transform_points(inverse(b), few)
    return float(np.sqrt((shift**2).sum(axis=1).mean())) > distance_m
