"""Hand synergies of a robot, computed: `python -m h2s2r_retarget.synergies NAME|FILE` prints the section of its YAML.

The human hands of `human_grasps` are followed by the robot's fingers, the palm at home: least squares in tips,
directions of the last links and, a little, closeness to the home posture, so that every hand has one answer and the
answers change smoothly. (`finger_ik` serves one hand well, collisions and all; here the hands have to agree.)
The principal components of the hand postures found are the synergies: the first few, until they explain 95 % of the
variance, at most five. A joint that slides counts by `Embodiment.like_a_radian`. The first is turned so that it closes
the hand as the human's closes, the others so that their largest entry is positive. Ranges are the data's 5th and 95th
percentiles, so that the centre is a half-closed hand; coordinates are scaled so that half a range is `HALF_RANGE`,
which the policy crosses in ten steps there and back.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, transform_points
from h2s2r_retarget.embodiment import Embodiment, load_embodiment
from h2s2r_retarget.finger_task import FingerModel
from h2s2r_retarget.human_grasps import Grasps, human_grasps
from h2s2r_retarget.human_hand import fingertip_directions, fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]

EXPLAINED = 0.95
MOST = 5
HALF_RANGE = 1.25
_PERCENTILES = (5.0, 95.0)
_DIRECTION_M = 0.02
"""A radian of direction counts like so much of a tip's way,"""
_HOME_M = 0.005
"""and a radian from home like so much."""
_ITERATIONS = 40
_DAMPING_M2 = 1e-5
_LARGEST_STEP = 0.2
"""[rad], or as much of a joint that slides."""
_DIFFERENCE = 1e-6


@dataclass(frozen=True, eq=False)
class Synergies:
    """As the YAML holds them: hand = mean + sum of coordinate times row."""

    mean: Array
    """`(H,)` rad or m."""
    basis: Array
    """`(S, H)` rad or m per unit."""
    centre: Array
    """`(S,)`."""
    variance_explained: Array
    """`(S,)` shares."""


def grasp_postures(embodiment: Embodiment, grasps: Grasps) -> Array:
    """Hand postures `(N, H)` rad or m in which the robot's tips are at the human's, or as near as they get."""
    kinematics = BatchedKinematics(embodiment)
    T_palm = np.asarray(kinematics.palm(embodiment.home[None].copy()).T_world_palm)[0]
    T = T_palm @ np.asarray(inverse(palm_target(grasps.joints, embodiment)))
    hands = np.asarray(transform_points(T, grasps.joints))
    fingers = FingerModel(kinematics)
    wanted = _stacked(fingertip_targets(hands, embodiment), fingertip_directions(hands, embodiment))
    hand, unit = slice(embodiment.arm_dof, embodiment.dof), embodiment.like_a_radian[embodiment.arm_dof :]
    lower, upper = embodiment.limits.lower[hand] / unit, embodiment.limits.upper[hand] / unit
    home = embodiment.home[hand] / unit

    def reached(u: Array) -> Array:
        posture = np.tile(embodiment.home, (len(u), 1))
        posture[:, hand] = u * unit
        tips, directions = fingers.tips(kinematics.joints(posture))
        return _stacked(tips.transpose(2, 1, 0), directions.transpose(2, 1, 0))

    u = np.tile(home, (len(hands), 1))
    for _ in range(_ITERATIONS):
        here = reached(u)
        moved = [(reached(u + _DIFFERENCE * row) - here) / _DIFFERENCE for row in np.eye(len(home))]
        J = np.stack(moved, axis=2)
        A = np.einsum("nij,nik->njk", J, J) + (_HOME_M**2 + _DAMPING_M2) * np.eye(len(home))
        b = np.einsum("nij,ni->nj", J, wanted - here) + _HOME_M**2 * (home - u)
        step = np.linalg.solve(A, b[..., None])[..., 0]
        u = np.clip(u + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP), lower, upper)
    return u * unit


def _stacked(tips: Array, directions: Array) -> Array:
    """`(N, 6 F)` m, of `(N, F, 3)` each."""
    return np.concatenate([tips, _DIRECTION_M * directions], axis=1).reshape(len(tips), -1)


def compute_synergies(embodiment: Embodiment, grasps: Grasps) -> Synergies:
    """Principal components of `grasp_postures`."""
    unit = embodiment.like_a_radian[embodiment.arm_dof :]
    postures = grasp_postures(embodiment, grasps) / unit
    mean = postures.mean(axis=0)
    _, singular, rows = np.linalg.svd(postures - mean, full_matrices=False)
    share = singular**2 / np.sum(singular**2)
    kept = min(int(np.searchsorted(np.cumsum(share), EXPLAINED)) + 1, MOST)
    rows = rows[:kept] * np.sign(rows[np.arange(kept), np.abs(rows[:kept]).argmax(axis=1)])[:, None]
    coordinates = (postures - mean) @ rows.T
    if np.corrcoef(coordinates[:, 0], grasps.closing)[0, 1] < 0.0:
        rows[0], coordinates[:, 0] = -rows[0], -coordinates[:, 0]
    low, high = np.percentile(coordinates, _PERCENTILES, axis=0)
    scale = (high - low) / (2.0 * HALF_RANGE)
    return Synergies(mean * unit, scale[:, None] * rows * unit, (low + high) / (2.0 * scale), share[:kept])


def yaml_section(synergies: Synergies) -> str:
    """The text of `synergies:` in an embodiment's YAML, to four decimals."""
    lines = ["synergies:", f"  mean: {_numbers(synergies.mean)}", "  basis:"]
    for index, (row, centre, share) in enumerate(
        zip(synergies.basis, synergies.centre, synergies.variance_explained, strict=True)
    ):
        name = "closure" if index == 0 else f"component_{index + 1}"
        lines.append(f"    - name: {name}")
        lines.append(f"      row: {_numbers(row)}")
        lines.append(f"      centre: {centre:.4f}")
        lines.append(f"      half_range: {HALF_RANGE}")
        lines.append(f"      variance_explained: {share:.4f}")
    return "\n".join(lines) + "\n"


def _numbers(values: Array) -> str:
    return "[" + ", ".join(f"{value + 0.0:.4f}" for value in values) + "]"


def main() -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("embodiment", help="name of a bundled embodiment, or a YAML file")
    synergies = compute_synergies(load_embodiment(parser.parse_args().embodiment), human_grasps())
    print(yaml_section(synergies), end="")
    print(f"# variance explained together: {synergies.variance_explained.sum():.3f}")


if __name__ == "__main__":
    main()
