"""The reward: one formula. How far the object's anchor points are from where the demonstration wants them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

Array = Any


@dataclass(frozen=True)
class RewardSettings:
    """Constants of the reward (published values)."""

    alpha_per_m: float = 10.0
    """1 cm of anchor distance costs a tenth, 10 cm almost two thirds."""
    hand_distance_m: float = 0.30
    """Mean distance of the fingertips from the object's origin from which nothing is earned."""
    pause_distance_m: float = 0.20
    """Anchor distance from which the goal waits for the object, and the reward is scaled by `pause_scale`."""
    pause_scale: float = 0.1


def tracking_reward(anchor_distance: Array, hand_distance: Array, settings: RewardSettings) -> Array:
    """Reward `(n,)` in [0, 1] of one policy step.

    `r = exp(-alpha d) * [h < hand_distance] * (pause_scale if d > pause_distance else 1)`

    Args:
        anchor_distance: d `(n,)` [m], mean distance between the object's anchors and the goal's.
        hand_distance: h `(n,)` [m], mean distance of the fingertips from the object's origin.
        settings: The constants.
    """
    xp = array_namespace(anchor_distance, hand_distance)
    reward = xp.exp(-settings.alpha_per_m * anchor_distance)
    reward = xp.where(anchor_distance > settings.pause_distance_m, settings.pause_scale * reward, reward)
    return xp.where(hand_distance < settings.hand_distance_m, reward, xp.zeros_like(reward))


def fingertip_distance(fingertip_position: Array, object_position: Array) -> Array:
    """Mean distance `(n,)` [m] of fingertips `(n, F, 3)` from the object's origin `(n, 3)`, world frame."""
    xp = array_namespace(fingertip_position, object_position)
    offset = fingertip_position - object_position[:, None, :]
    return xp.mean(xp.sqrt(xp.sum(offset * offset, axis=-1)), axis=-1)
