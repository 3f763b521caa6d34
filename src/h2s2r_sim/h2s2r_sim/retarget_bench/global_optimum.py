"""The best that any posture of the fingers can do: a slow search that does not look at ours.

For the fingers that share joints (mostly each finger by itself) a fine grid over all their joint ranges is computed
once. For each target the nearest grid postures that lie well apart from each other are followed down by
least squares within the limits (Levenberg-Marquardt on the joints that are free to move), and the best result
counts. Collisions are ignored: the errors are a lower bound. A test holds it against SciPy's differential evolution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.embodiment import Embodiment
from h2s2r_sim.retarget_bench.finger_chains import Fingers, fingers_of

Array = NDArray[np.float64]

GRID_POSTURES = 30_000
STARTS = 6
_APART = 0.3
"""Share of a joint's range by which at least one joint of two starts differs."""
_LOOKED_AT = 300
_ITERATIONS = 100


def best_errors(embodiment: Embodiment, fingertips: Array) -> Array:
    """How near each tip can come to its target, `(N, F)` m.

    Args:
        embodiment: The robot.
        fingertips: `(N, F, 3)` m, palm frame.
    """
    best = np.zeros(fingertips.shape[:2])
    for fingers in fingers_of(embodiment):
        targets = fingertips[:, fingers.tips].reshape(len(fingertips), -1)
        starts = _starts(fingers, targets)
        rows = np.repeat(np.arange(len(targets)), STARTS)
        residuals = _polished(fingers, starts.reshape(len(rows), -1), targets[rows])
        cost = np.sum(residuals**2, axis=1).reshape(len(targets), STARTS)
        chosen = residuals.reshape(len(targets), STARTS, -1, 3)[np.arange(len(targets)), cost.argmin(axis=1)]
        best[:, fingers.tips] = np.linalg.norm(chosen, axis=-1)
    return best


def _starts(fingers: Fingers, targets: Array) -> Array:
    """`(N, STARTS, K)`: near in space, apart in joints; the nearest again where there are fewer."""
    joints = len(fingers.names)
    count = max(3, round(GRID_POSTURES ** (1.0 / joints)))
    axes = [np.linspace(0.01, 0.99, count)] * joints
    shares = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, joints)
    postures = fingers.lower + shares * (fingers.upper - fingers.lower)
    tips, _ = fingers.tips_and_jacobian(postures)
    looked_at = min(_LOOKED_AT, len(shares) - 1)
    starts = np.zeros((len(targets), STARTS, joints))
    for row, target in enumerate(targets):
        distance = np.sum((tips - target) ** 2, axis=1)
        near = np.argpartition(distance, looked_at)[:looked_at]
        chosen = _apart(shares, near[np.argsort(distance[near])])
        starts[row] = postures[chosen + [chosen[0]] * (STARTS - len(chosen))]
    return starts


def _apart(shares: Array, candidates: NDArray[np.int64]) -> list[int]:
    chosen = [int(candidates[0])]
    for index in candidates[1:]:
        if np.abs(shares[chosen] - shares[index]).max(axis=1).min() >= _APART:
            chosen.append(int(index))
            if len(chosen) == STARTS:
                break
    return chosen


def _polished(fingers: Fingers, posture: Array, targets: Array) -> Array:
    """Residuals `(M, 3 T)` m at the end of every row's way down."""
    tips, J = fingers.tips_and_jacobian(posture)
    residual = tips - targets
    cost = np.sum(residual**2, axis=1)
    damping = np.full(len(posture), 1e-5)
    identity = np.eye(posture.shape[1])
    for _ in range(_ITERATIONS):
        gradient = np.einsum("nij,ni->nj", J, residual)
        stuck = ((posture <= fingers.lower) & (gradient > 0)) | ((posture >= fingers.upper) & (gradient < 0))
        free = np.where(stuck[:, None, :], 0.0, J)
        A = np.swapaxes(free, 1, 2) @ free + damping[:, None, None] * identity
        step = -np.linalg.solve(A, np.where(stuck, 0.0, gradient)[..., None])[..., 0]
        moved = np.clip(posture + step, fingers.lower, fingers.upper)
        moved_tips, moved_J = fingers.tips_and_jacobian(moved)
        moved_cost = np.sum((moved_tips - targets) ** 2, axis=1)
        better = moved_cost < cost
        damping = np.clip(np.where(better, 0.3 * damping, 4.0 * damping), 1e-12, 1e3)
        posture = np.where(better[:, None], moved, posture)
        residual = np.where(better[:, None], moved_tips - targets, residual)
        J = np.where(better[:, None, None], moved_J, J)
        cost = np.where(better, moved_cost, cost)
    return residual
