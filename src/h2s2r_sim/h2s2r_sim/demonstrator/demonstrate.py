"""Makes the bundled Recording, and keeps its ground truth aside.

The demonstrator stands where the robot stands later; the camera looks at the table from the far right
corner and sees the back of the pushing hand, the box's top and two of its sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.accuracy import GROUND_TRUTH
from h2s2r_perception.artefact import InputError, Schema, as_plain, is_current, writing
from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.onset import OnsetConfiguration
from h2s2r_perception.recording import RECORDING_SCHEMA, Prompt, RecordingWriter
from h2s2r_sim.demonstrator.motion import MotionConfiguration
from h2s2r_sim.demonstrator.physics import Episode, PhysicsConfiguration, show, simulate
from h2s2r_sim.demonstrator.script import Script, load_script
from h2s2r_sim.demonstrator.scripted import play
from h2s2r_sim.rendering import Camera, RgbdSensor, SceneRenderer, SensorConfiguration
from h2s2r_sim.scene import read_obj_vertices
from h2s2r_sim.task import Task

GROUND_TRUTH_SCHEMA = Schema("ground_truth", 1)

Progress = Callable[[float, str], None]
"""Called with the fraction done, in [0, 1], and a note for people."""


PUSH_CAMERA_M, PUSH_LOOK_AT_M = Script.camera_m, Script.look_at_m


@dataclass(frozen=True)
class ViewConfiguration:
    """Where the camera stands and what it is."""

    position_m: tuple[float, float, float] | None = None
    """The script's if left out. That of the push was chosen by measurement: MediaPipe sees the hand in every frame,
    at least 3/4 of the box stays in sight."""
    target_m: tuple[float, float, float] | None = None
    focal_length_px: float = 620.0
    width: int = 640
    height: int = 480

    def camera(self, script: Script | None = None) -> Camera:
        """The camera itself, where the script or this configuration puts it."""
        return Camera.look_at(
            self.position_m or (script.camera_m if script else PUSH_CAMERA_M),
            self.target_m or (script.look_at_m if script else PUSH_LOOK_AT_M),
            focal_length_px=self.focal_length_px,
            width=self.width,
            height=self.height,
        )


@dataclass(frozen=True)
class DemonstratorConfiguration:
    """Everything that shapes the synthetic demonstration besides the task."""

    seed: int = 0
    """Of the sensor noise."""
    motion: MotionConfiguration = field(default_factory=MotionConfiguration)
    physics: PhysicsConfiguration = field(default_factory=PhysicsConfiguration)
    view: ViewConfiguration = field(default_factory=ViewConfiguration)
    sensor: SensorConfiguration = field(default_factory=SensorConfiguration)
    onset: OnsetConfiguration = field(default_factory=OnsetConfiguration)
    """Defines what the ground truth calls the pre-manipulation frame."""
    prompt_margin_px: float = 6.0
    """The prompt is the object's outline in frame 0, so much wider on each side."""


def demonstrate(
    task: Task,
    recording_folder: Path,
    ground_truth_folder: Path,
    configuration: DemonstratorConfiguration | None = None,
    progress: Progress | None = None,
) -> None:
    """Simulate and film the demonstration; the same seed gives the same pixels.

    Args:
        task: Object and scene.
        recording_folder: Where the Recording goes.
        ground_truth_folder: Where `ground_truth.npz` goes: `stamp_ns (T,)`, `T_world_object (T, 4, 4)`,
            `hand_joints_world (T, 21, 3)` [m], `premanipulation_index`, `contact_index`.
        configuration: Times, camera, sensor; the defaults when None.
        progress: Told how far it is.

    Raises:
        InputError: Bodies would pass through each other, the object would not move, the mesh is unusable,
            the machine cannot render, or the disk is full.
    """
    c = configuration or DemonstratorConfiguration()
    report = progress or _say_nothing
    report(0.0, "physics")
    script = None if task.script is None else load_script(task.script)
    episode = simulate(task, c.physics, c.motion) if script is None else play(task, script)
    premanipulation = premanipulation_index(episode.stamp_ns, episode.T_world_object, c.onset)
    stated = _stated(task, c)
    inputs = {"object_mesh": task.object.mesh}
    with writing(ground_truth_folder, GROUND_TRUTH_SCHEMA, inputs=inputs, configuration=stated) as artefact:
        np.savez(
            artefact.folder / GROUND_TRUTH,
            stamp_ns=episode.stamp_ns,
            T_world_object=episode.T_world_object,
            hand_joints_world=episode.hand_joints_world,
            premanipulation_index=premanipulation,
            contact_index=episode.contact_index,
        )
        artefact.quality |= {f"penetration_{name}_mm": 1e3 * m for name, m in episode.penetration_m.items()}
        travel = episode.T_world_object[-1, :3, 3] - episode.T_world_object[0, :3, 3]
        artefact.quality["object_travel_m"] = float(np.linalg.norm(travel))
    camera = c.view.camera(script)
    with RecordingWriter.create(
        recording_folder,
        camera_matrix=camera.camera_matrix,
        T_world_camera=camera.T_world_camera,
        camera_name="synthetic",
        inputs=inputs,
        configuration=stated,
    ) as writer:
        _film(episode, camera, RgbdSensor(camera, c.sensor, seed=c.seed), writer, report)
        vertices = read_obj_vertices(task.object.mesh)
        writer.set_prompt(Prompt(frame=0, box=_box_around(vertices, episode.T_world_object[0], camera, c)))


def is_demonstrated(
    task: Task,
    recording_folder: Path,
    ground_truth_folder: Path,
    configuration: DemonstratorConfiguration | None = None,
) -> bool:
    """Whether both artefacts exist and were made from this task and configuration."""
    stated = _stated(task, configuration or DemonstratorConfiguration())
    inputs = {"object_mesh": task.object.mesh}
    return is_current(recording_folder, RECORDING_SCHEMA, inputs=inputs, configuration=stated) and is_current(
        ground_truth_folder, GROUND_TRUTH_SCHEMA, inputs=inputs, configuration=stated
    )


def premanipulation_index(
    stamp_ns: npt.NDArray[np.int64], T_world_object: npt.NDArray[np.float64], onset: OnsetConfiguration
) -> int:
    """The frame `onset.premanipulation_offset_s` before the object's first true motion.

    The path is exact, so central differences over two frames replace the detector's fitted window:
    motion begins with the first frame faster than the threshold that stays so for `minimum_duration_s`.

    Raises:
        InputError: The object never moves.
    """
    time_s = stamp_ns * 1e-9
    speed = np.zeros(len(time_s))
    shift = np.linalg.norm(T_world_object[2:, :3, 3] - T_world_object[:-2, :3, 3], axis=1)
    turn = rotation_angle(T_world_object[:-2, :3, :3], T_world_object[2:, :3, :3])
    speed[1:-1] = (shift + onset.lever_arm_m * turn) / (time_s[2:] - time_s[:-2])
    fast = speed > onset.speed_threshold_m_s
    lasting = max(1, round(onset.minimum_duration_s / float(np.median(np.diff(time_s)))))
    for frame in range(len(fast) - lasting):
        if fast[frame : frame + lasting].all():
            return int(np.argmin(np.abs(time_s - (time_s[frame] - onset.premanipulation_offset_s))))
    raise InputError(
        "demonstration",
        "object motion",
        found=f"at most {speed.max():.3f} m/s",
        expected=f"more than {onset.speed_threshold_m_s} m/s",
        remedy="let the hand push further",
    )


def _box_around(
    vertices: npt.NDArray[np.float64], T: npt.NDArray[np.float64], camera: Camera, c: DemonstratorConfiguration
) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 [px] of the object's outline with a margin, inside the image."""
    pixels, _ = camera.project(vertices @ T[:3, :3].T + T[:3, 3])
    size = (c.view.width, c.view.height) * 2
    low, high = pixels.min(axis=0) - c.prompt_margin_px, pixels.max(axis=0) + c.prompt_margin_px
    x0, y0, x1, y1 = (float(np.clip(value, 0, edge - 1)) for value, edge in zip((*low, *high), size, strict=True))
    return x0, y0, x1, y1


def _film(episode: Episode, camera: Camera, sensor: RgbdSensor, writer: RecordingWriter, report: Progress) -> None:
    data = mujoco.MjData(episode.model)
    frames = len(episode.stamp_ns)
    with SceneRenderer(episode.model, camera) as renderer:
        for frame, stamp_ns in enumerate(episode.stamp_ns.tolist()):
            show(data, episode, frame)
            rgb, depth_m = renderer.render(data)
            writer.append(sensor.colour(rgb), sensor.depth(depth_m), stamp_ns)
            report((frame + 1) / frames, f"frame {frame + 1}/{frames}")


def _stated(task: Task, configuration: DemonstratorConfiguration) -> Mapping[str, Any]:
    """What shaped the recording, without paths: they differ between machines."""
    task_values = as_plain(task)
    for path in ("mesh", "parts"):
        task_values["object"].pop(path)
    return {
        "task": {name: task_values[name] for name in ("name", "object", "scene")},
        "script": None if task.script is None else as_plain(load_script(task.script)),
        "demonstrator": as_plain(configuration),
    }


def _say_nothing(fraction: float, note: str) -> None:
    """Progress for callers that want none."""
