"""Pose errors as the field measures them, and what many sequences say together.

ADD is the mean distance between model points under the estimated and under the true pose; ADD-S that to the
nearest point (Hinterstoisser 2012; Xiang 2018). A pose is *within 0.1 d* when ADD (ADD-S for an object whose
symmetry is declared) is below a tenth of the diameter d, the greatest distance between two of its points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, cKDTree
from scipy.spatial.distance import pdist

from h2s2r_perception.geometry import rotation_angle
from h2s2r_perception.object_model import ObjectModel

FloatArray = NDArray[np.float64]

_POINTS = 500
"""Of the model's 4000 samples."""
_RESAMPLES = 1000


def diameter_m(vertices: FloatArray) -> float:
    """The greatest distance [m] between two of the points `(V, 3)`."""
    return float(pdist(vertices[ConvexHull(vertices).vertices]).max())


@dataclass(frozen=True, eq=False)
class PoseMeter:
    """Compares poses of one object."""

    points: FloatArray
    """`(P, 3)` [m], object frame."""
    symmetry: str
    """`none` or `yaw`."""
    diameter_m: float

    @classmethod
    def of(cls, model: ObjectModel) -> PoseMeter:
        """Meter of a model, on an even choice of its surface samples."""
        step = max(1, len(model.points) // _POINTS)
        return cls(model.points[::step], model.symmetry, diameter_m(model.vertices))

    def errors(self, T_true: FloatArray, T_estimated: FloatArray) -> dict[str, FloatArray]:
        """Errors of poses `(T, 4, 4)`: `add_mm`, `add_s_mm`, `translation_mm`, `rotation_deg`, each `(T,)`.

        The rotation is counted modulo the declared symmetry: for `yaw` it is the angle between the axes.
        """
        true = self.points @ np.swapaxes(T_true[:, :3, :3], 1, 2) + T_true[:, None, :3, 3]
        estimated = self.points @ np.swapaxes(T_estimated[:, :3, :3], 1, 2) + T_estimated[:, None, :3, 3]
        add = np.linalg.norm(true - estimated, axis=2).mean(axis=1)
        add_s = np.array([cKDTree(e).query(t)[0].mean() for t, e in zip(true, estimated, strict=True)])
        if self.symmetry == "yaw":
            cosine = np.einsum("tk,tk->t", T_true[:, :3, 2], T_estimated[:, :3, 2])
            turn = np.arccos(np.clip(cosine, -1.0, 1.0))
        else:
            turn = rotation_angle(T_true[:, :3, :3], T_estimated[:, :3, :3])
        return {
            "add_mm": 1e3 * add,
            "add_s_mm": 1e3 * add_s,
            "translation_mm": 1e3 * np.linalg.norm(T_true[:, :3, 3] - T_estimated[:, :3, 3], axis=1),
            "rotation_deg": np.rad2deg(turn),
        }


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a success rate (Wilson 1927)."""
    if trials == 0:
        return 0.0, 1.0
    z, share = 1.959964, successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def bootstrap_interval(values: FloatArray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of one value for each sequence: frames of one sequence are not independent."""
    if len(values) == 0:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    means = values[random.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
