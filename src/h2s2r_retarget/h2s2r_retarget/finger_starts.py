"""Where the fingers start: for each finger the best of many postures, so that a descent finds the right valley.

Fingers that share joints are one group. Tips move with the palm, so a group's library of tips is made once, in the
palm's frame, whatever the arm does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse
from h2s2r_retarget.finger_task import FingerModel, FingerTask
from h2s2r_retarget.kinematics import BatchedKinematics

Array = NDArray[np.float64]

_LIBRARY = 4096
"""With 512, three fingertips in a hundred end millimetres off, in the wrong valley (`make bench-retarget`)."""
_FROM_HOME_M = 0.003
"""A posture a radian from home must bring its tips this much nearer to be preferred."""


@dataclass(frozen=True, eq=False)
class _Group:
    fingers: NDArray[np.int64]
    columns: NDArray[np.int64]
    """Of `(J,)`."""
    posture: Array
    """`(M, C)` rad or m."""
    tips: Array
    """`(M, 3 F)` m, in the palm's frame."""
    directions: Array
    """`(M, 3 F)`."""
    penalty: Array
    """`(M,)` m^2, for being far from home."""


class FingerStarts:
    """Remembers each group's library.

    Args:
        kinematics: Of the robot.
        model: Of its fingers.
    """

    def __init__(self, kinematics: BatchedKinematics, model: FingerModel) -> None:
        self._kinematics = kinematics
        e = kinematics.embodiment
        postures = np.tile(e.home, (_LIBRARY, 1))
        lower, upper = (np.clip(limit, -np.pi, np.pi)[model.hand] for limit in (e.limits.lower, e.limits.upper))
        postures[1:, model.hand] = np.random.default_rng(0).uniform(lower, upper, (_LIBRARY - 1, e.hand_dof))
        tip, direction = model.tips(kinematics.joints(postures))
        T_palm_world = np.asarray(inverse(kinematics.palm(postures[:1]).T_world_palm))[0]
        R, p = T_palm_world[:3, :3], T_palm_world[:3, 3]
        tips, directions = tip.transpose(2, 1, 0) @ R.T + p, direction.transpose(2, 1, 0) @ R.T
        moves = kinematics.moves[model.hand][:, [point.joint for point in kinematics.fingertips]]
        self._groups = []
        for fingers in _sharing(moves):
            columns = model.hand[moves[:, fingers].any(axis=1)]
            away = (postures - e.home)[:, columns] / e.like_a_radian[columns]
            self._groups.append(
                _Group(
                    fingers,
                    columns,
                    postures[:, columns],
                    tips[:, fingers].reshape(_LIBRARY, -1),
                    directions[:, fingers].reshape(_LIBRARY, -1),
                    np.sum((_FROM_HOME_M * away) ** 2, axis=1),
                )
            )

    def best(self, joint_position: Array, task: FingerTask) -> Array:
        """`(N, J)` with the fingers where they come nearest to `task`; the arm's part is kept."""
        q = joint_position.copy()
        T = np.asarray(inverse(self._kinematics.palm(q).T_world_palm))
        R_t, p = T[:, :3, :3].transpose(0, 2, 1), T[:, None, :3, 3]
        tips, directions = task.tips @ R_t + p, task.directions @ R_t
        for group in self._groups:
            wanted = tips[:, group.fingers].reshape(len(q), -1)
            apart = group.penalty + np.sum(group.tips**2, axis=1) - 2.0 * wanted @ group.tips.T
            weight = np.repeat(task.direction_weight_m[:, group.fingers] ** 2, 3, axis=1)
            # |d - d'|^2 = 2 - 2 d.d' for unit vectors.
            apart -= 2.0 * (weight * directions[:, group.fingers].reshape(len(q), -1)) @ group.directions.T
            q[:, group.columns] = group.posture[np.argmin(apart, axis=1)]
        return q


def _sharing(moves: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Groups of fingers that share no joint with another group; `moves (H, F)`: which joints move which finger."""
    together = (moves.T.astype(int) @ moves.astype(int)) > 0
    for _ in range(len(together)):
        together = (together.astype(int) @ together.astype(int)) > 0
    return [np.flatnonzero(row) for row in np.unique(together, axis=0)]
