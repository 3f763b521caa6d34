"""Human hand and robot hand in one picture: over the camera's image, and in the scene from two sides.

To judge a retargeting by eye: where does the robot's hand stand in for the human's, and how far are its fingertips
from the ones they follow? The human hand is drawn as its bones, each finger in a colour, and the way from each robot
fingertip to the human's as a white line.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_perception.recording import Recording
from h2s2r_retarget.human_hand import fingertip_targets
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.rendering import Camera, SceneRenderer
from h2s2r_sim.twin import OBJECT_BODY, build_spec

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_sim.task import Task

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

OVERLAY, SIDES = "hands_in_image.jpg", ("hands_from_left.jpg", "hands_from_right.jpg")
"""Files in the Retargeting."""

_FINGERS = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_COLOURS = ((250, 190, 40), (60, 200, 90), (50, 150, 250), (190, 90, 240), (240, 80, 110))
"""Of thumb, index, middle, ring and little finger, red first."""
_WHITE = (255, 255, 255)
_HIDDEN_GROUP = 5
_OPACITY = 0.6
_BONE_M, _TIP_M, _WAY_M = 0.0045, 0.008, 0.0015
_JPEG_QUALITY = 90
_SHIFT = 4
"""Bits of a pixel's fraction when lines are drawn."""


@dataclass(frozen=True, eq=False)
class HandPair:
    """One moment: a human hand and the robot that stands in for it."""

    hand_joints: Array
    """`(21, 3)` m, world."""
    joint_position: Array
    """`(J,)`, in the joints' units."""
    T_world_object: Array
    """`(4, 4)`."""


def write_pictures(
    folder: Path, task: Task, embodiment: Embodiment, pair: HandPair, recording: Recording | None, frame: int
) -> None:
    """Write `SIDES`, and `OVERLAY` where there is a recording, into a folder.

    Args:
        folder: Where.
        task: The scene.
        embodiment: The robot.
        pair: The moment.
        recording: The camera's image and where it stands; None leaves the overlay out.
        frame: Of the recording, the moment's.

    Raises:
        InputError: The machine has no OpenGL library, or the camera's pixels are not square.
    """
    for name, side in zip(SIDES, (1.0, -1.0), strict=True):
        _write(folder / name, in_scene(task, embodiment, pair, beside(pair, side)))
    if recording is not None:
        camera = Camera(recording.camera_matrix, *recording.image_size, recording.T_world_camera)
        _write(folder / OVERLAY, over_image(recording.rgb(frame), camera, task, embodiment, pair))


def beside(pair: HandPair, side: float) -> Camera:
    """A camera half a metre from the hand, on its left (1) or right (-1) as seen from the robot's base."""
    centre = pair.hand_joints.mean(axis=0)
    outwards = np.array([centre[0], centre[1], 0.0]) / np.hypot(centre[0], centre[1])
    across = np.array([-outwards[1], outwards[0], 0.0])
    position = centre + 0.30 * outwards + 0.45 * side * across + np.array([0.0, 0.0, 0.25])
    x, y, z = (float(value) for value in position)
    return Camera.look_at((x, y, z), (float(centre[0]), float(centre[1]), float(centre[2])), focal_length_px=620.0)


def over_image(image: Image, camera: Camera, task: Task, embodiment: Embodiment, pair: HandPair) -> Image:
    """The robot, half transparent, and the human hand's bones over an image `(H, W, 3)`, red first."""
    spec = build_spec(task, embodiment)
    model = spec.compile()
    # Only what belongs to the robot is shown: everything else is in the image already.
    robot = np.isin(model.body_rootid[model.geom_bodyid], _roots(model, embodiment))
    model.geom_group[~robot] = _HIDDEN_GROUP
    rgb, depth_m = _rendered(model, embodiment, pair, camera)
    seen = (depth_m > 0.0)[..., None]
    mixed = np.where(seen, _OPACITY * rgb + (1.0 - _OPACITY) * image, image).astype(np.uint8)
    drawn = np.ascontiguousarray(mixed)
    for start, end, colour, radius_m in _lines(pair, embodiment):
        (a, b), depth = camera.project(np.stack([start, end]))
        if depth.min() > 0.0:
            width = max(1, round(2.0 * radius_m * camera.camera_matrix[0, 0] / float(depth.mean())))
            cv2.line(drawn, _fixed(a), _fixed(b), colour, width, cv2.LINE_AA, _SHIFT)
    return drawn


def in_scene(task: Task, embodiment: Embodiment, pair: HandPair, camera: Camera) -> Image:
    """Robot, object, scene and the human hand's bones as bodies, `(H, W, 3)`, red first."""
    import mujoco

    spec = build_spec(task, embodiment)
    for start, end, colour, radius_m in _lines(pair, embodiment):
        # A capsule of no length is none.
        if np.linalg.norm(end - start) > 1e-4:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                fromto=[*start, *end],
                size=[radius_m, 0.0, 0.0],
                rgba=[*(value / 255 for value in colour), 1.0],
                contype=0,
                conaffinity=0,
                group=2,
            )
    model = spec.compile()
    hand = {_body_of(model, name) for name in embodiment.hand_joint_names}
    palm = {int(model.body_parentid[body]) for body in hand} - hand
    _fade(model, hand | palm)
    return _rendered(model, embodiment, pair, camera)[0]


def _lines(pair: HandPair, embodiment: Embodiment) -> list[tuple[Array, Array, tuple[int, int, int], float]]:
    """Start, end, colour and radius [m] of every bone, and of the way from each robot tip to the human's."""
    lines = []
    joints = pair.hand_joints
    for finger, colour in zip(_FINGERS, _COLOURS, strict=True):
        chain = (0, *finger)
        lines += [(joints[a], joints[b], colour, _BONE_M) for a, b in pairwise(chain)]
        lines.append((joints[finger[-1]], joints[finger[-1]] + [0.0, 0.0, 2e-4], colour, _TIP_M))
    tips = BatchedKinematics(embodiment).forward(pair.joint_position[None]).fingertip_position[0]
    wanted = fingertip_targets(joints, embodiment)
    lines += [(tip, target, _WHITE, _WAY_M) for tip, target in zip(tips, wanted, strict=True)]
    return lines


def _rendered(model: Any, embodiment: Embodiment, pair: HandPair, camera: Camera) -> tuple[Image, NDArray[np.float32]]:
    import mujoco

    data = mujoco.MjData(model)
    for name, position in zip(embodiment.joint_names, pair.joint_position, strict=True):
        data.joint(name).qpos[:] = position
    free = data.joint(model.body(OBJECT_BODY).jntadr[0]).qpos
    free[:3], free[3:] = pair.T_world_object[:3, 3], quat_wxyz_from_rotation(pair.T_world_object[:3, :3])
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    with SceneRenderer(model, camera) as renderer:
        return renderer.render(data)


def _body_of(model: Any, joint: str) -> int:
    return int(model.joint(joint).bodyid[0])


def _roots(model: Any, embodiment: Embodiment) -> list[int]:
    return [int(model.body_rootid[_body_of(model, name)]) for name in embodiment.joint_names]


def _fade(model: Any, bodies: set[int]) -> None:
    """Let the bones be seen through the hand."""
    for geom in np.flatnonzero(np.isin(model.geom_bodyid, list(bodies))):
        material = int(model.geom_matid[geom])
        if material >= 0:
            model.geom_rgba[geom, :3] = model.mat_rgba[material, :3]
            model.geom_matid[geom] = -1
        model.geom_rgba[geom, 3] = 0.45


def _fixed(point: Array) -> tuple[int, int]:
    return round(float(point[0]) * 2**_SHIFT), round(float(point[1]) * 2**_SHIFT)


def _write(path: Path, image: Image) -> None:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    path.write_bytes(data.tobytes())
