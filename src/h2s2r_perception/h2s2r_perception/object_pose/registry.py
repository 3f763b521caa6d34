"""Which object pose estimators there are; a new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from h2s2r_perception.artefact import InputError
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.object_pose.protocol import ObjectPoseEstimator

DEFAULT_OBJECT_POSE = "signed_distance"
OBJECT_POSE_ESTIMATORS = {
    DEFAULT_OBJECT_POSE: "h2s2r_perception.object_pose.tracker:SignedDistanceTracker",
    "foundation_pose": "h2s2r_perception.object_pose.foundation_pose:FoundationPoseEstimator",
}
"""Name -> class, called with the model and its own configuration, if one is given."""


def make_object_pose_estimator(name: str, model: ObjectModel, configuration: object = None) -> ObjectPoseEstimator:
    """Build the estimator called `name`.

    Args:
        name: A key of `OBJECT_POSE_ESTIMATORS`.
        model: The object.
        configuration: The estimator's own settings; its defaults when None.

    Raises:
        InputError: There is no such estimator, or a package, file or device that it needs is missing.
    """
    if name not in OBJECT_POSE_ESTIMATORS:
        known = ", ".join(OBJECT_POSE_ESTIMATORS)
        raise InputError("object pose", "estimator", found=name, expected=f"one of {known}", remedy="correct the name")
    module, _, kind = OBJECT_POSE_ESTIMATORS[name].partition(":")
    build = getattr(import_module(module), kind)
    return cast(ObjectPoseEstimator, build(model) if configuration is None else build(model, configuration))
