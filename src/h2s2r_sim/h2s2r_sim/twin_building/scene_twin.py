"""From a recording to the `scene:` section of a task: the artefact `scene/`.

```
scene.yaml           table and boxes, as a task file holds them
T_world_camera.txt   the camera's pose in which they are given (levelled by the table, or found by the robot)
picture.png          the boxes over the camera's image
meta.json            figures: table, each box, and the registration where there was one
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trimesh
import yaml
from numpy.typing import NDArray

from h2s2r_perception.artefact import Schema, as_plain, writing
from h2s2r_perception.recording import Prompt, Recording
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.task import SceneSpec
from h2s2r_sim.twin_building.depth_view import DepthView, median_depth
from h2s2r_sim.twin_building.level_table import GUESSED_TILT_RAD, LevelTable, find_table
from h2s2r_sim.twin_building.registration import Registration, register_robot
from h2s2r_sim.twin_building.robot_surface import sample_outside
from h2s2r_sim.twin_building.scene_boxes import FittedBox, find_boxes, table_rectangle
from h2s2r_sim.twin_building.twin_view import render_twin, twin_parts, view_twin

FloatArray = NDArray[np.float64]

SCENE_TWIN_SCHEMA = Schema("scene_twin", 1)
POSE_FILE = "T_world_camera.txt"
_TABLE_THICKNESS_M = 0.05
_IN_ROBOT_M = 0.03


@dataclass(frozen=True)
class SceneTwinConfiguration:
    """How a depth view becomes a scene."""

    frames: tuple[int, int] = (0, 15)
    """First, and one past the last; the scene has to stand still in them."""
    friction: float = 0.5
    """Depth does not tell."""
    every_shape: bool = False
    """Also give things that are no boxes, as the boxes round them."""
    with_object: bool = False
    """Also give the thing that the Recording's prompt points at: the object, which the task names elsewhere."""


@dataclass(frozen=True)
class SceneTwin:
    """What was found."""

    scene: SceneSpec
    T_world_camera: FloatArray
    """`(4, 4)` [m] in which the scene is given."""
    boxes: tuple[FittedBox, ...]
    """Every thing that stands on the table, those that are no boxes too."""
    registration: Registration | None
    figures: dict[str, Any]


def build_scene_twin(
    recording_folder: Path,
    folder: Path,
    configuration: SceneTwinConfiguration,
    left_out: Sequence[NDArray[np.bool_]] = (),
    robot: trimesh.Trimesh | None = None,
) -> SceneTwin:
    """Build the artefact.

    Args:
        recording_folder: A Recording whose camera pose is right, or right within 30 cm and 45 deg if `robot` is given.
        folder: Where it goes.
        configuration: Frames, friction.
        left_out: Masks `(H, W)` of what does not belong to the scene: the object, the hand.
        robot: The robot's surface at the posture of the recording, in its base frame; corrects the camera's pose.

    Raises:
        InputError: No table, a leaning one, or a robot that is not found.
    """
    recording = Recording.open(recording_folder)
    view = median_depth(recording, range(*configuration.frames), left_out)
    found = find_scene(view, configuration, robot, None if configuration.with_object else _pointed_at(recording.prompt))
    first = min(configuration.frames[0], recording.frame_count - 1)
    twin = render_twin(
        twin_parts(found.scene, robot=robot), view.camera_matrix, found.T_world_camera, recording.image_size
    )
    shown = view_twin(recording.rgb(first), view.depth_m, twin)
    found.figures.update(shown.figures)
    with writing(
        folder, SCENE_TWIN_SCHEMA, inputs={"recording": recording_folder}, configuration=configuration
    ) as artefact:
        (artefact.folder / "scene.yaml").write_text(scene_yaml(found), encoding="utf-8")
        np.savetxt(artefact.folder / POSE_FILE, found.T_world_camera, fmt="%.9f")
        cv2.imwrite(str(artefact.folder / "picture.png"), shown.image[..., ::-1])
        artefact.quality.update(found.figures)
        artefact.fields["boxes"] = [as_plain(box) for box in found.boxes]
    return found


def find_scene(
    view: DepthView,
    configuration: SceneTwinConfiguration,
    robot: trimesh.Trimesh | None = None,
    pointed_at: tuple[int, int] | None = None,
) -> SceneTwin:
    """Table, boxes and, by the robot, the camera's pose, of one depth view.

    The thing at the pixel `pointed_at` (column, row) is the object, and left out.
    """
    registration = None
    figures: dict[str, Any] = {}
    if robot is not None:
        guess = find_table(view, GUESSED_TILT_RAD)
        points, normals = sample_outside(robot)
        scanned = view.camera_points()[view.depth_m > 0]
        registration = register_robot(points, normals, scanned, guess.T_level_camera, guess.height_m)
        view = replace(view, T_world_camera=registration.T_world_camera)
        figures |= {
            "registration_fitness": registration.fitness,
            "registration_rms_mm": 1000 * registration.rms_m,
            "registration_rival": registration.rival,
            "camera_moved_mm": 1000 * registration.shift_m,
            "camera_turned_deg": float(np.degrees(registration.turn_rad)),
        }
    table = find_table(view)
    rectangle, cut = table_rectangle(table)
    boxes = [box for box in find_boxes(table, view.camera_matrix) if robot is None or not _in_robot(box, robot)]
    if pointed_at is not None:
        place = table.points[pointed_at[1], pointed_at[0]]
        boxes = [box for box in boxes if not _holds(box, place)]
    kept = [box for box in boxes if box.is_box or configuration.every_shape]
    figures |= {
        "table_height_m": table.height_m,
        "table_tilt_deg": float(np.degrees(table.tilt_rad)),
        "table_rms_mm": 1000 * table.rms_m,
        "table_cut_by_image": cut,
        "boxes": len(kept),
        "other_shapes": sum(not box.is_box for box in boxes),
    }
    scene = SceneSpec(
        table=_table_spec(rectangle, table, configuration.friction),
        statics=tuple(_spec(f"box_{index}", box, configuration.friction) for index, box in enumerate(kept, 1)),
    )
    return SceneTwin(scene, table.T_level_camera, tuple(boxes), registration, figures)


def scene_yaml(found: SceneTwin) -> str:
    """The `scene:` section of a task file, with what to doubt as comments."""
    lines = ["# Measured from one camera: depth tells nothing of friction, nor of what it does not see."]
    if found.figures["table_cut_by_image"]:
        lines.append("# The image cuts the table: it is at least this large.")
    cut = [box.name for box, fitted in zip(found.scene.statics, _kept(found), strict=True) if fitted.cut_by_image]
    if cut:
        lines.append(f"# The image cuts {', '.join(cut)}: at least this large.")
    if found.figures["other_shapes"]:
        lines.append(f"# {found.figures['other_shapes']} thing(s) on the table are no boxes: see meta.json.")
    text = yaml.safe_dump({"scene": as_plain(found.scene)}, sort_keys=False, default_flow_style=None)
    return "\n".join(lines) + "\n" + text


def _kept(found: SceneTwin) -> list[FittedBox]:
    positions = {spec.position_m for spec in found.scene.statics}
    return [box for box in found.boxes if _rounded(box.position_m) in positions]


def _table_spec(rectangle: FittedBox, table: LevelTable, friction: float) -> BoxSpec:
    x, y, _ = rectangle.position_m
    return BoxSpec(
        "table",
        _rounded((rectangle.size_m[0], rectangle.size_m[1], _TABLE_THICKNESS_M)),
        _rounded((x, y, table.height_m - _TABLE_THICKNESS_M / 2)),
        round(rectangle.yaw_rad, 4),
        friction,
    )


def _spec(name: str, box: FittedBox, friction: float) -> BoxSpec:
    return BoxSpec(name, _rounded(box.size_m), _rounded(box.position_m), round(box.yaw_rad, 4), friction)


def _rounded(values: tuple[float, float, float]) -> tuple[float, float, float]:
    """To a tenth of a millimetre, which is less than is known."""
    return round(values[0], 4), round(values[1], 4), round(values[2], 4)


def _pointed_at(prompt: Prompt | None) -> tuple[int, int] | None:
    """The pixel (column, row) in the middle of what a box or a click says."""
    if prompt is None or prompt.mask is not None:
        return None
    if prompt.box is not None:
        return round((prompt.box[0] + prompt.box[2]) / 2), round((prompt.box[1] + prompt.box[3]) / 2)
    return None if prompt.click is None else (round(prompt.click[0]), round(prompt.click[1]))


def _holds(box: FittedBox, point: FloatArray) -> bool:
    """Whether a point `(3,)` lies in a box, its surface included."""
    x, y, z = point - box.position_m
    along = np.array(
        [np.cos(box.yaw_rad) * x + np.sin(box.yaw_rad) * y, -np.sin(box.yaw_rad) * x + np.cos(box.yaw_rad) * y, z]
    )
    return bool(np.all(np.abs(along) < np.array(box.size_m) / 2 + 0.01))


def _in_robot(box: FittedBox, robot: trimesh.Trimesh) -> bool:
    """Whether a thing on the table is the robot itself: its middle lies in or near the robot's surface."""
    from h2s2r_sim.twin_building.open3d_library import Surface

    x, y, z = box.position_m
    heights = np.linspace(z - box.size_m[2] / 2, z + box.size_m[2] / 2, 5)[1:]
    line = np.stack([np.full(4, x), np.full(4, y), heights], axis=1)
    return bool((Surface(robot.vertices, robot.faces).distance(line) < _IN_ROBOT_M).any())
