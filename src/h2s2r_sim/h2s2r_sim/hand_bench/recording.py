"""One rendered recording: a hand comes in, closes on an object and carries it, before a camera drawn by seed.

Drawn: object and grasp, size of the hand, skin tone, colours of the room, where the camera stands (0.5 to
0.95 m away, anywhere in the half circle before the person), how hand and object move, and the noise. The scene
is built for a hand of the model's size; another size is the same scene at another scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import inverse, pose, quat_wxyz_from_rotation, rotation_from_vector, transform_points
from h2s2r_sim.demonstrator.hand_body import add_hand, move_hand
from h2s2r_sim.demonstrator.hand_model import HandPosture, bone_frames, joint_positions, posture
from h2s2r_sim.demonstrator.motion import minimum_jerk, pushing_orientation
from h2s2r_sim.hand_bench.grasps import GRASPS, Grasp, close_hand, place_object
from h2s2r_sim.hand_bench.solids import SOLIDS, Solid, add_solid
from h2s2r_sim.rendering import Camera, RgbdSensor, SceneRenderer, SensorConfiguration

Array = npt.NDArray[np.float64]

EMPTY, APPROACH, HELD = 3, 9, 18
"""Frames before the hand comes, until it has closed, and with the object in it."""
FRAME_RATE_HZ = 15.0
_PREMANIPULATION = EMPTY + (2 * APPROACH) // 3
_OPEN = posture(0.15, thumb_rad=0.05, spread_rad=0.08)
_SKIN_TINTS = ((1.0, 1.0, 1.0), (1.02, 0.95, 0.92), (0.82, 0.76, 0.72), (0.62, 0.53, 0.47))
_NOISE_LEVELS = (1.0, 2.0)
_FOREARM_IN_VIEW = np.array([-0.55, -0.2, 0.1])


@dataclass(frozen=True, eq=False)
class GraspRecording:
    """What the camera saw and what was there; the camera's frame is the world's."""

    name: str
    """Of the grasp."""
    rgb: npt.NDArray[np.uint8]
    """`(T, H, W, 3)`."""
    depth_m: npt.NDArray[np.float32]
    """`(T, H, W)`, 0 where nothing was measured."""
    camera_matrix: Array
    """`(3, 3)` [px]."""
    stamp_ns: npt.NDArray[np.int64]
    """`(T,)`."""
    joints_camera: Array
    """`(T, 21, 3)` true joints [m]."""
    joint_visible: npt.NDArray[np.bool_]
    """`(T, 21)`: in the image, and nothing but the flesh round it in front."""
    empty: npt.NDArray[np.bool_]
    """`(T,)`: the hand has not come yet."""
    held: npt.NDArray[np.bool_]
    """`(T,)`: the object is in the hand."""
    premanipulation_index: int
    """The hand is still open and near the object."""
    hand_scale: float


def draw_recording(seed: int, every: int = 1) -> GraspRecording:
    """Draw, simulate and film; the same seed gives the same pixels.

    Args:
        seed: Of everything.
        every: Film only every so many-th frame.
    """
    random = np.random.default_rng([seed, 23])
    grasp = GRASPS[seed % len(GRASPS)]
    scale = float(random.uniform(0.86, 1.14))
    solid = SOLIDS[grasp.solid].scaled(float(random.uniform(0.92, 1.08)) / scale)
    T_hand_object = place_object(grasp, solid, random.normal(0.0, 0.08, 3))
    closed = close_hand(solid, T_hand_object)
    T_world_hand, T_world_object, postures = _motion(random, grasp, closed, T_hand_object)
    camera = _camera(random, T_world_hand[EMPTY + APPROACH, :3, 3], scale)
    model = _model(random, solid, T_world_object, T_world_hand)
    T_world_bone, T_world_object = bone_frames(T_world_hand, postures)[::every], T_world_object[::every]
    sensor = RgbdSensor(camera, _sensor(random), seed=seed)
    rgb, depth = _film(model, camera, sensor, T_world_bone, T_world_object, scale)
    joints = scale * transform_points(inverse(camera.T_world_camera), joint_positions(T_world_bone))
    frames = np.arange(EMPTY + APPROACH + HELD)[::every]
    return GraspRecording(
        name=grasp.name,
        rgb=rgb,
        depth_m=depth,
        camera_matrix=camera.camera_matrix,
        stamp_ns=np.rint(frames * 1e9 / FRAME_RATE_HZ).astype(np.int64),
        joints_camera=joints,
        joint_visible=_visible(joints, depth, camera.camera_matrix),
        empty=frames < EMPTY,
        held=frames >= EMPTY + APPROACH,
        premanipulation_index=int(np.argmin(np.abs(frames - _PREMANIPULATION))),
        hand_scale=scale,
    )


def _motion(
    random: np.random.Generator, grasp: Grasp, closed: HandPosture, T_hand_object: Array
) -> tuple[Array, Array, HandPosture]:
    """Poses of the hand and the object `(T, 4, 4)` in the world, and the fingers in every frame."""
    orientation = pushing_orientation(grasp.pitch_rad) if grasp.thumb_up else _palm_down(grasp.pitch_rad)
    orientation = rotation_from_vector(random.normal(0.0, 0.15, 3)) @ orientation
    T_grasp = pose(orientation, np.array([0.0, 0.0, random.uniform(0.10, 0.25)]))
    frames = np.arange(EMPTY + APPROACH + HELD)
    reach = minimum_jerk((frames - EMPTY) / APPROACH)
    carry = minimum_jerk((frames - EMPTY - APPROACH) / (HELD - 1))
    # It comes from where the forearm points and from its open side, and only then closes.
    away = orientation @ np.array([-0.14, 0.0, 0.07])
    shift, turn = random.uniform([-0.08, -0.08, 0.02], [0.08, 0.08, 0.12]), random.normal(0.0, 0.2, 3)
    T_world_hand = np.tile(T_grasp, (len(frames), 1, 1))
    T_world_hand[:, :3, :3] = rotation_from_vector(carry[:, None] * turn) @ orientation
    T_world_hand[:, :3, 3] += (1.0 - reach[:, None]) * away + carry[:, None] * shift
    T_world_hand[frames < EMPTY, :3, 3] -= [0.0, 0.0, 3.0]  # below the floor: nobody is there yet
    T_world_object = T_world_hand @ T_hand_object
    T_world_object[frames < EMPTY + APPROACH] = T_grasp @ T_hand_object
    closing = np.clip(2.0 * reach - 1.0, 0.0, 1.0)
    start = HandPosture(np.tile(_OPEN.flexion, (len(frames), 1, 1)), np.tile(_OPEN.abduction, (len(frames), 1)))
    return T_world_hand, T_world_object, start.blend(closed, closing)


def _camera(random: np.random.Generator, hand: Array, scale: float) -> Camera:
    """Before the person (who sits at -x) or beside them, looking down at the hand."""
    azimuth, elevation = random.uniform(-1.75, 1.75), random.uniform(0.35, 1.0)
    distance = random.uniform(0.50, 0.95) / scale
    direction = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    target = hand + [0.06, 0.0, 0.0] + random.uniform(-0.08, 0.08, 3) / scale
    position = hand + [0.06, 0.0, 0.0] + distance * direction
    width, height, focal = ((640, 480, 610.0), (848, 480, 615.0), (640, 360, 460.0))[random.integers(3)]
    return Camera.look_at(_triple(position), _triple(target), focal_length_px=focal, width=width, height=height)


def _model(random: np.random.Generator, solid: Solid, T_world_object: Array, T_world_hand: Array) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    _add_room(spec, random, float(transform_points(T_world_object[0], solid.corners)[:, 2].min()))
    add_solid(spec, solid)
    add_hand(spec, posture(0.45, thumb_rad=0.3))
    tint = np.array(_SKIN_TINTS[random.integers(len(_SKIN_TINTS))])
    spec.material("skin").rgba = [*np.minimum(tint, 1.0).tolist(), 1.0]
    spec.geoms[-1].rgba = [*random.uniform(0.1, 0.8, 3).tolist(), 1.0]  # the sleeve
    return spec.compile()


def _add_room(spec: mujoco.MjSpec, random: np.random.Generator, table_height_m: float) -> None:
    spec.visual.headlight.active = 0
    brightness = random.uniform(0.75, 1.1)
    for direction, diffuse, ambient in (((0.35, 0.45, -1.0), 0.52, 0.30), ((-0.55, 0.60, -0.55), 0.34, 0.12)):
        turned = rotation_from_vector(np.array([0.0, 0.0, random.uniform(-3.0, 3.0)])) @ np.array(direction)
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=[0.0, 0.0, 2.5],
            dir=turned.tolist(),
            diffuse=[brightness * diffuse] * 3,
            ambient=[brightness * ambient] * 3,
            specular=[0.1] * 3,
            castshadow=False,
        )
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=random.uniform(0.4, 0.85, 3).tolist(),
        width=16,
        height=16 * 6,
    )
    for name, size, height in (("table", (0.7, 0.6, 0.02), table_height_m - 0.02), ("floor", (4.0, 4.0, 0.02), -0.8)):
        first = np.clip(random.uniform(0.35, 0.85) + random.normal(0.0, 0.07, 3), 0.0, 1.0)
        spec.add_texture(
            name=name,
            type=mujoco.mjtTexture.mjTEXTURE_CUBE,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
            rgb1=first.tolist(),
            rgb2=np.clip(first + random.normal(0.0, 0.08, 3), 0.0, 1.0).tolist(),
            mark=mujoco.mjtMark.mjMARK_RANDOM,
            markrgb=np.clip(first - 0.12, 0.0, 1.0).tolist(),
            random=0.02,
            width=128,
            height=128,
        )
        material = spec.add_material(name=name, specular=0.05)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=list(size), pos=[0.1, 0.0, height], material=name, group=2
        )


def _film(
    model: mujoco.MjModel,
    camera: Camera,
    sensor: RgbdSensor,
    T_world_bone: Array,
    T_world_object: Array,
    scale: float,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    data = mujoco.MjData(model)
    held = int(model.body("held").mocapid[0])
    colours, depths = [], []
    with SceneRenderer(model, camera) as renderer:
        for bones, T in zip(T_world_bone, T_world_object, strict=True):
            move_hand(data, bones)
            data.mocap_pos[held], data.mocap_quat[held] = T[:3, 3], quat_wxyz_from_rotation(T[:3, :3])
            mujoco.mj_kinematics(model, data)
            mujoco.mj_camlight(model, data)
            rgb, depth_m = renderer.render(data)
            colours.append(sensor.colour(rgb))
            depths.append(sensor.depth(np.asarray(depth_m * scale, np.float32)).astype(np.float32) / 1000.0)
    return np.stack(colours), np.stack(depths)


def _sensor(random: np.random.Generator) -> SensorConfiguration:
    """The sensor as measured, or one twice as noisy."""
    level = float(_NOISE_LEVELS[random.integers(len(_NOISE_LEVELS))])
    normal = SensorConfiguration()
    return SensorConfiguration(
        axial_noise_m=level * normal.axial_noise_m,
        axial_noise_per_m=level * normal.axial_noise_per_m,
        edge_dropout_probability=0.25 * level,
        dropout_probability=0.001 * level,
        colour_noise_levels=level * normal.colour_noise_levels,
    )


def _visible(joints: Array, depth_m: npt.NDArray[np.float32], K: Array) -> npt.NDArray[np.bool_]:
    """A joint is seen when the surface measured at its pixel is at most 3 cm nearer than it is, or behind it."""
    pixels = np.rint(joints[..., :2] / joints[..., 2:] * K[[0, 1], [0, 1]] + K[:2, 2]).astype(int)
    height, width = depth_m.shape[1:]
    inside = ((pixels >= 0) & (pixels < [width, height])).all(axis=-1)
    x, y = np.clip(pixels[..., 0], 0, width - 1), np.clip(pixels[..., 1], 0, height - 1)
    surface = depth_m[np.arange(len(joints))[:, None], y, x]
    visible: npt.NDArray[np.bool_] = inside & ((surface == 0.0) | (joints[..., 2] - surface < 0.03))
    return visible


def _palm_down(pitch_rad: float) -> Array:
    """`R_world_hand`: fingers along +x and down by the pitch, thumb to +y."""
    return np.asarray(rotation_from_vector(np.array([0.0, pitch_rad, 0.0])))


def _triple(values: Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
