"""What the environment needs of a physics engine, in the robot's terms and not the simulator's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

PARAMETERS = ("object_mass_kg", "object_friction", "table_friction", "stiffness", "damping")
"""Physical parameters every engine can set for each simulation on its own.

`object_mass_kg (n,)`, with the inertia scaled alike; `object_friction (n,)` and `table_friction (n,)`,
sliding coefficients; `stiffness (n, J)` [Nm/rad] and `damping (n, J)` [Nm s/rad] of the joint servos.
"""


class EngineError(RuntimeError):
    """The physics of some simulations went wrong (it diverged, or a warning rose)."""


class Engine(Protocol):
    """A batch of `n` simulations of one robot with J servo joints and one free object.

    Arrays go in and come out by value: the caller may keep or change what it gets. Joint arrays are in the
    order of `joint_names`, in rad or, for a joint that slides, m; poses are in the world frame (robot base, z up).
    """

    num_environments: int
    joint_names: tuple[str, ...]
    timestep_s: float

    def joint_state(self) -> tuple[Array, Array]:
        """Joint position [rad or m] and velocity [rad/s or m/s], each `(n, J)`, after the last step."""
        ...

    def object_pose(self) -> Array:
        """`T_world_object (n, 4, 4)` after the last step."""
        ...

    def object_velocity(self) -> Array:
        """Linear [m/s] and angular [rad/s] velocity of the object in the world frame, `(n, 6)`."""
        ...

    def set_joint_target(self, joint_position: Array) -> None:
        """Set the servo targets `(n, J)` [rad] held until they are set again."""
        ...

    def set_object_force(self, force: Array) -> None:
        """Set the external force `(n, 3)` [N, world frame] at the object's centre, held until set again."""
        ...

    def step(self, substeps: int = 1) -> None:
        """Advance all simulations by `substeps` of `timestep_s`.

        Raises:
            EngineError: Some simulations diverged.
        """
        ...

    def reset(self, ids: Ids, joint_position: Array, T_world_object: Array) -> None:
        """Put simulations `ids (k,)` at rest at these joints `(k, J)` and object poses `(k, 4, 4)`.

        The servo targets become the joint positions; forces and solver memory are cleared. Parameters stay.
        """
        ...

    def parameter(self, name: str) -> Array:
        """Read one of `PARAMETERS` back from the physics, for all simulations."""
        ...

    def set_parameters(self, ids: Ids, values: Mapping[str, Array]) -> None:
        """Set some `PARAMETERS` of simulations `ids`; constants derived from them follow."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to continue bit-identically: state, parameters, solver memory."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict` of an engine built from the same twin."""
        ...
