"""What every hand has in common: which joint follows which, how long bones are, how thick the flesh is.

Used to place joints along their viewing rays when the depth image shows only some of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

FloatArray = NDArray[np.float64]

SKIN_M = np.array([0.018, 0.013, *[0.011, 0.009, 0.007], *[0.012, 0.009, 0.008, 0.007] * 4])
"""`(21,)` skin above each joint's centre [m]: half the thickness of an adult hand there."""
PARENT = np.array([-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
"""`(21,)` the joint before each joint; -1 for the wrist."""
CHAINS = np.array([[0, *range(1 + 4 * finger, 5 + 4 * finger)] for finger in range(5)])
"""`(5, 5)` joints of each finger, starting at the wrist."""

# Distances of an average adult hand [mm]: phalanges as in X-ray anthropometry with the soft tip added, palm
# from wrist to knuckles; the last rows keep the palm in shape.
_DISTANCES_MM = (
    *((0, 1, 35.0), (1, 2, 43.0), (2, 3, 32.0), (3, 4, 25.0)),
    *((0, 5, 91.0), (5, 6, 40.0), (6, 7, 24.0), (7, 8, 21.0)),
    *((0, 9, 90.0), (9, 10, 46.0), (10, 11, 28.0), (11, 12, 22.0)),
    *((0, 13, 85.0), (13, 14, 42.0), (14, 15, 27.0), (15, 16, 22.0)),
    *((0, 17, 81.0), (17, 18, 33.0), (18, 19, 19.0), (19, 20, 20.0)),
    *((5, 9, 22.5), (9, 13, 22.0), (13, 17, 22.5), (5, 13, 43.5), (9, 17, 44.0), (5, 17, 64.0)),
    *((1, 5, 67.0), (1, 17, 80.0)),
)
_FIRST = np.array([row[0] for row in _DISTANCES_MM])
_SECOND = np.array([row[1] for row in _DISTANCES_MM])
_LENGTH_M = np.array([row[2] for row in _DISTANCES_MM]) * 1e-3
_IN_PALM = (_FIRST == 0) | ((_FIRST % 4 == 1) & (_SECOND % 4 == 1))
_FINGER_RADIUS_M = 0.010


@dataclass(frozen=True)
class SkeletonConfiguration:
    """Expected errors of the terms that place joints along their rays."""

    depth_error_m: float = 0.006
    """Of a visible joint's depth, skin thickness included."""
    free_space_factor: float = 3.0
    """A joint in front of the measured surface is this much less likely than one as far behind it: there
    is nothing to be seen in free space, but a hidden joint lies behind what hides it."""
    length_error_m: float = 0.004
    length_error_share: float = 0.05
    """Of a bone, besides the common size."""
    direction_error_m: float = 0.025
    """Of the detected shape's difference in depth along a finger's bone: it says which way it bends."""
    palm_direction_error_m: float = 0.15
    """The same across the palm, whose detected orientation is poor and whose depth is mostly seen."""
    size_spread: float = 0.08
    """Standard deviation of the logarithm of a hand's size."""


def hidden_by_own_hand(pixels: FloatArray, joints: FloatArray, focal_length_px: float) -> NDArray[np.bool_]:
    """Which joints `(21,)` lie behind another finger, so that the depth at their pixel is not theirs.

    Args:
        pixels: `(21, 2)` landmarks [px].
        joints: `(21, 3)` approximate joints in the camera frame [m].
        focal_length_px: Turns a finger's radius into pixels.
    """
    hidden = np.zeros(len(pixels), dtype=bool)
    for finger, chain in enumerate(CHAINS):
        others = np.delete(CHAINS, finger, axis=0)
        a, b = others[:, :-1].ravel(), others[:, 1:].ravel()
        along = pixels[b] - pixels[a]
        offset = pixels[chain[1:], None] - pixels[a]
        part = np.clip((offset * along).sum(-1) / np.maximum((along * along).sum(-1), 1e-9), 0.0, 1.0)
        distance_px = np.linalg.norm(offset - part[..., None] * along, axis=-1)
        z = joints[a, 2] + part * (joints[b, 2] - joints[a, 2])
        over = (distance_px < focal_length_px * _FINGER_RADIUS_M / z) & (z < joints[chain[1:], 2, None])
        hidden[chain[1:]] = over.any(axis=1)
    return hidden


def place_on_rays(
    rays: FloatArray,
    joint_depth: FloatArray,
    hidden: NDArray[np.bool_],
    approximate: FloatArray,
    configuration: SkeletonConfiguration | None = None,
) -> tuple[FloatArray, float]:
    """Choose each joint's depth so that measured depths, bone lengths and the detected shape agree best.

    Minimises over the depths z and the logarithm of the hand's size, with Cauchy's loss for the depth:

        sum_j rho((z_j - depth_j) / sigma) + sum_ab ((|p_a - p_b| - size L_ab) / sigma_L)^2
        + sum_ab ((z_a - z_b) - shape_ab)^2 / sigma_s^2 + (log size / sigma_size)^2,    p_j = z_j ray_j.

    Args:
        rays: `(21, 3)` directions with z = 1 of the landmarks, camera frame.
        joint_depth: `(21,)` measured depth of each joint's centre [m], NaN where unknown.
        hidden: `(21,)` joints whose measured depth is something else's, nearer than they are.
        approximate: `(21, 3)` the detected shape, placed roughly [m].
        configuration: The defaults when None.

    Returns:
        Joints `(21, 3)` [m], and the size of the hand relative to an average adult's.
    """
    terms = configuration or SkeletonConfiguration()
    known = np.flatnonzero(np.isfinite(joint_depth))
    measured, behind_is_free = joint_depth[known], hidden[known]
    length_error = terms.length_error_m + terms.length_error_share * _LENGTH_M
    shape = approximate[_FIRST, 2] - approximate[_SECOND, 2]
    shape_error = np.where(_IN_PALM, terms.palm_direction_error_m, terms.direction_error_m)
    rows = np.arange(len(_FIRST))
    count = len(known)

    def errors(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        joints = rays * x[:-1, None]
        bone = joints[_FIRST] - joints[_SECOND]
        return bone, np.linalg.norm(bone, axis=1), (x[known] - measured) / terms.depth_error_m

    def residual(x: FloatArray) -> FloatArray:
        _, length, depth = errors(x)
        robust = np.sign(depth) * np.sqrt(np.log1p(depth * depth)) * _factor(depth)
        bones = (length - np.exp(x[-1]) * _LENGTH_M) / length_error
        bends = (x[_FIRST] - x[_SECOND] - shape) / shape_error
        return np.concatenate([robust, bones, bends, [x[-1] / terms.size_spread]])

    def jacobian(x: FloatArray) -> FloatArray:
        bone, length, depth = errors(x)
        J = np.zeros((count + 2 * len(_FIRST) + 1, 22))
        root = np.sqrt(np.log1p(depth * depth))
        slope = np.abs(depth) / np.maximum((1.0 + depth * depth) * root, 1e-9)
        slope[np.abs(depth) < 1e-6] = 1.0
        J[np.arange(count), known] = slope * _factor(depth) / terms.depth_error_m
        unit = bone / np.maximum(length, 1e-9)[:, None] / length_error[:, None]
        J[count + rows, _FIRST] = (unit * rays[_FIRST]).sum(-1)
        J[count + rows, _SECOND] = -(unit * rays[_SECOND]).sum(-1)
        J[count + rows, -1] = -np.exp(x[-1]) * _LENGTH_M / length_error
        J[count + len(_FIRST) + rows, _FIRST] = 1.0 / shape_error
        J[count + len(_FIRST) + rows, _SECOND] = -1.0 / shape_error
        J[-1, -1] = 1.0 / terms.size_spread
        return J

    def _factor(depth: FloatArray) -> FloatArray:
        return np.where(depth < 0.0, terms.free_space_factor, np.where(behind_is_free, 0.0, 1.0))

    # Bone lengths alone allow bending either way, so the fit starts from the shape and from the surface.
    surface = np.where(np.isfinite(joint_depth), np.fmax(joint_depth, approximate[:, 2]), approximate[:, 2])
    scale = np.append(np.full(21, 0.01), 0.05)
    solutions = [
        least_squares(residual, np.append(start, 0.0), jac=jacobian, x_scale=scale, ftol=1e-4, max_nfev=40)
        for start in (approximate[:, 2], surface)
    ]
    best = min(solutions, key=lambda solution: solution.cost)
    return rays * best.x[:-1, None], float(np.exp(best.x[-1]))
