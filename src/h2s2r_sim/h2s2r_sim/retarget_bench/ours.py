"""Our two-step solver behind the peers' interface, and for many hands at once."""

from __future__ import annotations

from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.solutions import TwoStepSolutions
from h2s2r_retarget.two_step_ik import TwoStepSolver
from h2s2r_sim.retarget_bench.targets import Array, Targets, at_home


class Ours:
    """Two-step IK with its defaults: many arm postures, self-collision looked at, then the fingers.

    Args:
        embodiment: The robot.
        world: The scene; none for the comparison with peers, who look at none.
    """

    def __init__(self, embodiment: Embodiment, world: CollisionWorld | None = None) -> None:
        self._embodiment = embodiment
        self._solver = TwoStepSolver(embodiment, CollisionWorld() if world is None else world)

    def hands(self, targets: Targets) -> Array:
        """Hand postures `(N, H)`, the palm standing at home; the arm's step is part of the call and finds it there."""
        posed = at_home(self._embodiment, targets)
        found = self._solver.solve_many(posed.T_world_palm, posed.fingertips_world, None, arm_seeds=1)
        return found.joint_position[:, self._embodiment.arm_dof :]

    def arms_and_hands(self, targets: Targets) -> TwoStepSolutions:
        """Postures of the whole robot for all hands."""
        return self._solver.solve_many(targets.T_world_palm, targets.fingertips_world, None)
