"""Which hand pose estimators there are; a new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose.estimator import HandPoseEstimator

DEFAULT_HAND_POSE = "mediapipe"
HAND_POSE_ESTIMATORS = {
    DEFAULT_HAND_POSE: "h2s2r_perception.hand_pose.mediapipe_hands:MediaPipeHandEstimator",
    "hamer": "h2s2r_perception.hand_pose.hamer:HamerHandEstimator",
}
"""Name -> class, called with its own configurations, if any are given."""


def make_hand_pose_estimator(name: str, *configurations: object) -> HandPoseEstimator:
    """Build the estimator called `name`; it is closed by the caller.

    Args:
        name: A key of `HAND_POSE_ESTIMATORS`.
        *configurations: The estimator's own settings; its defaults when none are given.

    Raises:
        InputError: There is no such estimator, or a package or file that it needs is missing.
    """
    check_hand_pose_name(name)
    module, _, kind = HAND_POSE_ESTIMATORS[name].partition(":")
    return cast(HandPoseEstimator, getattr(import_module(module), kind)(*configurations))


def check_hand_pose_name(name: str) -> None:
    """Refuse a name that no estimator has; a long recording may lie before the first hand.

    Raises:
        InputError: There is no such estimator.
    """
    if name not in HAND_POSE_ESTIMATORS:
        known = ", ".join(HAND_POSE_ESTIMATORS)
        raise InputError("hand pose", "estimator", found=name, expected=f"one of {known}", remedy="correct the name")
