"""Errors of the observed object pose: what a tracker adds to the truth. Pure functions on batches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import rotation_from_vector

Array = NDArray[np.float64]


def perturb(T_world_object: Array, translation: Array, rotation_vector: Array) -> Array:
    """Poses `(n, 4, 4)` moved by `translation (n, 3)` [m, world] and turned by `rotation_vector (n, 3)` [rad, object].

    The turn is about the object's own origin, so that it moves no object that is seen at the right place.
    """
    T = T_world_object.copy()
    T[:, :3, 3] += translation
    T[:, :3, :3] = T_world_object[:, :3, :3] @ rotation_from_vector(rotation_vector)
    return T


def tracker_error(episode: Mapping[str, Array], step: Mapping[str, Array]) -> tuple[Array, Array]:
    """Translation and rotation error `(n, 3)` of one observed pose, from the drawn rows of the table.

    Offset, white noise and outlier add up; summing rotation vectors is exact to second order.
    """
    outlier = step["pose_outlier"][:, None]
    translation = (
        episode["pose_offset_position"] + step["pose_noise_position"] + outlier * step["pose_outlier_position"]
    )
    rotation = episode["pose_offset_rotation"] + step["pose_noise_rotation"] + outlier * step["pose_outlier_rotation"]
    return translation, rotation


def push_force(step: Mapping[str, Array], mass_kg: Array) -> Array:
    """Horizontal force `(n, 3)` [N] on the object for one policy step; zero where no push was drawn."""
    magnitude = step["push"] * step["push_acceleration"] * mass_kg
    direction = step["push_direction"]
    return magnitude[:, None] * np.stack([np.cos(direction), np.sin(direction), np.zeros_like(direction)], axis=-1)
