"""Our two-step solver, asked as the peers are, and for many hands at once."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.solutions import TwoStepSolutions
from h2s2r_retarget.two_step_ik import TwoStepSolver
from h2s2r_sim.retarget_bench.bare_model import bare_urdf
from h2s2r_sim.retarget_bench.targets import Array, Targets, at_home


class Ours:
    """Two-step IK with its defaults: many arm postures, then the fingers, from the best of many hand postures.

    Args:
        embodiment: The robot.
        world: The scene.
        bare: Give it the robot that the peers get, which has no shapes: nothing is looked at that they do not look
            at, not even whether fingers go through each other.
    """

    def __init__(self, embodiment: Embodiment, world: CollisionWorld, *, bare: bool = False) -> None:
        self._embodiment = embodiment
        with tempfile.TemporaryDirectory() as folder:
            if bare:
                urdf = Path(folder) / "bare.urdf"
                urdf.write_text(bare_urdf(embodiment, embodiment.base_frame), encoding="utf-8")
                embodiment = replace(embodiment, urdf=urdf)
            self._solver = TwoStepSolver(embodiment, world)

    def hands(self, targets: Targets) -> Array:
        """Hand postures `(N, H)`, the palm standing at home; the arm's step is part of the call and finds it there."""
        posed = at_home(self._embodiment, targets)
        found = self._solver.solve_many(posed.T_world_palm, posed.fingertips_world, None, arm_seeds=1)
        return found.joint_position[:, self._embodiment.arm_dof :]

    def arms_and_hands(self, targets: Targets) -> TwoStepSolutions:
        """Postures of the whole robot for all hands."""
        return self._solver.solve_many(targets.T_world_palm, targets.fingertips_world, None)
