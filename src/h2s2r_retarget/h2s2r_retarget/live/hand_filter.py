"""The hand without the estimator's noise: where its palm is, and where its fingertips are from there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import inverse, pose, transform_points
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.live.one_euro import OneEuroConfiguration, OneEuroFilter, OneEuroRotation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HandFilterConfiguration:
    """Palm and fingertips are filtered apart, so that a quick arm does not open the filter of calm fingers."""

    position: OneEuroConfiguration = field(default=OneEuroConfiguration(minimum_cutoff_hz=1.5, beta_hz_s=20.0))
    """Of the palm [m]: 5.5 Hz at 0.2 m/s."""
    rotation: OneEuroConfiguration = field(default=OneEuroConfiguration(minimum_cutoff_hz=1.2, beta_hz_s=1.5))
    """[rad]: 2.7 Hz at 1 rad/s. Three knuckles a few centimetres apart give it much of their noise."""
    fingertips: OneEuroConfiguration = field(default=OneEuroConfiguration(minimum_cutoff_hz=1.5, beta_hz_s=20.0))
    """In the palm's frame [m]."""


@dataclass(frozen=True, eq=False)
class FilteredHand:
    """One hand in the world, as the robot is to see it."""

    T_world_palm: Array
    """`(4, 4)`, as `human_hand.palm_target`."""
    palm_fingertips: Array
    """`(F, 3)` m, the human's tips that the robot's follow, in the palm's frame."""


class HandFilter:
    """Filters one hand; remembers what its three filters do.

    Args:
        embodiment: Whose fingertips follow which human ones.
        configuration: See there.
    """

    def __init__(
        self, embodiment: Embodiment, configuration: HandFilterConfiguration = HandFilterConfiguration()
    ) -> None:
        self._embodiment = embodiment
        self._position = OneEuroFilter(configuration.position)
        self._rotation = OneEuroRotation(configuration.rotation)
        self._fingertips = OneEuroFilter(configuration.fingertips)

    def reset(self) -> None:
        """Take the next hand as it comes: after a gap the last one says nothing."""
        for part in (self._position, self._rotation, self._fingertips):
            part.reset()

    def __call__(self, stamp_s: float, hand_joints: Array) -> FilteredHand | None:
        """Filter the joints `(21, 3)` m, world, of this stamp; None where they span no palm."""
        with np.errstate(invalid="ignore", divide="ignore"):
            T = palm_target(hand_joints)
        if not np.isfinite(T).all():
            return None
        tips = np.asarray(transform_points(np.asarray(inverse(T)), fingertip_targets(hand_joints, self._embodiment)))
        R = self._rotation(stamp_s, T[:3, :3])
        position = self._position(stamp_s, T[:3, 3])
        return FilteredHand(np.asarray(pose(R, position)), self._fingertips(stamp_s, tips))
