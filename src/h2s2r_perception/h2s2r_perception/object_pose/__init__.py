"""Object pose: a known mesh found and followed in colour and depth."""

from h2s2r_perception.object_pose.protocol import ObjectPoseEstimator, PoseEstimate
from h2s2r_perception.object_pose.registry import (
    DEFAULT_OBJECT_POSE,
    OBJECT_POSE_ESTIMATORS,
    make_object_pose_estimator,
)
from h2s2r_perception.object_pose.tracker import SignedDistanceTracker

__all__ = [
    "DEFAULT_OBJECT_POSE",
    "OBJECT_POSE_ESTIMATORS",
    "ObjectPoseEstimator",
    "PoseEstimate",
    "SignedDistanceTracker",
    "make_object_pose_estimator",
]
