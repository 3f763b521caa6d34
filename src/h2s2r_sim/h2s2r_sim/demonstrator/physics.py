"""The box's motion: MuJoCo moves it, pushed by the hand, and every contact is checked for penetration."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import pose, quat_wxyz_from_rotation, rotation_from_quat_wxyz
from h2s2r_sim.demonstrator.contact_watch import ContactWatch
from h2s2r_sim.demonstrator.hand_body import add_hand, move_hand
from h2s2r_sim.demonstrator.hand_model import bone_frames, joint_positions
from h2s2r_sim.demonstrator.motion import PUSHING, HandMotion, MotionConfiguration
from h2s2r_sim.scene import OBJECT_JOINT, add_object, add_scene, read_obj_vertices
from h2s2r_sim.task import Task

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PhysicsConfiguration:
    """How the motion is computed, and how exact it must be."""

    object_start_m: tuple[float, float] = (0.60, -0.15)
    """x and y of the object's origin; its axes start along those of the world."""
    timestep_s: float = 1.0 / 1500.0
    contact_time_constant_s: float = 0.002
    """A kinematic hand that moves at v sinks in by about 2 v times this: 0.7 mm at most."""
    penetration_limit_m: float = 0.001
    squeeze_m: float = 0.0003
    """The push ends this far beyond the first touch of the wall, so that box and wall truly meet."""


@dataclass(frozen=True, eq=False)
class Episode:
    """The true motion at the frame times, and the model to draw it with."""

    model: mujoco.MjModel
    stamp_ns: npt.NDArray[np.int64]
    """`(T,)`, from 0."""
    T_world_object: Array
    """`(T, 4, 4)`."""
    T_world_bone: Array
    """`(T, 16, 4, 4)`: the hand's bones, palm first."""
    contact_index: int
    """First frame in which hand and object have touched."""
    penetration_m: dict[str, float]
    """Deepest penetration of the object by each partner: `hand` and the names of the scene's boxes."""

    @property
    def hand_joints_world(self) -> Array:
        """`(T, 21, 3)` [m], MediaPipe's order."""
        return joint_positions(self.T_world_bone)


def simulate(task: Task, physics: PhysicsConfiguration, motion: MotionConfiguration) -> Episode:
    """Let the hand push the object and record where both were at each frame.

    Raises:
        InputError: A contact is deeper than `penetration_limit_m`.
    """
    model = build_model(task, physics.timestep_s, physics.contact_time_constant_s)
    data = mujoco.MjData(model)
    low = read_obj_vertices(task.object.mesh).min(axis=0)
    centre = (*physics.object_start_m, float(task.scene.table_height_m - low[2]))
    data.joint(OBJECT_JOINT).qpos[:] = [*centre, 1.0, 0.0, 0.0, 0.0]
    hand = HandMotion(
        motion,
        object_centre_m=centre,
        object_face_y_m=float(centre[1] + low[1]),
        table_height_m=task.scene.table_height_m,
        push_m=motion.push_distance_m + physics.squeeze_m,
    )
    return _run(task, model, data, hand, physics)


def show(data: mujoco.MjData, episode: Episode, frame: int) -> None:
    """Put object and hand where they were at a frame, ready to be rendered."""
    T = episode.T_world_object[frame]
    data.joint(OBJECT_JOINT).qpos[:] = [*T[:3, 3], *quat_wxyz_from_rotation(T[:3, :3])]
    move_hand(data, episode.T_world_bone[frame])
    mujoco.mj_kinematics(episode.model, data)
    mujoco.mj_camlight(episode.model, data)


def build_model(task: Task, timestep_s: float, contact_time_constant_s: float = 0.004) -> mujoco.MjModel:
    """Scene, object and hand in one model, with stiff contacts."""
    spec = mujoco.MjSpec()
    spec.option.timestep = timestep_s
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    add_scene(spec, task)
    add_object(spec, task)
    add_hand(spec, PUSHING)
    for geom in spec.geoms:
        geom.solref = [contact_time_constant_s, 1.0]
        geom.solimp = [0.98, 0.995, 0.0005, 0.5, 2.0]
    return spec.compile()


def _run(
    task: Task, model: mujoco.MjModel, data: mujoco.MjData, hand: HandMotion, physics: PhysicsConfiguration
) -> Episode:
    substeps = round(1.0 / (hand.frame_rate_hz * physics.timestep_s))
    model.opt.timestep = 1.0 / (hand.frame_rate_hz * substeps)
    frames = int(hand.duration_s * hand.frame_rate_hz) + 1
    state = hand.at(np.arange((frames - 1) * substeps + 1) * model.opt.timestep)
    T_world_bone = bone_frames(state.T_world_hand, state.posture)
    watch = ContactWatch(model)
    T_world_object = np.zeros((frames, 4, 4))
    contact_index = -1
    for frame in range(frames):
        for step in range(1 + (frame - 1) * substeps, 1 + frame * substeps) if frame else ():
            move_hand(data, T_world_bone[step])
            mujoco.mj_step(model, data)
            watch.note(data)
        position, quat_wxyz = data.joint(OBJECT_JOINT).qpos[:3], data.joint(OBJECT_JOINT).qpos[3:]
        T_world_object[frame] = pose(rotation_from_quat_wxyz(quat_wxyz), position)
        if contact_index < 0 and "hand" in watch.deepest_m:
            contact_index = frame
    watch.check(task.name, physics.penetration_limit_m, "push more slowly, or shorten the time step")
    stamp_ns = np.rint(np.arange(frames) * 1e9 / hand.frame_rate_hz).astype(np.int64)
    return Episode(model, stamp_ns, T_world_object, T_world_bone[::substeps], contact_index, watch.deepest_m)
