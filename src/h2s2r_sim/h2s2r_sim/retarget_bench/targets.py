"""What is asked of everybody: the palm and fingertips of random human hands, in the world and in the palm's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.collision import BoxObstacle, CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.reachable_hands import random_hands

Array = NDArray[np.float64]

_TABLE_M = (0.8, 1.4, 0.05)
_TABLE_CENTRE = (0.65, 0.0, 0.13)
"""The bundled task's table."""


@dataclass(frozen=True, eq=False)
class Targets:
    """N human hands, as targets for one robot."""

    T_world_palm: Array
    """`(N, 4, 4)`."""
    fingertips_world: Array
    """`(N, F, 3)` m."""
    fingertips_palm: Array
    """`(N, F, 3)` m, in the frame of `T_world_palm`."""

    def __len__(self) -> int:
        return len(self.T_world_palm)

    def __getitem__(self, rows: slice) -> Targets:
        return Targets(self.T_world_palm[rows], self.fingertips_world[rows], self.fingertips_palm[rows])


def random_targets(embodiment: Embodiment, count: int, seed: int, world: CollisionWorld) -> Targets:
    """Hands that the palm is known to reach without touching the fixed parts of `world`."""
    hands = random_hands(embodiment, count, seed, world=world)
    T, tips = palm_target(hands, embodiment), fingertip_targets(hands, embodiment)
    return Targets(T, tips, in_frame(T, tips))


def at_home(embodiment: Embodiment, targets: Targets) -> Targets:
    """The same fingertips round the palm where it is at home: the question for the hand alone."""
    T = np.asarray(BatchedKinematics(embodiment).forward(embodiment.home[None].copy()).T_world_palm[0])
    tips = targets.fingertips_palm @ T[:3, :3].T + T[:3, 3]
    return Targets(np.tile(T, (len(targets), 1, 1)), tips, targets.fingertips_palm)


def in_frame(T_world_frame: Array, points: Array) -> Array:
    """Points `(N, F, 3)` m of the world in frames `(N, 4, 4)`."""
    return np.asarray((points - T_world_frame[:, None, :3, 3]) @ T_world_frame[:, :3, :3])


def table() -> CollisionWorld:
    """A table before the robot, for the hands that must be met without touching it."""
    T = np.eye(4)
    T[:3, 3] = _TABLE_CENTRE
    return CollisionWorld(statics=(BoxObstacle("table", _TABLE_M, T),))
