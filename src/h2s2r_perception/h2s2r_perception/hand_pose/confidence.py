"""How far a lifted hand can be trusted: the chance that its joints are less than 2 cm off, on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.hand_size import ADULT, HandSize
from h2s2r_perception.hand_pose.joint_fit import JointFit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Agreement:
    """What speaks against the fits of N hands, each `(N,)`, 0 where nothing does."""

    unseen: FloatArray
    """Share of the joints whose depth was not measured, is another surface's, or does not fit."""
    bones: FloatArray
    """Root mean square error of the bones, in the errors expected of any adult."""
    size: FloatArray
    """How far the logarithm of the hand's size is beyond what is usual for what was known of this person."""

    @classmethod
    def of(cls, fit: JointFit, seen: NDArray[np.bool_], hand_size: HandSize) -> Agreement:
        """From a fit, and the joints `(N, 21)` that agree with their own depth."""
        bones = fit.bone_residual * (hand_size.errors_m / ADULT.errors_m)
        return cls(unseen=1.0 - seen.mean(axis=1), bones=np.sqrt(np.mean(bones**2, axis=1)), size=np.abs(fit.log_size))


@dataclass(frozen=True)
class ConfidenceConfiguration:
    """Logistic weights, none below zero.

    Fitted to rendered hands that reach for objects and hold them (`h2s2r_sim.hand_bench`, development seeds). Left
    out one by one, their recordings were told good from bad with a Brier score of 0.065, where the base rate
    alone gives 0.170.
    """

    offset: float = 8.6
    unseen: float = 8.5
    bones: float = 7.3
    size: float = 24.0


def confidence_of(agreement: Agreement, configuration: ConfidenceConfiguration | None = None) -> FloatArray:
    """`(N,)` in (0, 1]: `1 / (1 + exp(-(offset - weights . agreement)))`; every disagreement lowers it."""
    c = configuration or ConfidenceConfiguration()
    logit = c.offset - c.unseen * agreement.unseen - c.bones * agreement.bones - c.size * agreement.size
    chance: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(logit, -7.0, 7.0)))
    return chance
