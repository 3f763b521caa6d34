"""The robot and its surroundings as the ROS graph meets them: one twin, stepped at the controller's rate.

It is another simulation than the one the policy was trained in: twice the physics rate, its own start poses,
masses and frictions, and the object's pose is known only through the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_policy.interface import joint_limits
from h2s2r_policy.rates import CONTROL_RATE_HZ
from h2s2r_sim.contact_check import ContactCheck
from h2s2r_sim.engines import make_engine
from h2s2r_sim.randomisation import TABLE
from h2s2r_sim.resets import PalmSolver, StartSampler
from h2s2r_sim.twin import PhysicsSettings, build_twin

if TYPE_CHECKING:
    import mujoco

    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_sim.reference import Reference
    from h2s2r_sim.task import Task

Array = NDArray[np.float64]

PHYSICS_RATE_HZ = 120.0
RANDOMISED = {
    "object_mass": "object_mass_kg",
    "object_friction": "object_friction",
    "table_friction": "table_friction",
}
"""Rows of the randomisation table that vary from trial to trial -> the engine's parameter."""


class Starts(Protocol):
    """Where trials start."""

    def draw(self, count: int) -> tuple[Array, Array]:
        """Joints `(count, J)` [rad] and object poses `(count, 4, 4)`."""


@dataclass(frozen=True, eq=False)
class FixedStart:
    """The start of every trial, where nobody asks for another: robot and object at rest."""

    joint_position: Array
    """`(J,)` rad."""
    T_world_object: Array
    """`(4, 4)`, about; where it comes to rest is looked for."""


class SimulatedRobot:
    """One robot with its task; remembers the physics state, the last command and the source of its draws.

    Args:
        task: Object, scene and start ranges.
        embodiment: The robot.
        start: Where object and hand start: around the demonstration's start, or always at the same place.
        seed: Of start poses, masses and frictions; the k-th reset of equal seeds is equal.
    """

    def __init__(self, task: Task, embodiment: Embodiment, start: Reference | FixedStart, *, seed: int) -> None:
        self._twin = build_twin(task, embodiment, PhysicsSettings(rate_hz=PHYSICS_RATE_HZ))
        self._engine = make_engine("mujoco_cpu", self._twin, 1, num_threads=1)
        self._nominal = {name: self._engine.parameter(name) for name in RANDOMISED.values()}
        self._rows = [row for row in TABLE if row.name in RANDOMISED]
        limits = joint_limits(embodiment)
        self._lower, self._upper = np.asarray(limits.position_lower), np.asarray(limits.position_upper)
        starts, self._rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
        check = ContactCheck(self._twin)
        T_world_object = check.resting_pose(start.joint_position, start.T_world_object)
        self._starts: Starts
        if isinstance(start, FixedStart):
            self._starts = _AlwaysTheSame(start.joint_position, T_world_object)
        else:
            self._starts = StartSampler(
                task.reset,
                T_world_object,
                start.T_object_palm,
                start.joint_position,
                self._lower,
                self._upper,
                embodiment.like_a_radian,
                PalmSolver(embodiment),
                check.free,
                starts,
            )
        self.joint_names = self._twin.joint_names
        self.reset()

    @property
    def model(self) -> mujoco.MjModel:
        """For rendering."""
        return self._twin.model

    @property
    def parameters(self) -> dict[str, float]:
        """What was drawn at the last reset, read back from the physics."""
        return {name: float(self._engine.parameter(name)[0]) for name in RANDOMISED.values()}

    def reset(self) -> None:
        """Start the next trial: new object pose, the hand behind it, new masses and frictions, all at rest."""
        joint_position, T_world_object = self._starts.draw(1)
        factors = {RANDOMISED[row.name]: row.draw(self._rng, 1, len(self.joint_names)) for row in self._rows}
        everything = np.array([0])
        self._engine.set_parameters(everything, {name: f * self._nominal[name] for name, f in factors.items()})
        self._engine.reset(everything, joint_position, T_world_object)
        self._engine.set_joint_target(joint_position)

    def joint_state(self) -> tuple[Array, Array]:
        """Position [rad or m] and velocity [rad/s or m/s], each `(J,)`, joints as in `joint_names`."""
        position, velocity = self._engine.joint_state()
        return position[0], velocity[0]

    @property
    def T_world_object(self) -> Array:
        """`(4, 4)`, the truth."""
        pose: Array = self._engine.object_pose()[0]
        return pose

    def command(self, joint_position: Array) -> None:
        """Set the servo targets `(J,)` [rad]; they hold until the next command.

        Raises:
            InputError: A number is not finite. The old targets stay.
        """
        if not np.isfinite(joint_position).all():
            joint = self.joint_names[int(np.argmin(np.isfinite(joint_position)))]
            raise InputError("/joint_command", joint, found="NaN", expected="an angle", remedy="check the controller")
        self._engine.set_joint_target(np.clip(joint_position, self._lower, self._upper)[None])

    def step(self) -> None:
        """Advance by one tick of the controller, 1/60 s."""
        self._engine.step(round(PHYSICS_RATE_HZ / CONTROL_RATE_HZ))

    def pose_for_rendering(self, data: mujoco.MjData) -> None:
        """Put robot and object of `data` (of `model`) where they are now and update its kinematics."""
        import mujoco

        data.qpos[self._twin.joint_qpos] = self.joint_state()[0]
        T, first = self.T_world_object, self._twin.object_qpos
        data.qpos[first : first + 3] = T[:3, 3]
        data.qpos[first + 3 : first + 7] = quat_wxyz_from_rotation(T[:3, :3])
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_camlight(self.model, data)


@dataclass(frozen=True, eq=False)
class _AlwaysTheSame:
    joint_position: Array
    T_world_object: Array

    def draw(self, count: int) -> tuple[Array, Array]:
        return np.tile(self.joint_position, (count, 1)), np.tile(self.T_world_object, (count, 1, 1))


def open_simulated_robot(task: Task, run_folder: Path, *, seed: int) -> SimulatedRobot:
    """The simulated robot of a run: its demonstration says where the object is, its retargeting where the hand.

    Raises:
        InputError: An artefact is missing or unusable.
    """
    from h2s2r_retarget.embodiment import load_embodiment
    from h2s2r_sim.reference import load_reference

    embodiment = load_embodiment(task.embodiment)
    reference = load_reference(run_folder / "demonstration", run_folder / "retargeting", embodiment)
    return SimulatedRobot(task, embodiment, reference, seed=seed)


def open_robot_at_home(task: Task, demonstration_folder: Path | None, *, seed: int) -> SimulatedRobot:
    """The task's robot at home, with the object where a demonstration found it, or else in the middle of the table.

    Raises:
        InputError: The demonstration is unusable.
    """
    from h2s2r_perception.demonstration import Demonstration
    from h2s2r_retarget.embodiment import load_embodiment
    from h2s2r_sim.scene import read_obj_vertices

    embodiment = load_embodiment(task.embodiment)
    if demonstration_folder is not None:
        T_world_object = Demonstration.load(demonstration_folder).premanipulation_object
    else:
        lowest = read_obj_vertices(task.object.mesh)[:, 2].min()
        T_world_object = np.eye(4)
        T_world_object[:2, 3] = task.scene.table.position_m[:2]
        T_world_object[2, 3] = task.scene.table_height_m - lowest
    return SimulatedRobot(task, embodiment, FixedStart(np.array(embodiment.home), T_world_object), seed=seed)
