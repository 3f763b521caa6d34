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
from h2s2r_sim.rendering import Camera, RgbdSensor, SceneRenderer, SensorConfiguration
from h2s2r_sim.task import Task

GROUND_TRUTH_SCHEMA = Schema("ground_truth", 1)

Progress = Callable[[float, str], None]
"""Called with the fraction done, in [0, 1], and a note for people."""


@dataclass(frozen=True)
class ViewConfiguration:
    """Where the camera stands and what it is."""

    position_m: tuple[float, float, float] = (1.02, -0.62, 0.85)
    """Chosen by measurement: MediaPipe sees the hand in every frame, at least 3/4 of the box stays in sight."""
    target_m: tuple[float, float, float] = (0.56, -0.05, 0.20)
    focal_length_px: float = 620.0
    width: int = 640
    height: int = 480

    def camera(self) -> Camera:
        """The camera itself."""
        return Camera.look_at(
            self.position_m,
            self.target_m,
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
    prompt_box: tuple[float, float, float, float] = (206.0, 219.0, 392.0, 382.0)
    """Drawn once by hand round the box in frame 0 [px]: x0, y0, x1, y1."""


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
    episode = simulate(task, c.physics, c.motion)
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
    camera = c.view.camera()
    with RecordingWriter.create(
        recording_folder,
        camera_matrix=camera.camera_matrix,
        T_world_camera=camera.T_world_camera,
        camera_name="synthetic",
        inputs=inputs,
        configuration=stated,
    ) as writer:
        _film(episode, camera, RgbdSensor(camera, c.sensor, seed=c.seed), writer, report)
        writer.set_prompt(Prompt(frame=0, box=c.prompt_box))


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
    task_values["object"].pop("mesh")
    return {
        "task": {name: task_values[name] for name in ("name", "object", "scene")},
        "demonstrator": as_plain(configuration),
    }


def _say_nothing(fraction: float, note: str) -> None:
    """Progress for callers that want none."""
