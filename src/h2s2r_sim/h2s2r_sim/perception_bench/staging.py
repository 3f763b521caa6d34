"""One draw of everything that happens in a sequence, and whether it is fair (see `conditions`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, pose
from h2s2r_perception.image_points import project
from h2s2r_perception.object_model import ObjectModel
from h2s2r_sim.demonstrator.hand_model import HandPosture, posture
from h2s2r_sim.objects.tableware import ShelfObject
from h2s2r_sim.perception_bench.bodies import Body
from h2s2r_sim.perception_bench.conditions import FRAME_RATE_HZ, HEIGHT_PX, WIDTH_PX, Condition, Split
from h2s2r_sim.perception_bench.hand import HandKey, HandPath, cover, grip, held_along, path_through
from h2s2r_sim.perception_bench.object_motion import HAND_AWAY_S, ObjectPath, draw_path
from h2s2r_sim.perception_bench.scenery import Placed, draw_look_alike
from h2s2r_sim.rendering.camera import Camera

FloatArray = NDArray[np.float64]

_MARGIN_PX = 5
_FULL_VIEW, _SMALLEST_PX = 0.97, 1000
_SOME_VIEW = 0.25
_COVERED = 0.01
_HIDDEN_HANDLE_RAD = np.deg2rad(55.0)
_EDGE_ON = np.sin(np.deg2rad(20.0))
_CHECK_STRIDE, _CHECK_EVERY = 3, 5
_SMALLEST_HANDLE_PX = 100
_TOUCHING_M = 0.001
_COVER_DEPTHS_M = (0.50, 0.42, 0.36, 0.31, 0.28)
_NEAR_M, _FAR_M = (0.30, 0.16), (0.65, 0.40)
"""How far back along the arm, and up, the hand comes from: near the object, or from out of the image."""
_COMING_FRAMES = {_NEAR_M: 13, _FAR_M: 27}
_FINGERS_OPEN = posture(0.12, thumb_rad=0.05, spread_rad=0.02)


@dataclass(frozen=True, eq=False)
class WatchedBodies:
    """What must stay in view."""

    whole: Body
    handle: Body | None
    """Only where nothing but a handle tells the turns about z."""

    @classmethod
    def of(cls, item: ShelfObject, model: ObjectModel, whole: Body) -> WatchedBodies:
        """The object's body, and its handle if that is all that tells its turns."""
        beyond = model.vertices[:, 0] > np.abs(model.vertices[:, 1]).max() + 0.003
        if not (is_told_by_handle(item) and beyond.any()):
            return cls(whole, None)
        faces = model.faces[beyond[model.faces].all(axis=1)]
        return cls(whole, Body(model.vertices, faces))


def is_told_by_handle(item: ShelfObject) -> bool:
    """Plain, but not the same from all sides."""
    return item.symmetry == "none" and item.name.endswith("plain")


@dataclass(frozen=True, eq=False)
class Staging:
    """Everything that moves, and the camera."""

    camera: Camera
    path: ObjectPath
    hand: HandPath
    look_alike: Placed | None


def draw_staging(
    random: np.random.Generator,
    split: Split,
    condition: Condition,
    item: ShelfObject,
    model: ObjectModel,
    bodies: WatchedBodies,
    azimuth_rad: float,
    rays: NDArray[np.float32],
    camera_matrix: FloatArray,
) -> Staging | None:
    """Draw once; None when the draw is not fair."""
    camera = _draw_camera(random, split, azimuth_rad, camera_matrix)
    yaw = random.uniform(-np.pi, np.pi)
    path = draw_path(random, split, condition, item.height_m, yaw)
    T_camera_object = inverse(camera.T_world_camera) @ path.T_world_object
    if not (_inside_image(T_camera_object, model, camera_matrix) and _tells_its_turns(T_camera_object, item, camera)):
        return None
    look_alike = None
    if condition.distractor:
        look_alike = _place_beside(random, path, model)
        if look_alike is None:
            return None
    depths = iter(_COVER_DEPTHS_M if path.covered else (0.0,))
    held = _draw_grip(random, path, model, azimuth_rad)
    roll = random.choice([0.0, np.pi]) + random.uniform(-0.3, 0.3)
    for depth_m in depths:
        keys = _keys(held, path, camera, condition, depth_m, roll, look_alike)
        hand = _hand_path(keys, path, held)
        staging = Staging(camera, path, hand, look_alike)
        if _is_fair(staging, bodies, rays):
            return staging
    return None


def _draw_camera(random: np.random.Generator, split: Split, azimuth_rad: float, camera_matrix: FloatArray) -> Camera:
    elevation = np.deg2rad(random.uniform(*split.camera_elevation_deg))
    distance = random.uniform(*split.camera_distance_m)
    level = np.cos(elevation) * np.array([np.cos(azimuth_rad), np.sin(azimuth_rad)])
    target = np.array([*random.uniform(-0.02, 0.02, 2), random.uniform(0.04, 0.09)])
    position = target + distance * np.array([*level, np.sin(elevation)])
    looking = Camera.look_at(
        tuple(position), tuple(target), width=WIDTH_PX, height=HEIGHT_PX, focal_length_px=float(camera_matrix[0, 0])
    )
    return Camera(camera_matrix, WIDTH_PX, HEIGHT_PX, looking.T_world_camera)


def _inside_image(T_camera_object: FloatArray, model: ObjectModel, camera_matrix: FloatArray) -> bool:
    for T in T_camera_object[::2]:
        points = model.vertices @ T[:3, :3].T + T[:3, 3]
        pixels = project(camera_matrix, points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        if low.min() < _MARGIN_PX or high[0] > WIDTH_PX - _MARGIN_PX or high[1] > HEIGHT_PX - _MARGIN_PX:
            return False
    return True


def _tells_its_turns(T_camera_object: FloatArray, item: ShelfObject, camera: Camera) -> bool:
    """No plain handle on the far side, no plate edge-on."""
    view = T_camera_object[:, :3, 3] / np.linalg.norm(T_camera_object[:, :3, 3], axis=1, keepdims=True)
    if item.name.startswith("plate"):
        return bool(np.abs(np.einsum("tk,tk->t", T_camera_object[:, :3, 2], view)).min() > _EDGE_ON)
    if is_told_by_handle(item):
        axis, handle = T_camera_object[:, :3, 2], T_camera_object[:, :3, 0]
        across = view - np.einsum("tk,tk->t", view, axis)[:, None] * axis
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        return bool(np.einsum("tk,tk->t", handle, across).max() < np.cos(_HIDDEN_HANDLE_RAD))
    return True


def _place_beside(random: np.random.Generator, path: ObjectPath, model: ObjectModel) -> Placed | None:
    """Stand a look-alike 1 to 5 cm off the nearest point of the path, clear of all of it."""
    body, vertices = draw_look_alike(random, model)
    reach = np.linalg.norm(model.vertices[:, :2], axis=1).max() + np.linalg.norm(vertices[:, :2], axis=1).max()
    gap = random.uniform(0.01, 0.05)
    beside, bearing = random.integers(len(path.T_world_object)), random.uniform(-np.pi, np.pi)
    place = path.T_world_object[beside, :2, 3] + (reach + gap) * np.array([np.cos(bearing), np.sin(bearing)])
    distance = np.linalg.norm(path.T_world_object[:, :2, 3] - place, axis=1)
    if distance.min() < reach + 0.01:
        return None
    yaw = random.uniform(-np.pi, np.pi)
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0.0], [np.sin(yaw), np.cos(yaw), 0.0], [0.0, 0.0, 1.0]])
    return Placed(body, np.asarray(pose(turn, np.array([*place, -vertices[:, 2].min()]))))


def _draw_grip(
    random: np.random.Generator, path: ObjectPath, model: ObjectModel, azimuth_rad: float
) -> tuple[FloatArray, HandPosture]:
    """A hand on the side of the object, at rest, rarely on the side that faces the camera."""
    T = path.T_world_object[path.held[0]]
    bearing = azimuth_rad + random.choice([-1.0, 1.0]) * random.uniform(0.7, 2.9)
    outward = np.array([np.cos(bearing), np.sin(bearing), 0.0])
    world = model.vertices @ T[:3, :3].T + T[:3, 3]
    low, high = world[:, 2].min(), world[:, 2].max()
    level = low + random.uniform(0.45, 0.75) * (high - low)
    near = np.abs(world[:, 2] - level) < max(0.15 * (high - low), 0.035)
    side = np.abs((world[:, :2] - T[:2, 3]) @ [-outward[1], outward[0]]) < 0.02
    chosen = near & side if (near & side).any() else near
    reach = float(((world - T[:3, 3]) @ outward)[chosen].max())
    contact = np.array([*(T[:2, 3] + reach * outward[:2]), level])
    curl = float(np.clip(0.028 / max(reach, 0.02), 0.15, 0.85))
    return grip(contact, outward, random.uniform(0.45, 0.95), curl)


def _keys(
    held: tuple[FloatArray, HandPosture],
    path: ObjectPath,
    camera: Camera,
    condition: Condition,
    depth_m: float,
    roll_rad: float,
    look_alike: Placed | None,
) -> list[HandKey]:
    """Coming, holding (as two keys that are overwritten in between), and what the hand does afterwards."""
    T_hand, fingers = held
    first, last = path.held
    frames = len(path.T_world_object)
    along = held_along(path.T_world_object[first : last + 1], T_hand)
    way = _FAR_M if condition.rest_after_s > 0.0 else _NEAR_M
    keys = [
        HandKey(first - _COMING_FRAMES[way], _withdrawn(T_hand, way), _FINGERS_OPEN),
        HandKey(first, T_hand, fingers),
        HandKey(last, along[-1], fingers),
    ]
    if path.covered is not None:
        middle = path.T_world_object[(path.covered[0] + path.covered[1]) // 2, :3, 3]
        hiding = cover(camera.T_world_camera, middle, depth_m, roll_rad)
        aside = hiding.copy()
        aside[:3, 3] -= 0.35 * hiding[:3, 0]  # back along the fingers, out of the image
        keys += [
            HandKey(path.covered[0], hiding, _FINGERS_OPEN),
            HandKey(path.covered[1], hiding, _FINGERS_OPEN),
            HandKey(path.covered[1] + round(HAND_AWAY_S * FRAME_RATE_HZ), aside, _FINGERS_OPEN),
        ]
    elif condition.rest_after_s > 0.0:
        keys.append(HandKey(last + _COMING_FRAMES[way], _withdrawn(along[-1], way), _FINGERS_OPEN))
    elif look_alike is not None and last < frames - 2:
        other = look_alike.T_world_body[:3, 3]
        apart = path.T_world_object[-1, :2, 3] - other[:2]
        distance = float(np.linalg.norm(apart))
        outward = np.array([*(apart / distance), 0.0])
        between = np.array([*(other[:2] + 0.5 * apart), 0.6 * 2 * other[2]])
        keys.append(HandKey(frames - 1, *grip(between, outward, 0.7, 0.3)))
    return keys


def _withdrawn(T_hand: FloatArray, way_m: tuple[float, float]) -> FloatArray:
    away = T_hand.copy()
    away[:3, 3] += -way_m[0] * T_hand[:3, 0] + np.array([0.0, 0.0, way_m[1]])
    return away


def _hand_path(keys: list[HandKey], path: ObjectPath, held: tuple[FloatArray, HandPosture]) -> HandPath:
    hand = path_through(keys, len(path.T_world_object))
    first, last = path.held
    hand.T_world_hand[first : last + 1] = held_along(path.T_world_object[first : last + 1], held[0])
    return hand


def _is_fair(staging: Staging, bodies: WatchedBodies, rays: NDArray[np.float32]) -> bool:
    """What the rules say about what is in view, on every fifth frame and a third of the resolution."""
    path = staging.path
    start, pixels, _ = _visible(staging, 0, bodies, rays)
    if start < _FULL_VIEW or pixels < _SMALLEST_PX:
        return False
    checked_until = len(path.T_world_object)
    if path.covered is not None:
        first, end = path.covered
        covered = [_visible(staging, frame, bodies, rays)[0] for frame in (first, (first + end) // 2, end)]
        if max(covered) > _COVERED or _visible(staging, checked_until - 1, bodies, rays)[0] < _FULL_VIEW:
            return False
        checked_until = path.held[1]
    for frame in range(path.held[0], checked_until, _CHECK_EVERY):
        share, _, handle_pixels = _visible(staging, frame, bodies, rays)
        if share < _SOME_VIEW or handle_pixels < _SMALLEST_HANDLE_PX:
            return False
    return True


def _visible(
    staging: Staging, frame: int, bodies: WatchedBodies, rays: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Share of the silhouette in view, pixels of the silhouette, and pixels of the handle in view."""
    T_camera_world, K = inverse(staging.camera.T_world_camera), staging.camera.camera_matrix
    T_camera_object = T_camera_world @ staging.path.T_world_object[frame]
    own = bodies.whole.seen(T_camera_object, K, rays, None, _CHECK_STRIDE)
    if own is None:
        return 0.0, 0.0, 0.0
    before_m = np.full(rays.shape[:2], np.inf, dtype=np.float32)
    others = list(staging.hand.bodies(frame, T_camera_world))
    if staging.look_alike is not None:
        others.append((staging.look_alike.body, T_camera_world @ staging.look_alike.T_world_body))
    for other, T in others:
        layer = other.seen(T, K, rays, None)
        if layer is not None:
            crop = layer.crop
            place = before_m[crop.y0 : crop.y1, crop.x0 : crop.x1]
            np.minimum(place, layer.depth_m, out=place)
    silhouette = np.isfinite(own.depth_m)
    in_view = own.depth_m < own.crop.of(before_m)
    area = _CHECK_STRIDE**2
    handle_pixels = np.inf
    if bodies.handle is not None:
        handle = bodies.handle.seen(T_camera_object, K, rays, None)
        assert handle is not None
        whole_m = bodies.whole.seen(T_camera_object, K, rays, None)
        assert whole_m is not None
        own_m = np.full(rays.shape[:2], np.inf, dtype=np.float32)
        own_m[whole_m.crop.y0 : whole_m.crop.y1, whole_m.crop.x0 : whole_m.crop.x1] = whole_m.depth_m
        nothing_before = np.minimum(handle.crop.of(before_m), handle.crop.of(own_m) + _TOUCHING_M)
        handle_pixels = float((handle.depth_m < nothing_before).sum())
    share = float((silhouette & in_view).sum()) / max(int(silhouette.sum()), 1)
    return share, float(silhouette.sum()) * area, handle_pixels
