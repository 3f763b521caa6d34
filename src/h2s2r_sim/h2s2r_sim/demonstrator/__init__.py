"""The synthetic demonstrator: a jointed human hand shows the task to a simulated RGB-D camera."""

from h2s2r_sim.demonstrator.demonstrate import (
    DemonstratorConfiguration,
    demonstrate,
    is_demonstrated,
    premanipulation_index,
)

__all__ = ["DemonstratorConfiguration", "demonstrate", "is_demonstrated", "premanipulation_index"]
