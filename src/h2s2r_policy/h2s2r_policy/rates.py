"""How often things happen, once for training, simulation and robot; the contract carries them with each policy."""

from __future__ import annotations

POLICY_RATE_HZ = 15.0
CONTROL_RATE_HZ = 60.0
"""Joint commands per second."""
CAMERA_RATE_HZ = 30.0
"""Object poses per second."""
