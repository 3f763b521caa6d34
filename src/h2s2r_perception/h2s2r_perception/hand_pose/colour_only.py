"""Joints from one colour image without depth.

Shape and direction are as good as the landmarks and an adult's bones make them; the distance is only what a hand
of average size would have, some ten percent off. Demonstrations need depth: this serves images that have none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.hand_pose.estimator import HandLandmarks
from h2s2r_perception.hand_pose.hand_size import ADULT, HandSize
from h2s2r_perception.hand_pose.joint_fit import JointFitConfiguration, fit_joints
from h2s2r_perception.hand_pose.rigid_fit import fit_rigid

COLOUR_ONLY = JointFitConfiguration(shape_error_m=0.012, bend_error_m=0.012, palm_error_m=0.012)
"""Without depth the detected shape is all that there is, across the palm as well."""


def joints_without_depth(
    landmarks: HandLandmarks, camera_matrix: NDArray[np.float64], hand_size: HandSize = ADULT
) -> NDArray[np.float64]:
    """The joints `(21, 3)` [m] in the camera frame.

    Args:
        landmarks: One hand in the image.
        camera_matrix: Intrinsics `(3, 3)` [px].
        hand_size: Of this person; any adult's by default.
    """
    unknown = np.full(21, np.nan)
    rigid, _ = fit_rigid(landmarks, unknown, camera_matrix)
    hidden = np.zeros((1, 21), dtype=bool)
    fit = fit_joints(landmarks.pixels[None], unknown[None], hidden, rigid[None], camera_matrix, hand_size, COLOUR_ONLY)
    return fit.joints[0]
