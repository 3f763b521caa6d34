"""A demonstration played from its script: the object on its path, the hand that holds it, and what must be true.

The object's motion is given and not computed, so its consistency is checked: bodies do not enter each other, the
hand touches whatever it moves, and where the object is left it stays when physics takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import (
    pose,
    quat_wxyz_from_rotation,
    rotation_angle,
    rotation_from_quat_wxyz,
    rotation_from_vector,
    vector_from_rotation,
)
from h2s2r_sim.demonstrator.contact_watch import ContactWatch
from h2s2r_sim.demonstrator.grip import GripFinder
from h2s2r_sim.demonstrator.hand_body import move_hand
from h2s2r_sim.demonstrator.hand_model import HandPosture, bone_frames
from h2s2r_sim.demonstrator.motion import minimum_jerk
from h2s2r_sim.demonstrator.object_motion import ObjectMotion
from h2s2r_sim.demonstrator.physics import Episode, build_model
from h2s2r_sim.demonstrator.script import Script
from h2s2r_sim.scene import OBJECT_JOINT, read_obj_vertices
from h2s2r_sim.task import Task

Array = npt.NDArray[np.float64]

PENETRATION_LIMIT_M = 0.002
REST_LIMIT_M, REST_LIMIT_RAD, REST_WATCHED_S = 0.005, 0.05, 1.0
_TIMESTEP_S = 1.0 / 600.0


@dataclass(frozen=True, eq=False)
class _Hand:
    T_world_hand: Array
    posture: HandPosture


@dataclass(frozen=True)
class _Piece:
    """A stretch of time in which hand and object move by one rule."""

    duration_s: float
    at: Callable[[float], tuple[Array, _Hand]]
    """Seconds since its beginning to `T_world_object (4, 4)` and the hand."""


def play(task: Task, script: Script) -> Episode:
    """Where object and hand are in every frame of the script.

    Raises:
        InputError: Something passes through something else, or the object does not stay where it is left.
    """
    model = build_model(task, _TIMESTEP_S)
    motion = ObjectMotion(script, task, read_obj_vertices(task.object.mesh))
    pieces, touch_s = _pieces(script, motion, GripFinder(model))
    starts = np.cumsum([0.0, *(piece.duration_s for piece in pieces)])
    frames = int(starts[-1] * script.frame_rate_hz) + 1
    played = []
    for frame in range(frames):
        time_s = frame / script.frame_rate_hz
        index = min(int(np.searchsorted(starts, time_s, side="right")) - 1, len(pieces) - 1)
        played.append(pieces[index].at(time_s - starts[index]))
    objects, bones = np.array([T for T, _ in played]), _bones([hand for _, hand in played])
    data, watch = mujoco.MjData(model), ContactWatch(model)
    for T_world_object, T_world_bone in zip(objects, bones, strict=True):
        _put(data, T_world_object, T_world_bone)
        mujoco.mj_fwdPosition(model, data)
        watch.note(data)
    watch.check(task.name, PENETRATION_LIMIT_M, "correct the script")
    if script.released:
        _check_rest(task, model, objects[-1], bones[-1])
    stamp_ns = np.rint(np.arange(frames) * 1e9 / script.frame_rate_hz).astype(np.int64)
    contact_index = int(np.ceil(touch_s * script.frame_rate_hz))
    return Episode(model, stamp_ns, objects, bones, contact_index, watch.deepest_m)


def _pieces(script: Script, motion: ObjectMotion, finder: GripFinder) -> tuple[list[_Piece], float]:
    """The demonstration piece by piece, and when the hand first touches [s]."""
    pieces: list[_Piece] = []
    hand: _Hand | None = None
    touch_s = 0.0
    for name, indices in _grips(script):
        hold, T = script.hold(name), motion.before(indices[0])
        T_object_hand, opened, closed = finder.take(hold, T)
        arrived, touching = _Hand(T @ T_object_hand, opened), _Hand(T @ T_object_hand, closed)
        pause = _Hand(_shifted(T @ T_object_hand, hold.pause_offset_m), opened)
        if hand is None:
            hand = _Hand(_shifted(pause.T_world_hand, script.hidden_offset_m), opened)
            pieces.append(_standing(T, hand, script.hidden_s))
        pieces.append(_reaching(T, hand, pause, script.reach_s))
        pieces.append(_standing(T, pause, script.pause_s))
        pieces.append(_reaching(T, pause, arrived, script.approach_s))
        pieces.append(_reaching(T, arrived, touching, script.grip_s))
        touch_s = touch_s or sum(piece.duration_s for piece in pieces)
        pieces += [_carrying(motion, index, T_object_hand, closed, script) for index in indices]
        end = motion.before(indices[-1] + 1)
        held = _Hand(end @ T_object_hand, closed)
        pieces.append(_standing(end, held, script.rest_s))
        let_go = _Hand(held.T_world_hand, opened)
        hand = _Hand(_shifted(held.T_world_hand, hold.leave_offset_m), opened)
        pieces += [_reaching(end, held, let_go, script.grip_s), _reaching(end, let_go, hand, script.leave_s)]
    return pieces if script.released else pieces[:-2], touch_s


def _grips(script: Script) -> Iterator[tuple[str, list[int]]]:
    """Runs of segments under one hold: its name and their indices."""
    for name, run in groupby(range(len(script.segments)), key=lambda index: script.segments[index].hold):
        yield name, list(run)


def _standing(T_world_object: Array, hand: _Hand, duration_s: float) -> _Piece:
    return _Piece(duration_s, lambda _: (T_world_object, hand))


def _reaching(T_world_object: Array, first: _Hand, second: _Hand, duration_s: float) -> _Piece:
    turn = vector_from_rotation(second.T_world_hand[:3, :3] @ first.T_world_hand[:3, :3].T)
    shift = second.T_world_hand[:3, 3] - first.T_world_hand[:3, 3]

    def at(time_s: float) -> tuple[Array, _Hand]:
        share = minimum_jerk(np.array(time_s / duration_s))
        R = rotation_from_vector(share * turn) @ first.T_world_hand[:3, :3]
        T_world_hand = np.asarray(pose(R, first.T_world_hand[:3, 3] + share * shift))
        return T_world_object, _Hand(T_world_hand, first.posture.blend(second.posture, share))

    return _Piece(duration_s, at)


def _carrying(motion: ObjectMotion, index: int, T_object_hand: Array, closed: HandPosture, script: Script) -> _Piece:
    def at(time_s: float) -> tuple[Array, _Hand]:
        T = motion.at(index, time_s)
        return T, _Hand(T @ T_object_hand, closed)

    return _Piece(script.segments[index].duration_s, at)


def _bones(hands: list[_Hand]) -> Array:
    """`(T, 16, 4, 4)`, all instants at once."""
    flexion = np.array([hand.posture.flexion for hand in hands])
    abduction = np.array([hand.posture.abduction for hand in hands])
    return bone_frames(np.array([hand.T_world_hand for hand in hands]), HandPosture(flexion, abduction))


def _put(data: mujoco.MjData, T_world_object: Array, bones: Array) -> None:
    data.joint(OBJECT_JOINT).qpos[:] = [*T_world_object[:3, 3], *quat_wxyz_from_rotation(T_world_object[:3, :3])]
    move_hand(data, bones)


def _check_rest(task: Task, model: mujoco.MjModel, T_world_object: Array, bones: Array) -> None:
    data = mujoco.MjData(model)
    _put(data, T_world_object, bones)
    for _ in range(round(REST_WATCHED_S / model.opt.timestep)):
        mujoco.mj_step(model, data)
    where = data.joint(OBJECT_JOINT).qpos
    moved_m = float(np.linalg.norm(where[:3] - T_world_object[:3, 3]))
    turned = float(rotation_angle(rotation_from_quat_wxyz(where[3:])[None], T_world_object[None, :3, :3])[0])
    if moved_m > REST_LIMIT_M or turned > REST_LIMIT_RAD:
        raise InputError(
            f"demonstration of {task.name}",
            "end of the path",
            found=f"an object that moves by {moved_m * 1000:.0f} mm and {turned:.2f} rad once it is left alone",
            expected=f"one that stays within {REST_LIMIT_M * 1000:.0f} mm and {REST_LIMIT_RAD} rad",
            remedy="let the script's last segment end where the object stands by itself",
        )


def _shifted(T: Array, by: tuple[float, float, float]) -> Array:
    moved = T.copy()
    moved[:3, 3] += by
    return moved
