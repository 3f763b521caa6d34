"""MuJoCo on CPU threads: `mujoco.batch.Batch`, one thread pool stepping n simulations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from h2s2r_perception.geometry import quat_wxyz_from_rotation
from h2s2r_sim.engines.engine import PARAMETERS, Array, EngineError, Ids

if TYPE_CHECKING:
    from h2s2r_sim.twin import Twin

_EXPANDED = ("body_mass", "body_inertia", "geom_friction", "actuator_gainprm", "actuator_biasprm")


class MujocoCpu:
    """The `Engine` on `mujoco.batch`.

    Results do not depend on the number of threads. The state views of the batch are live, therefore every
    accessor copies. Poses come from `qpos` itself, which is current after a step; MuJoCo's derived fields
    (`xpos`, `xmat`) would be one substep behind, so none is used.
    """

    def __init__(self, twin: Twin, num_environments: int, *, num_threads: int = 0) -> None:
        threads = num_threads or len(os.sched_getaffinity(0))
        self.num_environments = num_environments
        self.joint_names = twin.joint_names
        self.timestep_s = float(twin.model.opt.timestep)
        self._twin = twin
        self._batch = Batch(twin.model, nsim=num_environments, nthread=min(threads, num_environments))
        self._batch.reset()
        self._qpos, self._qvel = self._batch.bind("qpos"), self._batch.bind("qvel")
        self._ctrl, self._xfrc = self._batch.bind("ctrl"), self._batch.bind("xfrc_applied")
        self._warmstart, self._time = self._batch.bind("qacc_warmstart"), self._batch.bind("time")
        # Expanded before the first step: a later expansion would restart from the model's values.
        self._parameters = {name: self._batch.expand(name) for name in _EXPANDED}
        self._object_qpos = twin.object_qpos + np.arange(7)
        self._object_dofs = twin.object_dof + np.arange(6)

    def joint_state(self) -> tuple[Array, Array]:
        """Joint position [rad] and velocity [rad/s], each `(n, J)`."""
        return self._qpos[:, self._twin.joint_qpos], self._qvel[:, self._twin.joint_dofs]

    def object_pose(self) -> Array:
        """`T_world_object (n, 4, 4)`."""
        T = np.zeros((self.num_environments, 4, 4))
        T[:, :3, :3] = self._object_rotation()
        T[:, :3, 3] = self._qpos[:, self._object_qpos[:3]]
        T[:, 3, 3] = 1.0
        return T

    def object_velocity(self) -> Array:
        """Linear [m/s] and angular [rad/s] velocity of the object, world frame, `(n, 6)`."""
        velocity = self._qvel[:, self._object_dofs]
        # A free joint's angular velocity is in the body's frame; its linear velocity is in the world's.
        velocity[:, 3:] = np.einsum("nij,nj->ni", self._object_rotation(), velocity[:, 3:])
        return velocity

    def _object_rotation(self) -> Array:
        # MuJoCo keeps the quaternion at unit length. Often needed, so without the general function's checks:
        # R = (2 w^2 - 1) I + 2 v v^T + 2 w [v]x.
        w, x, y, z = self._qpos[:, self._object_qpos[3:]].T.copy()
        diagonal = 2.0 * w * w - 1.0
        x2, y2, z2 = 2.0 * x, 2.0 * y, 2.0 * z
        xy, xz, yz, wx, wy, wz = x2 * y, x2 * z, y2 * z, w * x2, w * y2, w * z2
        entries = [
            diagonal + x2 * x, xy - wz, xz + wy,
            xy + wz, diagonal + y2 * y, yz - wx,
            xz - wy, yz + wx, diagonal + z2 * z,
        ]  # fmt: skip
        return np.stack(entries, axis=-1).reshape(-1, 3, 3)

    def set_joint_target(self, joint_position: Array) -> None:
        """Set the servo targets `(n, J)` [rad]."""
        self._ctrl[:, self._twin.actuators] = joint_position

    def set_object_force(self, force: Array) -> None:
        """Set the external force `(n, 3)` [N, world frame] on the object."""
        self._xfrc[:, self._twin.object_body, :3] = force

    def step(self, substeps: int = 1) -> None:
        """Advance all simulations by `substeps` of `timestep_s`."""
        try:
            self._batch.step(nstep=substeps)
        except SimulationError as error:
            raise EngineError(str(error)) from error

    def reset(self, ids: Ids, joint_position: Array, T_world_object: Array) -> None:
        """Put simulations `ids` at rest at these joints `(k, J)` and object poses `(k, 4, 4)`."""
        at = np.asarray(ids)[:, None]
        self._qpos[ids] = self._twin.model.qpos0
        self._qpos[at, self._twin.joint_qpos] = joint_position
        self._qpos[at, self._object_qpos[:3]] = T_world_object[:, :3, 3]
        self._qpos[at, self._object_qpos[3:]] = quat_wxyz_from_rotation(T_world_object[:, :3, :3])
        self._ctrl[at, self._twin.actuators] = joint_position
        # The warm start is memory of the last episode: left in place, it would make episodes depend on it.
        for field in (self._qvel, self._xfrc, self._warmstart, self._time):
            field[ids] = 0.0

    def parameter(self, name: str) -> Array:
        """Read one of `PARAMETERS` back from the physics."""
        twin, values = self._twin, self._parameters
        if name == "object_mass_kg":
            return values["body_mass"][:, twin.object_body].copy()
        if name == "object_friction":
            return values["geom_friction"][:, twin.object_geoms[0], 0].copy()
        if name == "table_friction":
            return values["geom_friction"][:, twin.table_geom, 0].copy()
        if name == "stiffness":
            return values["actuator_gainprm"][:, twin.actuators, 0]
        if name == "damping":
            return -values["actuator_biasprm"][:, twin.actuators, 2]
        raise KeyError(f"{name}: not one of {PARAMETERS}")

    def set_parameters(self, ids: Ids, values: Mapping[str, Array]) -> None:
        """Set some `PARAMETERS` of simulations `ids`."""
        twin, fields, at = self._twin, self._parameters, np.asarray(ids)[:, None]
        for name, value in values.items():
            if name == "object_mass_kg":
                nominal = twin.model.body_mass[twin.object_body]
                inertia = twin.model.body_inertia[twin.object_body]
                fields["body_mass"][ids, twin.object_body] = value
                fields["body_inertia"][ids, twin.object_body] = inertia * (value / nominal)[:, None]
            elif name == "object_friction":
                fields["geom_friction"][at, twin.object_geoms, 0] = value[:, None]
            elif name == "table_friction":
                fields["geom_friction"][ids, twin.table_geom, 0] = value
            elif name == "stiffness":
                fields["actuator_gainprm"][at, twin.actuators, 0] = value
                fields["actuator_biasprm"][at, twin.actuators, 1] = -value
            elif name == "damping":
                fields["actuator_biasprm"][at, twin.actuators, 2] = -value
            else:
                raise KeyError(f"{name}: not one of {PARAMETERS}")
        if "object_mass_kg" in values:
            # Inverse weights of bodies and joints scale the contacts; they are constants of the model.
            self._batch.set_const(np.asarray(ids, dtype=np.int32))

    def state_dict(self) -> dict[str, Any]:
        """State rows (positions, velocities, targets, forces, time, solver memory) and parameters."""
        return {
            "mujoco": mujoco.__version__,
            "state": self._batch.state.copy(),
            "parameters": {name: field.copy() for name, field in self._parameters.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        if state["state"].shape != self._batch.state.shape:
            raise ValueError(f"state of shape {state['state'].shape}, expected {self._batch.state.shape}")
        for name, field in self._parameters.items():
            field[:] = state["parameters"][name]
        self._batch.set_const()
        self._batch.state[:] = state["state"]
