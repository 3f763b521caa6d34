"""How large the demonstrator's hand is, once for a recording, and fingertip targets for a hand of average size.

A robot's palm frame and palm offset are drawn up for an average adult: a large hand's tips lie further from its palm
than that, a small one's nearer. Scaling about the palm's target by average over human gives the robot tips of the
hand it was drawn up for; they are then no longer where the human's tips touched the object.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.skeleton import FIRST, LENGTH_M, SECOND

Array = NDArray[np.float64]

_KNUCKLES = (5, 9, 13)
"""Of index, middle and ring: their phalanges are seen best and hardly foreshortened in the median."""


def hand_size(hand_joints: Array) -> float:
    """Length of the fingers over an average adult's: the median over frames `(T, 21, 3)` m."""
    bones = [(joint, joint + 1) for knuckle in _KNUCKLES for joint in range(knuckle, knuckle + 3)]
    first, second = np.array(bones).T
    measured = np.linalg.norm(hand_joints[:, second] - hand_joints[:, first], axis=-1).sum(axis=1)
    adult = sum(float(LENGTH_M[(a == FIRST) & (b == SECOND)][0]) for a, b in bones)
    return float(np.median(measured)) / adult


def average_tips(fingertips: Array, T_world_palm: Array, size: float) -> Array:
    """Tips `(..., F, 3)` m as an average hand's would be: nearer to the palm `(..., 4, 4)` by `size`, or further."""
    origin = T_world_palm[..., None, :3, 3]
    return np.asarray(origin + (fingertips - origin) / size)
