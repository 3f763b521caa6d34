"""Hand synergies of a robot, computed: `python -m h2s2r_retarget.synergies NAME|FILE` prints the section of its YAML.

The human hands of `human_grasps` are followed by the robot's fingers (`finger_ik`, palm at home, nothing in the way).
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
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.embodiment import Embodiment, load_embodiment
from h2s2r_retarget.finger_ik import FingerSolver
from h2s2r_retarget.human_grasps import Grasps, human_grasps
from h2s2r_retarget.human_hand import fingertip_directions, fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]

EXPLAINED = 0.95
MOST = 5
HALF_RANGE = 1.25
_PERCENTILES = (5.0, 95.0)
_ITERATIONS = 40


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
    fingers = FingerSolver(CollisionChecker(embodiment, CollisionWorld()), kinematics)
    start = np.tile(embodiment.home, (len(hands), 1))
    tips, directions = fingertip_targets(hands, embodiment), fingertip_directions(hands, embodiment)
    found = fingers.solve(start, tips, directions, None, iterations=_ITERATIONS)
    return found[:, embodiment.arm_dof :]


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
