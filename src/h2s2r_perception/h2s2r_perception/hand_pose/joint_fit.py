"""Fit 21 joints to what was seen, with the bones of one person.

    minimise over joints p_j and the logarithm s of the hand's size
      sum_j rho(|project(p_j) - pixel_j| / sigma_px) + sum_j rho(f_j (z_j - depth_j) / sigma_z)
      + sum_ab ((|p_a - p_b| - e^s L_ab) / sigma_ab)^2 + sum_ab |W ((p_a - p_b) - shape_ab)|^2 + (s / sigma_s)^2

rho is Cauchy's loss log(1 + x^2), so a slipped landmark or a depth that is another surface's loses its say. f_j
tells sides: in front of a measured surface there is nothing to be seen, behind it a joint may be hidden. L_ab are
this person's bones where they are known, an average adult's where not (`hand_size`); shape_ab is the detected
shape, which says which way fingers bend. Gauss-Newton on reweighted squares, about 2 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.hand_size import HandSize
from h2s2r_perception.hand_pose.skeleton import FIRST, IN_PALM, SECOND

FloatArray = NDArray[np.float64]
_PAIRS = len(FIRST)
_JOINTS = np.arange(21)
_ENDS = np.zeros((21, _PAIRS))
_ENDS[FIRST, np.arange(_PAIRS)] = 1.0
_ENDS[SECOND, np.arange(_PAIRS)] = -1.0
"""Adds up what the pairs say about each joint."""
_ITERATIONS = 15
_SMALL_STEP_M = 1e-3


@dataclass(frozen=True)
class JointFitConfiguration:
    """Errors that the terms expect."""

    pixel_error: float = 0.02
    """Of a landmark, as part of the hand's size in the image."""
    depth_error_m: float = 0.006
    """Of a visible joint's depth, skin thickness included."""
    free_space_factor: float = 3.0
    """A joint before the measured surface is this much less likely than one as far behind it."""
    shape_error_m: float = 0.015
    """Of the detected shape's difference across the view along a finger's bone."""
    bend_error_m: float = 0.020
    """Of its difference in depth there: it says which way a finger bends."""
    palm_error_m: float = 0.10
    """The same across the palm, whose detected orientation is poor and whose depth is mostly seen."""


@dataclass(frozen=True, eq=False)
class JointFit:
    """What came out for N hands."""

    joints: FloatArray
    """`(N, 21, 3)` camera frame [m]."""
    log_size: FloatArray
    """`(N,)` logarithm of each hand's size, relative to the lengths that were given."""
    bone_residual: FloatArray
    """`(N, 28)` error of each length, in its expected error."""


def fit_joints(
    pixels: FloatArray,
    joint_depth: FloatArray,
    hidden: NDArray[np.bool_],
    approximate: FloatArray,
    camera_matrix: FloatArray,
    hand_size: HandSize,
    configuration: JointFitConfiguration | None = None,
) -> JointFit:
    """Choose joints that agree best with landmarks, depths, bones and shape, in N frames at once.

    Args:
        pixels: `(N, 21, 2)` landmarks [px].
        joint_depth: `(N, 21)` measured depth of each joint's centre [m], NaN where unknown.
        hidden: `(N, 21)` joints whose measured depth is something else's, nearer than they are.
        approximate: `(N, 21, 3)` the detected shape, placed roughly, camera frame [m].
        camera_matrix: Intrinsics `(3, 3)` [px].
        hand_size: Lengths of this hand's bones as far as they are known.
        configuration: The defaults when None.
    """
    terms = configuration or JointFitConfiguration()
    # Bone lengths alone allow bending either way, so the fit starts from the shape and from the surface.
    shape_z = approximate[..., 2]
    surface_z = np.where(np.isfinite(joint_depth) & ~hidden, np.fmax(joint_depth, shape_z), shape_z)
    problem = _Problem(
        _twice(pixels), _twice(joint_depth), _twice(hidden), _twice(approximate), camera_matrix, hand_size, terms
    )
    rays = np.concatenate([(pixels - problem.centre) / problem.focal, np.ones((*pixels.shape[:2], 1))], axis=-1)
    cost, x = problem.descend(np.concatenate([rays * shape_z[..., None], rays * surface_z[..., None]]))
    count = len(pixels)
    best = np.where(cost[:count] <= cost[count:], 0, count) + np.arange(count)
    bones = problem.residuals(x)[2]
    return JointFit(x[best, :63].reshape(count, 21, 3), x[best, 63], bones[best])


def _twice(values: NDArray) -> NDArray:
    return np.concatenate([values, values])


_Residuals = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class _Problem:
    """Residuals and their derivatives, for B hands; the variables are `(B, 64)`: joints, logarithm of the size."""

    def __init__(
        self,
        pixels: FloatArray,
        joint_depth: FloatArray,
        hidden: NDArray[np.bool_],
        approximate: FloatArray,
        camera_matrix: FloatArray,
        hand_size: HandSize,
        terms: JointFitConfiguration,
    ) -> None:
        self.focal, self.centre = camera_matrix[[0, 1], [0, 1]], camera_matrix[:2, 2]
        self._pixels = pixels
        self._sigma_px = np.maximum(terms.pixel_error * np.ptp(pixels, axis=1).max(axis=1), 0.7)[:, None]
        self._known = np.isfinite(joint_depth)
        self._depth = np.where(self._known, joint_depth, 0.0)
        self._behind = np.where(hidden, 0.0, 1.0)
        self._terms, self._size = terms, hand_size
        self._shape = approximate[:, FIRST] - approximate[:, SECOND]
        flat, deep = np.full(_PAIRS, terms.shape_error_m), np.full(_PAIRS, terms.bend_error_m)
        flat[IN_PALM] = deep[IN_PALM] = terms.palm_error_m
        self._shape_weight = 1.0 / np.stack([flat, flat, deep], axis=1) ** 2
        # Of the shape's terms: their second derivatives never change.
        fixed = np.zeros((21, 3, 21, 3))
        for axis in range(3):
            fixed[:, axis, :, axis] = (_ENDS * self._shape_weight[:, axis]) @ _ENDS.T
        self._fixed = fixed.reshape(63, 63)

    def residuals(self, x: FloatArray) -> _Residuals:
        """Pixels `(B, 21, 2)`, depths `(B, 21)`, bones `(B, 28)` in their expected errors; shape `(B, 28, 3)` [m]."""
        p = x[:, :63].reshape(-1, 21, 3)
        z = np.maximum(p[..., 2:], 0.05)
        pixel = (p[..., :2] / z * self.focal + self.centre - self._pixels) / self._sigma_px[..., None]
        depth = (p[..., 2] - self._depth) / self._terms.depth_error_m
        depth = np.where(self._known, depth * np.where(depth < 0.0, self._terms.free_space_factor, self._behind), 0.0)
        difference = p[:, FIRST] - p[:, SECOND]
        length = np.sqrt((difference**2).sum(axis=-1))
        bone = (length - np.exp(x[:, 63:]) * self._size.lengths_m) / self._size.errors_m
        return pixel, depth, bone, difference - self._shape

    def cost(self, parts: _Residuals, x: FloatArray) -> FloatArray:
        """The sums `(B,)` that are minimised."""
        pixel, depth, bone, shape = parts
        robust = np.log1p((pixel**2).sum(axis=-1)).sum(axis=1) + np.log1p(depth**2).sum(axis=1)
        quadratic = (bone**2).sum(axis=1) + (shape**2 * self._shape_weight).sum(axis=(1, 2))
        total: FloatArray = robust + quadratic + (x[:, 63] / self._size.spread) ** 2
        return total

    def descend(self, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Cost `(B,)` and variables of the minima nearest to joints `(B, 21, 3)`."""
        batch = len(start)
        x = np.concatenate([start.reshape(batch, 63), np.zeros((batch, 1))], axis=1)
        parts = self.residuals(x)
        cost, damping = self.cost(parts, x), np.full(batch, 1e-3)
        for _ in range(_ITERATIONS):
            normal, gradient = self._normal(x, parts)
            normal[:, range(64), range(64)] *= 1.0 + damping[:, None]
            step = -np.linalg.solve(normal, gradient[..., None])[..., 0]
            tried = self.residuals(x + step)
            tried_cost = self.cost(tried, x + step)
            better = tried_cost < cost
            damping *= np.where(better, 0.2, 10.0)
            x[better] += step[better]
            cost = np.where(better, tried_cost, cost)
            for old, new in zip(parts, tried, strict=True):
                old[better] = new[better]
            if np.abs(step).max() < _SMALL_STEP_M:
                break
        return cost, x

    def _normal(self, x: FloatArray, parts: _Residuals) -> tuple[FloatArray, FloatArray]:
        """Gauss-Newton's matrix `(B, 64, 64)` and half the gradient `(B, 64)`."""
        pixel, depth, bone, shape = parts
        batch = len(x)
        p = x[:, :63].reshape(batch, 21, 3)
        z = np.maximum(p[..., 2], 0.05)
        # Landmarks: of pixel axis i the derivative is f (e_i - p_i/z e_z) / (z sigma).
        weight = 1.0 / (1.0 + (pixel**2).sum(axis=-1))
        J = np.zeros((batch, 21, 2, 3))
        slope = self.focal / (z * self._sigma_px)[..., None]
        J[..., [0, 1], [0, 1]] = slope
        J[..., 2] = -slope * p[..., :2] / z[..., None]
        own = weight[..., None, None] * (J.swapaxes(-1, -2) @ J)
        gradient = weight[..., None] * (pixel[..., None, :] @ J)[..., 0, :]
        side = np.where(depth < 0.0, self._terms.free_space_factor, self._behind) / self._terms.depth_error_m
        depth_weight = np.where(self._known, side / (1.0 + depth**2), 0.0)
        own[..., 2, 2] += depth_weight * side
        gradient[..., 2] += depth_weight * depth
        # Bones: along their direction, and the common size with them.
        difference = p[:, FIRST] - p[:, SECOND]
        length = np.maximum(np.sqrt((difference**2).sum(axis=-1)), 1e-6)
        unit = difference / (length * self._size.errors_m)[..., None]
        stretch = -np.exp(x[:, 63:]) * self._size.lengths_m / self._size.errors_m
        outer = unit[..., :, None] * unit[..., None, :]
        blocks = np.zeros((batch, 21, 21, 3, 3))
        blocks[:, _JOINTS, _JOINTS] = own + (np.abs(_ENDS) @ outer.reshape(batch, _PAIRS, 9)).reshape(batch, 21, 3, 3)
        blocks[:, FIRST, SECOND] = blocks[:, SECOND, FIRST] = -outer
        gradient += _ENDS @ (unit * bone[..., None] + shape * self._shape_weight)
        normal = np.empty((batch, 64, 64))
        normal[:, :63, :63] = blocks.transpose(0, 1, 3, 2, 4).reshape(batch, 63, 63) + self._fixed
        normal[:, 63, :63] = normal[:, :63, 63] = (_ENDS @ (unit * stretch[..., None])).reshape(batch, 63)
        normal[:, 63, 63] = (stretch**2).sum(axis=1) + 1.0 / self._size.spread**2
        size_gradient = (stretch * bone).sum(axis=1) + x[:, 63] / self._size.spread**2
        return normal, np.concatenate([gradient.reshape(batch, 63), size_gradient[:, None]], axis=1)
