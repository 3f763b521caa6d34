"""How the object moves: legs from rest to rest, whose peak speeds are drawn below the condition's limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import interpolate_pose, pose, rotation_angle, rotation_from_vector
from h2s2r_sim.perception_bench.conditions import FRAME_RATE_HZ, Condition, Split

FloatArray = NDArray[np.float64]

HAND_AWAY_S = 0.3
"""From letting go until the hand covers the object."""
_SLIDE_BEFORE_COVER_S = 0.55
_RELEASE_S = 0.5
"""Kept for the hand's pass over to the look-alike."""
_PEAKS = {"jerk": 1.875, "cosine": np.pi / 2.0}
"""Peak speed over mean speed of a leg."""
_PEAK_SHARE = (0.7, 1.0)
_LARGEST_TILT_RAD = 0.6
_REACH_M = 0.13
"""Beyond half of this from the middle of the workspace legs lead back."""


@dataclass(frozen=True, eq=False)
class ObjectPath:
    """Poses of the object in the world, and when something is done to it."""

    T_world_object: FloatArray
    """`(T, 4, 4)` [m]; the table's surface is z = 0."""
    held: tuple[int, int]
    """First and last frame in which a hand moves it."""
    covered: tuple[int, int] | None
    """First frame in which a hand hides it and first in which it no longer does."""


@dataclass(frozen=True, eq=False)
class _Leg:
    start_s: float
    length_s: float
    T_from: FloatArray
    T_to: FloatArray


def draw_path(
    random: np.random.Generator, split: Split, condition: Condition, height_m: float, start_yaw_rad: float
) -> ObjectPath:
    """Draw a path of `condition.duration_s` that starts at rest, standing on the table.

    Args:
        random: The sequence's stream.
        split: Its plans and law of motion.
        condition: Its limits.
        height_m: Of the object.
        start_yaw_rad: About z.
    """
    frames = round(condition.duration_s * FRAME_RATE_HZ)
    place = random.uniform(-0.6, 0.6, 2) * _REACH_M
    T = pose(rotation_from_vector(np.array([0.0, 0.0, start_yaw_rad])), np.array([*place, height_m / 2]))
    times = _timetable(random, split, condition)
    legs: list[_Leg] = []
    lying = T
    for name, start_s, length_s in times:
        following = _end_of(random, name, T, lying, condition, length_s / _PEAKS[split.motion_law])
        legs.append(_Leg(start_s, length_s, T, following))
        lying = following if name == "slide" else lying
        T = following
    time_s = np.arange(frames) / FRAME_RATE_HZ
    covered = None
    last_held = legs[-1].start_s + legs[-1].length_s
    if condition.covered_s > 0.0:
        last_held = legs[0].start_s + legs[0].length_s
        covered_s = last_held + HAND_AWAY_S
        covered = (round(covered_s * FRAME_RATE_HZ), round((covered_s + condition.covered_s) * FRAME_RATE_HZ))
    held = (round(condition.rest_s * FRAME_RATE_HZ), min(round(last_held * FRAME_RATE_HZ), frames - 1))
    return ObjectPath(_along(legs, time_s, split.motion_law), held, covered)


def speeds(T_world_object: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Speed `(T-1,)` [m/s] of the origin and angular speed [deg/s] between frames of a path `(T, 4, 4)`."""
    shift = np.linalg.norm(np.diff(T_world_object[:, :3, 3], axis=0), axis=1)
    turn = rotation_angle(T_world_object[:-1, :3, :3], T_world_object[1:, :3, :3])
    return shift * FRAME_RATE_HZ, np.rad2deg(turn) * FRAME_RATE_HZ


def _timetable(random: np.random.Generator, split: Split, condition: Condition) -> list[tuple[str, float, float]]:
    """Name, start [s] and length [s] of each leg."""
    plan = split.plans[random.integers(len(split.plans))]
    if condition.covered_s > 0.0:
        slide = ("slide", condition.rest_s, _SLIDE_BEFORE_COVER_S)
        under_the_hand = condition.rest_s + _SLIDE_BEFORE_COVER_S + HAND_AWAY_S + 0.05
        nudge = ("nudge", under_the_hand, condition.covered_s - 0.1)
        return [slide, nudge] if random.random() < 0.6 else [slide]
    if condition.rest_after_s > 0.0:
        plan = ("lift", "lower") if random.random() < 0.6 else ("slide",)
    moving_s = condition.duration_s - condition.rest_s - condition.rest_after_s
    moving_s -= _RELEASE_S if condition.distractor else 0.0
    length_s = moving_s / len(plan)
    return [(name, condition.rest_s + number * length_s, length_s) for number, name in enumerate(plan)]


def _along(legs: list[_Leg], time_s: FloatArray, law: str) -> FloatArray:
    index = np.clip(np.searchsorted([leg.start_s for leg in legs], time_s, side="right") - 1, 0, None)
    start, length = (np.array([getattr(leg, name) for leg in legs])[index] for name in ("start_s", "length_s"))
    x = np.clip((time_s - start) / length, 0.0, 1.0)
    share = x**3 * (10.0 - 15.0 * x + 6.0 * x * x) if law == "jerk" else (1.0 - np.cos(np.pi * x)) / 2.0
    T_from, T_to = np.array([leg.T_from for leg in legs]), np.array([leg.T_to for leg in legs])
    return np.asarray(interpolate_pose(T_from[index], T_to[index], share))


def _end_of(
    random: np.random.Generator, leg: str, T: FloatArray, lying: FloatArray, condition: Condition, scale_s: float
) -> FloatArray:
    """Where a leg ends; `scale_s` is its length over the law's peak, so that a limit times it bounds the way."""
    way = random.uniform(*_PEAK_SHARE) * condition.speed_m_s * scale_s
    turn = random.uniform(*_PEAK_SHARE) * np.deg2rad(condition.turn_deg_s) * scale_s
    about_z = rotation_from_vector(np.array([0.0, 0.0, random.choice([-1.0, 1.0]) * turn]))
    bearing = random.uniform(-np.pi, np.pi)
    if np.linalg.norm(T[:2, 3]) > 0.5 * _REACH_M:  # rather back to the middle than out of the image
        bearing = np.arctan2(-T[1, 3], -T[0, 3]) + random.uniform(-0.9, 0.9)
    ahead = np.array([np.cos(bearing), np.sin(bearing), 0.0])
    R, p = T[:3, :3], T[:3, 3]
    if leg == "nudge":
        small = rotation_from_vector(np.array([0.0, 0.0, random.uniform(-0.2, 0.2)]))
        return np.asarray(pose(small @ R, p + random.uniform(0.005, 0.025) * ahead))
    if leg == "slide":
        return np.asarray(pose(about_z @ R, p + way * ahead))
    if leg == "lift":
        tilt = rotation_from_vector(min(turn, _LARGEST_TILT_RAD) * np.array([-ahead[1], ahead[0], 0.0]))
        steep = random.uniform(0.6, 1.2)
        return np.asarray(pose(tilt @ R, p + way * (np.cos(steep) * ahead + [0.0, 0.0, np.sin(steep)])))
    if leg == "lower":
        drop = min(p[2] - lying[2, 3], way)
        side = np.sqrt(max(way**2 - drop**2, 0.0)) * random.uniform(0.0, 0.5)
        back = R.T @ lying[:3, :3]
        # Back upright; turns in the air that are too far to undo in one leg stay as they are.
        angle = float(rotation_angle(np.eye(3), back))
        upright = lying[:3, :3] if angle <= np.deg2rad(condition.turn_deg_s) * scale_s else _upright(R)
        return np.asarray(pose(upright, np.array([*(p[:2] + side * ahead[:2]), p[2] - drop])))
    # carry: level through the air, turning about its own axis
    return np.asarray(pose(R @ about_z, p + way * ahead))


def _upright(R: FloatArray) -> FloatArray:
    """The rotation with z up that is nearest to one that is tilted."""
    axis = np.cross(R[:, 2], [0.0, 0.0, 1.0])
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return R
    angle = np.arctan2(sine, R[2, 2])
    return np.asarray(rotation_from_vector(axis / sine * angle) @ R)
