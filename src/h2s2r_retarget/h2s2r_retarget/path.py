"""The whole demonstration as a path of the robot, which the baselines replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.hand_path import HandPath
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.two_step_ik import TwoStepSolution, TwoStepSolver

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RobotPath:
    """Robot postures over time, linear in between."""

    stamp_s: Array
    """`(M,)`, from 0."""
    joint_position: Array
    """`(M, J)` rad, within the limits."""
    T_world_palm: Array
    """`(M, 4, 4)`."""


def solve_path(solver: TwoStepSolver, start: TwoStepSolution, hand: HandPath, *, every: int) -> list[TwoStepSolution]:
    """Two-step solutions of every so many frames of the hand's path; the first is `start`.

    Each starts from the one before, so that the arm keeps to one branch.
    """
    solutions = [start]
    palms = palm_target(hand.hand_joints, solver.embodiment)
    tips = fingertip_targets(hand.hand_joints, solver.embodiment)
    for frame in knots(hand, every)[1:]:
        solutions.append(solver.follow(solutions[-1], palms[frame], tips[frame], hand.T_world_object[frame]))
    return solutions


def knots(hand: HandPath, every: int) -> list[int]:
    """The frames that are solved: every so many, and the last."""
    last = len(hand.stamp_s) - 1
    return [*range(0, last, every), last]


def timed_path(
    solver: TwoStepSolver,
    solutions: Sequence[TwoStepSolution],
    stamp_s: Array,
    *,
    velocity_share: float,
    rate_hz: float,
) -> RobotPath:
    """Resample solutions at a rate; where a joint would be too fast, time is stretched.

    Args:
        solver: Its kinematics give the palm's path.
        solutions: One for each stamp.
        stamp_s: `(K,)` s, increasing.
        velocity_share: Share of the joints' velocity limits that may be used, arm and hand.
        rate_hz: Of the result.
    """
    postures = np.stack([solution.joint_position for solution in solutions])
    stretched = stretched_stamps(solver.embodiment, postures, stamp_s, velocity_share)
    count = int(np.floor((stretched[-1] - stretched[0]) * rate_hz + 1e-9)) + 1
    times = np.append(np.arange(count) / rate_hz, stretched[-1] - stretched[0])
    times = times[np.append(True, np.diff(times) > 1e-9)]
    columns = [np.interp(times, stretched - stretched[0], column) for column in postures.T]
    path = np.stack(columns, axis=1)
    return RobotPath(times, path, np.asarray(solver.kinematics.palm(path).T_world_palm))


def stretched_stamps(embodiment: Embodiment, postures: Array, stamp_s: Array, velocity_share: float) -> Array:
    """Stamps `(K,)` s at which no joint exceeds its share of the velocity limit between two postures."""
    needed = np.abs(np.diff(postures, axis=0)) / (velocity_share * embodiment.limits.velocity)
    steps = np.maximum(np.diff(stamp_s), needed.max(axis=1))
    return np.asarray(stamp_s[0] + np.concatenate([[0.0], np.cumsum(steps)]))
