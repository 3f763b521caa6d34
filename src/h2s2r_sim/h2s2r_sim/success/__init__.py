"""What counts as having done a task: stages, each a statement about where the object is, and their credit."""

from h2s2r_sim.success.stage import Over, StageSpec, Upright, Within
from h2s2r_sim.success.surface import surface_points
from h2s2r_sim.success.watch import StageWatch

__all__ = ["Over", "StageSpec", "StageWatch", "Upright", "Within", "surface_points"]
