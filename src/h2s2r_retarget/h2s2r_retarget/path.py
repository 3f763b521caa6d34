"""The whole demonstration as a path of the robot, which the baselines replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.hand_path import HandPath
from h2s2r_retarget.hand_scale import average_tips
from h2s2r_retarget.human_hand import fingertip_directions, fingertip_targets, palm_target
from h2s2r_retarget.time_scaling import paced
from h2s2r_retarget.two_step_ik import TwoStepSolution, TwoStepSolver

Array = NDArray[np.float64]

_GRID_HZ = 120.0
"""How finely limits are looked at along the recording,"""
_LEAST_PARTS = 8
"""and between two solutions at least."""


@dataclass(frozen=True, eq=False)
class RobotPath:
    """Robot postures over time, close enough to be linear in between."""

    stamp_s: Array
    """`(M,)`, from 0."""
    joint_position: Array
    """`(M, J)` rad, within the limits."""
    T_world_palm: Array
    """`(M, 4, 4)`."""


@dataclass(frozen=True, eq=False)
class PathTargets:
    """What the robot's hand is to do in each of K frames."""

    T_world_palm: Array
    """`(K, 4, 4)`."""
    fingertips: Array
    """`(K, F, 3)` m, world."""
    fingertip_directions: Array
    """`(K, F, 3)` unit, world."""
    T_world_object: Array
    """`(K, 4, 4)`."""


def path_targets(hand: HandPath, embodiment: Embodiment, *, average_hand: bool) -> PathTargets:
    """The human's hand as targets; `average_hand` brings its tips to where an average hand's are (`hand_scale`)."""
    palms = palm_target(hand.hand_joints, embodiment)
    tips = fingertip_targets(hand.hand_joints, embodiment)
    if average_hand:
        tips = average_tips(tips, palms, hand.hand_size)
    return PathTargets(palms, tips, fingertip_directions(hand.hand_joints, embodiment), hand.T_world_object)


def solve_path(
    solver: TwoStepSolver, start: TwoStepSolution, targets: PathTargets, frames: Sequence[int]
) -> list[TwoStepSolution]:
    """Two-step solutions of some frames of the hand's path; the first is `start`.

    Each starts from the one before, so that the arm keeps to one branch.
    """
    solutions = [start]
    for frame in frames[1:]:
        solutions.append(
            solver.follow(
                solutions[-1],
                targets.T_world_palm[frame],
                targets.fingertips[frame],
                targets.T_world_object[frame],
                fingertip_directions=targets.fingertip_directions[frame],
            )
        )
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
    acceleration_share: float,
    rate_hz: float,
) -> RobotPath:
    """A smooth path through the solutions, at rest at both ends; where a joint would be too fast, time is stretched.

    Between solutions every joint goes monotonically (Fritsch and Carlson's cubic), so it stays within the limits that
    the solutions keep. See `time_scaling`.

    Args:
        solver: Its kinematics give the palm's path.
        solutions: One for each stamp.
        stamp_s: `(K,)` s, increasing.
        velocity_share: Share of the joints' velocity limits that may be used, arm and hand.
        acceleration_share: Share of their acceleration limits.
        rate_hz: Of the result.
    """
    from scipy.interpolate import PchipInterpolator

    limits = solver.embodiment.limits
    recorded = stamp_s - stamp_s[0]
    curve = PchipInterpolator(recorded, np.stack([solution.joint_position for solution in solutions]))
    parts = [max(_LEAST_PARTS, round(length * _GRID_HZ)) for length in np.diff(recorded)]
    pieces = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(recorded, recorded[1:], parts, strict=False)]
    grid = np.append(np.concatenate(pieces), recorded[-1])
    # Just inside each interval: at a solution the second derivative jumps.
    inside = 1e-6 * np.diff(grid)
    begin, end = grid[:-1] + inside, grid[1:] - inside
    pace = paced(
        grid,
        (curve(begin, 1), curve(end, 1)),
        (curve(begin, 2), curve(end, 2)),
        velocity_share * limits.velocity,
        acceleration_share * limits.acceleration,
    )
    count = int(np.floor(pace.time_s[-1] * rate_hz + 1e-9)) + 1
    times = np.append(np.arange(count) / rate_hz, pace.time_s[-1])
    times = times[np.append(True, np.diff(times) > 1e-9)]
    path = np.clip(curve(pace.at(times)), limits.lower, limits.upper)
    return RobotPath(times, path, np.asarray(solver.kinematics.palm(path).T_world_palm))
