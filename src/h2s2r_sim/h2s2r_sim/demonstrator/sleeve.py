"""The sleeve over the demonstrator's forearm: a surface of revolution with a cuff and shallow folds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from h2s2r_sim.demonstrator.hand_mesh import FOREARM_DIRECTION, FOREARM_SKIN_M

LENGTH_M = 0.45
_CUFF_M = 0.022
_AROUND = 36
_ALONG = 60


def sleeve_mesh() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Vertices `(V, 3)` [m] in the hand frame and outward faces `(F, 3)`; closed at both ends."""
    along = np.linspace(0.0, LENGTH_M, _ALONG)
    folds = 0.0005 * np.sin(2 * np.pi * along / 0.047) + 0.0004 * np.sin(2 * np.pi * along / 0.021 + 1.0)
    radius = 0.037 + 0.045 * along + folds * (along > _CUFF_M)
    radius[along <= _CUFF_M] = 0.0405
    # The ends turn inwards, so that the cuff has a rim and the wrist comes out of it.
    along = np.concatenate([[0.004, 0.0], along, [LENGTH_M]])
    radius = np.concatenate([[0.0005, 0.0390], radius, [0.0005]])
    angle = np.arange(_AROUND) * 2 * np.pi / _AROUND
    side = np.cross(FOREARM_DIRECTION, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    ring = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(FOREARM_DIRECTION, side)
    axis = (FOREARM_SKIN_M - 0.03 + along)[:, None] * FOREARM_DIRECTION
    vertices = (axis[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(len(along) - 1), np.arange(_AROUND), indexing="ij")
    a, b = row * _AROUND + column, row * _AROUND + (column + 1) % _AROUND
    c, d = a + _AROUND, b + _AROUND
    faces = np.concatenate([np.stack([a, b, c], axis=-1), np.stack([b, d, c], axis=-1)]).reshape(-1, 3)
    return vertices, faces.astype(np.int32)
