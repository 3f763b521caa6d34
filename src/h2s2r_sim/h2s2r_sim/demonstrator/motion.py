"""What the hand does: it comes in from the right, pauses, touches the box, pushes it to the wall and leaves.

The hand's path is planned through its contact point, not its wrist: how far the flesh of the fingers
reaches forward (+y) and down at each instant. Fingers can then move without losing or entering the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_sim.demonstrator.hand_model import MODEL, HandPosture, bone_frames, joint_positions, posture

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MotionConfiguration:
    """Times and places of the demonstration; distances are measured from the box at rest."""

    hidden_s: float = 0.5
    """The hand is out of sight; the object can be registered undisturbed."""
    reach_s: float = 1.0
    """From out of sight to the pause."""
    pause_s: float = 0.45
    close_s: float = 0.65
    """From the pause to the touch."""
    push_s: float = 2.3
    rest_s: float = 0.15
    retreat_s: float = 0.6
    frame_rate_hz: float = 30.0
    pause_distance_m: float = 0.05
    """Between fingertips and box during the pause: the pre-manipulation pose."""
    push_distance_m: float = 0.25
    table_clearance_m: float = 0.006
    """Between the lowest fingertip and the table while pushing."""
    wrist_behind_centre_m: float = 0.112
    """The wrist is this far towards -x of the box's centre, so that the fingertips straddle it."""
    pitch_rad: float = 0.785
    """The fingers point forward (+x) and this far down; the palm faces +y, the thumb is up."""
    start_offset_m: tuple[float, float, float] = (-0.30, -0.30, 0.22)
    """From the pause to where the hand waits out of sight."""
    retreat_offset_m: tuple[float, float, float] = (-0.14, -0.16, 0.10)
    """From the end of the push to the end of the recording."""


OPEN = posture(0.12, thumb_rad=0.05, spread_rad=0.05)
READY = posture(0.26, thumb_rad=0.20, spread_rad=0.02)
PUSHING = posture(0.30, thumb_rad=0.30, spread_rad=0.0)


@dataclass(frozen=True, eq=False)
class HandState:
    """The hand at some instants."""

    T_world_hand: Array
    """`(..., 4, 4)`."""
    posture: HandPosture


@dataclass(frozen=True)
class _Waypoint:
    time_s: float
    reach: tuple[float, float, float]
    """Wrist x, foremost flesh y, lowest flesh z [m], world frame."""
    turn: tuple[float, float, float]
    """Rotation vector [rad] in the world, on top of the pushing orientation."""
    posture: HandPosture


class HandMotion:
    """The hand's state as a function of time; every segment is minimum-jerk and starts and ends at rest.

    Args:
        configuration: Times and places.
        object_centre_m: Box centre at rest (world).
        object_face_y_m: Where its -y face is.
        table_height_m: Upper face of the table.
        push_m: How far to push; the box may start a little off its nominal place.
    """

    def __init__(
        self,
        configuration: MotionConfiguration,
        *,
        object_centre_m: tuple[float, float, float],
        object_face_y_m: float,
        table_height_m: float,
        push_m: float,
    ) -> None:
        c = configuration
        x = object_centre_m[0] - c.wrist_behind_centre_m
        low = table_height_m + c.table_clearance_m
        pause = (x, object_face_y_m - c.pause_distance_m, low)
        touch = (x, object_face_y_m, low)
        end = (x, object_face_y_m + push_m, low)
        away, straight = (0.0, -0.25, 0.35), (0.0, 0.0, 0.0)
        starts = np.cumsum([0.0, c.hidden_s, c.reach_s, c.pause_s, c.close_s, c.push_s, c.rest_s, c.retreat_s])
        self._waypoints = [
            _Waypoint(starts[0], _offset(pause, c.start_offset_m), away, OPEN),
            _Waypoint(starts[1], _offset(pause, c.start_offset_m), away, OPEN),
            _Waypoint(starts[2], pause, straight, READY),
            _Waypoint(starts[3], pause, straight, READY),
            _Waypoint(starts[4], touch, straight, PUSHING),
            _Waypoint(starts[5], end, straight, PUSHING),
            _Waypoint(starts[6], end, straight, PUSHING),
            _Waypoint(starts[7], _offset(end, c.retreat_offset_m), (0.0, -0.1, 0.15), OPEN),
        ]
        self._orientation = pushing_orientation(c.pitch_rad)
        self.frame_rate_hz = c.frame_rate_hz
        self.duration_s = float(starts[-1])
        self.touch_s = float(starts[4])

    def at(self, time_s: Array) -> HandState:
        """The hand at times `(T,)` [s] since the start; before and after the motion it stands still."""
        time_s = np.asarray(time_s, dtype=float)
        times = np.array([waypoint.time_s for waypoint in self._waypoints])
        index = np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, len(times) - 2)
        fraction = minimum_jerk((time_s - times[index]) / (times[index + 1] - times[index]))
        postures = HandPosture(
            np.stack([waypoint.posture.flexion for waypoint in self._waypoints]),
            np.stack([waypoint.posture.abduction for waypoint in self._waypoints]),
        )
        fingers = _at(postures, index).blend(_at(postures, index + 1), fraction)
        values = np.array([[*waypoint.reach, *waypoint.turn] for waypoint in self._waypoints])
        wanted = values[index] + fraction[:, None] * (values[index + 1] - values[index])
        rotation = rotation_from_vector(wanted[:, 3:]) @ self._orientation
        wanted[:, 1:3] -= flesh_reach(rotation, fingers)
        return HandState(pose(rotation, wanted[:, :3]), fingers)


def minimum_jerk(fraction: Array) -> Array:
    """Smooth step `10 s^3 - 15 s^4 + 6 s^5` of s clipped to [0, 1] (Flash and Hogan 1985)."""
    s = np.clip(fraction, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s * s)


def pushing_orientation(pitch_rad: float) -> Array:
    """`R_world_hand`: fingers along +x and down by the pitch, back of the hand to -y, thumb up."""
    cosine, sine = np.cos(pitch_rad), np.sin(pitch_rad)
    return np.array([[cosine, sine, 0.0], [0.0, 0.0, -1.0], [-sine, cosine, 0.0]])


def flesh_reach(R_world_hand: Array, fingers: HandPosture) -> Array:
    """How far the four fingers' flesh reaches from the wrist: `(..., 2)`, foremost y and lowest z [m]."""
    wrist = pose(R_world_hand, np.zeros(R_world_hand.shape[:-1]))
    joints = joint_positions(bone_frames(wrist, fingers))[..., 5:, :]
    radii = np.array([finger.radii for finger in MODEL[1:]]).ravel()
    return np.stack([(joints[..., 1] + radii).max(axis=-1), (joints[..., 2] - radii).min(axis=-1)], axis=-1)


def _at(postures: HandPosture, index: npt.NDArray[np.int64]) -> HandPosture:
    return HandPosture(postures.flexion[index], postures.abduction[index])


def _offset(place: tuple[float, float, float], by: tuple[float, float, float]) -> tuple[float, float, float]:
    return place[0] + by[0], place[1] + by[1], place[2] + by[2]
