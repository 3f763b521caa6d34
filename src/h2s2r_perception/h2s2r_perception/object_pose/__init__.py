"""Object pose: a known mesh found and followed in colour and depth."""

from h2s2r_perception.object_pose.protocol import ObjectPoseEstimator, PoseEstimate
from h2s2r_perception.object_pose.tracker import SignedDistanceTracker

__all__ = ["ObjectPoseEstimator", "PoseEstimate", "SignedDistanceTracker"]
