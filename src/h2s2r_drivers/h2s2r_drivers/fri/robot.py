"""The LBR iiwa 14 as data: joints in the order of the wire, and what they must stay within."""

from __future__ import annotations

import numpy as np

from h2s2r_drivers.joint_limits import JointLimits

JOINT_NAMES = tuple(f"lbr_A{number}" for number in range(1, 8))
"""As in the URDF of `lbr_description`."""
_POSITION = np.radians([170.0, 120.0, 170.0, 120.0, 170.0, 120.0, 175.0])
_VELOCITY = np.radians([85.0, 85.0, 100.0, 75.0, 130.0, 135.0, 135.0])
_ACCELERATION = np.array([7.5, 7.5, 10.0, 10.0, 10.0, 20.0, 20.0])
LIMITS = JointLimits(-_POSITION, _POSITION, _VELOCITY, _ACCELERATION)
"""Position and velocity of the data sheet; accelerations [rad/s^2] are the embodiment's, far below the machine's."""
TORQUE_LIMIT_NM = np.array([320.0, 320.0, 176.0, 176.0, 110.0, 40.0, 40.0])
"""Of the data sheet."""
