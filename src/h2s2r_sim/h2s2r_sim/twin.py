"""The digital twin: robot, scene and object in one MuJoCo model, with the options that were measured to hold.

Settings (measured in `facts/simulation.md` 1): the `discrete` integrator is implicit in the position servos'
gains, so steps of 1/60 s are stable with them; elliptic friction cones with `impratio` 10 keep a grasp from
slipping (0.4 mm against 15 mm); Newton converges in about four iterations; dense Jacobians are faster at
this size. Training steps at 60 Hz, one physics step for each step of the controller; evaluation halves the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_policy.rates import CONTROL_RATE_HZ

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_sim.task import Task

OBJECT_BODY = "object"
OBJECT_JOINT = "object_free"


@dataclass(frozen=True)
class PhysicsSettings:
    """How the twin is integrated."""

    rate_hz: float = CONTROL_RATE_HZ
    """A multiple of the controller's 60 Hz. 60 for training, 120 for evaluation."""
    solver_iterations: int = 10
    """Newton needs about four; a single one gives wrong contacts."""
    line_search_iterations: int = 20
    impratio: float = 10.0


@dataclass(frozen=True)
class Twin:
    """A compiled model and where in it things are.

    Attributes:
        model: The `mujoco.MjModel`.
        joint_names: `(J,)` robot joints in the embodiment's order; the index arrays follow it.
        joint_qpos: `(J,)` addresses in `qpos`.
        joint_dofs: `(J,)` addresses in `qvel`.
        actuators: `(J,)` position servos.
        object_body: The object.
        object_qpos: First of its seven addresses in `qpos`.
        object_dof: First of its six addresses in `qvel`.
        object_geoms: Its colliding geoms.
        table_geom: The table.
    """

    model: Any
    joint_names: tuple[str, ...]
    joint_qpos: NDArray[np.int64]
    joint_dofs: NDArray[np.int64]
    actuators: NDArray[np.int64]
    object_body: int
    object_qpos: int
    object_dof: int
    object_geoms: NDArray[np.int64]
    table_geom: int


def build_spec(task: Task, embodiment: Embodiment, settings: PhysicsSettings | None = None) -> Any:
    """Robot, scene and object as a `mujoco.MjSpec` that can still be added to (cameras, for instance)."""
    import mujoco

    from h2s2r_sim.scene import add_object, add_scene

    settings = settings or PhysicsSettings()
    spec = mujoco.MjSpec.from_file(str(embodiment.mjcf))
    add_scene(spec, task)
    add_object(spec, task)
    option = spec.option
    option.timestep = 1.0 / settings.rate_hz
    option.integrator = mujoco.mjtIntegrator.mjINT_DISCRETE
    option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    option.impratio = settings.impratio
    option.iterations = settings.solver_iterations
    option.ls_iterations = settings.line_search_iterations
    return spec


def build_twin(task: Task, embodiment: Embodiment, settings: PhysicsSettings | None = None) -> Twin:
    """Compile the twin and look up every name the engine needs.

    Raises:
        InputError: The embodiment's model lacks a joint, or a servo of its name and gains.
    """
    return index_twin(build_spec(task, embodiment, settings).compile(), tuple(embodiment.joint_names))


def index_twin(model: Any, joint_names: tuple[str, ...]) -> Twin:
    """Look up, by name, where joints, servos, object and table are in a compiled model."""
    import mujoco

    kinds = mujoco.mjtObj

    def find(kind: Any, name: str) -> int:
        index = int(mujoco.mj_name2id(model, kind, name))
        if index < 0:
            what = str(kind).rsplit("_", 1)[-1].lower()
            raise InputError("twin", f"{what} {name}", found="nothing", expected="one", remedy="correct the MJCF")
        return index

    joints = np.array([find(kinds.mjOBJ_JOINT, name) for name in joint_names])
    actuators = np.array([find(kinds.mjOBJ_ACTUATOR, name) for name in joint_names])
    for name, joint, actuator in zip(joint_names, joints, actuators, strict=True):
        driven = int(model.actuator_trnid[actuator, 0])
        is_servo = model.actuator_biasprm[actuator, 1] == -model.actuator_gainprm[actuator, 0] < 0.0
        if driven != joint or not is_servo:
            raise InputError(
                "twin", f"actuator {name}", found="another drive", expected="its position servo", remedy="correct it"
            )
    body = find(kinds.mjOBJ_BODY, OBJECT_BODY)
    free = find(kinds.mjOBJ_JOINT, OBJECT_JOINT)
    geoms = np.flatnonzero((model.geom_bodyid == body) & (model.geom_contype != 0))
    return Twin(
        model=model,
        joint_names=joint_names,
        joint_qpos=model.jnt_qposadr[joints].astype(np.int64),
        joint_dofs=model.jnt_dofadr[joints].astype(np.int64),
        actuators=actuators.astype(np.int64),
        object_body=body,
        object_qpos=int(model.jnt_qposadr[free]),
        object_dof=int(model.jnt_dofadr[free]),
        object_geoms=geoms.astype(np.int64),
        table_geom=find(kinds.mjOBJ_GEOM, "table"),
    )
