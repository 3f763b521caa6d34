"""The robot follows a hand as it moves: keypoints in at the camera's rate, joint targets out."""

from h2s2r_retarget.live.clutch import ClutchMode
from h2s2r_retarget.live.live_retargeter import LiveConfiguration, LiveRetargeter, LiveTarget
from h2s2r_retarget.live.one_euro import OneEuroConfiguration, OneEuroFilter, OneEuroRotation

__all__ = [
    "ClutchMode",
    "LiveConfiguration",
    "LiveRetargeter",
    "LiveTarget",
    "OneEuroConfiguration",
    "OneEuroFilter",
    "OneEuroRotation",
]
