"""A task is one YAML file: which object, which scene, what counts as success, how episodes start."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from h2s2r_perception.artefact import InputError, load_configuration
from h2s2r_sim.fixtures import BoxSpec, FixtureSpec
from h2s2r_sim.success import StageSpec

YAML_SUFFIXES = frozenset({".yaml", ".yml"})
"""What tells a file from a bundled name."""


@dataclass(frozen=True)
class ObjectSpec:
    """The manipulated object."""

    mesh: Path
    """OBJ file in metres, origin at the centre of mass; relative paths start at the task file."""
    mass_kg: float
    friction: float
    """Sliding friction coefficient of its surface."""
    symmetry: str = "none"
    """`none`, or `yaw` when any turn about the object's z axis looks the same."""
    collision: str = "box"
    """`box` (the mesh's bounding box), `hull` (its convex hull) or `parts` (convex parts, one OBJ each)."""
    parts: Path | None = None
    """Folder of the convex parts, in the mesh's frame; `h2s2r twin object` makes it."""
    inertia_kg_m2: tuple[float, float, float, float, float, float] | None = None
    """Ixx, Iyy, Izz, Ixy, Ixz, Iyz about the mesh's origin; a solid box of the mesh's size if absent."""


@dataclass(frozen=True)
class SceneSpec:
    """What does not move: the table, whose upper face carries the object, and boxes and fixtures on it."""

    table: BoxSpec
    statics: tuple[BoxSpec, ...] = ()
    fixtures: tuple[FixtureSpec, ...] = ()

    @property
    def obstacles(self) -> tuple[BoxSpec, ...]:
        """Everything on the table as boxes: the statics, and what the fixtures are made of."""
        return (*self.statics, *(box for fixture in self.fixtures for box in fixture.boxes()))

    @property
    def table_height_m(self) -> float:
        """Height of the table's upper face above the robot base."""
        return self.table.position_m[2] + self.table.size_m[2] / 2


@dataclass(frozen=True)
class SuccessSpec:
    """Strict success: the final mean anchor distance is below the limit and the object was never lost.

    The stages are the task's own meaning, for credit: a mean over episodes of the share of stages reached.
    """

    final_anchor_distance_m: float = 0.03
    lost_anchor_distance_m: float = 0.25
    """An object this far from its goal is lost: the episode ends as a failure."""
    stages: tuple[StageSpec, ...] = ()


@dataclass(frozen=True)
class ResetSpec:
    """Start poses: uniform around the demonstrated one."""

    position_m: float = 0.03
    """Half range of x and y."""
    yaw_rad: float = 0.15
    joint_rad: float = 0.035
    """Half range of each joint around the pre-manipulation configuration (2 deg, as published); a joint that
    slides moves by `Embodiment.like_a_radian` as much."""


@dataclass(frozen=True)
class Task:
    """Everything that distinguishes one task from another."""

    name: str
    embodiment: str
    """The robot unless another is asked for: the name of a bundled embodiment, or the file of one."""
    object: ObjectSpec
    scene: SceneSpec
    success: SuccessSpec = SuccessSpec()
    reset: ResetSpec = ResetSpec()
    script: Path | None = None
    """Of the synthetic demonstration (`demonstrator.script`), beside the task file; without one, a plain push."""

    def __post_init__(self) -> None:
        """Refuse values that no task can mean."""
        if self.object.symmetry not in {"none", "yaw"}:
            self._refuse("object.symmetry", self.object.symmetry, "none or yaw")
        if self.object.collision not in {"box", "hull", "parts"}:
            self._refuse("object.collision", self.object.collision, "box, hull or parts")
        if (self.object.parts is None) == (self.object.collision == "parts"):
            self._refuse("object.parts", str(self.object.parts), "a folder when collision is parts, else nothing")
        if not self.object.mass_kg > 0.0:
            self._refuse("object.mass_kg", str(self.object.mass_kg), "a positive mass")
        bodies = [box.name for box in (self.scene.table, *self.scene.obstacles)]
        if len(set(bodies)) < len(bodies):
            self._refuse("scene", "a name twice", "names that differ")
        for stage in self.success.stages:
            stage.check(self.name, bodies)
        moments = [stage.when for stage in self.success.stages]
        if moments != sorted(moments, reverse=True):  # "once" comes before "end"
            self._refuse("success.stages", "a stage of `once` after one of the `end`", "those of the end last")

    def _refuse(self, field: str, found: str, expected: str) -> None:
        raise InputError(f"task {self.name}", field, found=found, expected=expected, remedy="correct the task file")


def load_task(name_or_path: str | Path, embodiment: str | None = None) -> Task:
    """Load a bundled task by name (`snackbox_push`) or any task by its file.

    Args:
        name_or_path: Which.
        embodiment: A robot in the place of the task's own: a name, or a file relative to the working folder.

    Raises:
        InputError: There is no such task, or the file is not a valid one.
    """
    path = Path(name_or_path)
    if path.suffix not in YAML_SUFFIXES:
        bundled = Path(str(resources.files("h2s2r_sim"))) / "tasks"
        path = bundled / f"{name_or_path}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in bundled.glob("*.yaml")))
            raise InputError(
                str(name_or_path), "task", found="an unknown name", expected=f"one of {known}", remedy="or give a .yaml"
            )
    task = load_configuration(Task, path)
    mesh = (path.parent / task.object.mesh).resolve()
    parts = None if task.object.parts is None else (path.parent / task.object.parts).resolve()
    script = None if task.script is None else (path.parent / task.script).resolve()
    robot = embodiment or _beside(path, task.embodiment)
    manipulated = dataclasses.replace(task.object, mesh=mesh, parts=parts)
    return dataclasses.replace(task, embodiment=robot, object=manipulated, script=script)


def _beside(task_file: Path, embodiment: str) -> str:
    """A robot's name as it is, its file made absolute: relative paths start at the task file."""
    return str((task_file.parent / embodiment).resolve()) if Path(embodiment).suffix in YAML_SUFFIXES else embodiment
