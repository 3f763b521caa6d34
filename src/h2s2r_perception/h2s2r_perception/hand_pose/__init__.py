"""Hand pose: 21 joints of one hand from colour and depth."""

from h2s2r_perception.hand_pose.estimator import HandEstimate, HandLandmarks, HandPoseEstimator
from h2s2r_perception.hand_pose.fuse import FuseConfiguration, HandPath, fuse_hand_path
from h2s2r_perception.hand_pose.hand_size import HandSize
from h2s2r_perception.hand_pose.lift import LiftConfiguration, lift_hand
from h2s2r_perception.hand_pose.whole_recording import fit_one_hand

__all__ = [
    "FuseConfiguration",
    "HandEstimate",
    "HandLandmarks",
    "HandPath",
    "HandPoseEstimator",
    "HandSize",
    "LiftConfiguration",
    "fit_one_hand",
    "fuse_hand_path",
    "lift_hand",
]
