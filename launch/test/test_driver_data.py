"""What the drivers know of the robot, without importing it, is what the embodiment says."""

import numpy as np

from h2s2r_drivers.allegro import models
from h2s2r_drivers.fri import robot
from h2s2r_retarget.embodiment import load_embodiment


def test_names_and_limits_of_the_drivers_are_the_embodiments():
    embodiment = load_embodiment("iiwa14_allegro")
    assert embodiment.joint_names == robot.JOINT_NAMES + models.JOINT_NAMES
    theirs_of = {"position_lower": "lower", "position_upper": "upper"}
    for name in ("position_lower", "position_upper", "velocity", "acceleration"):
        theirs = theirs_of.get(name, name)
        drivers = np.concatenate([getattr(robot.LIMITS, name), getattr(models.LIMITS, name)])
        np.testing.assert_allclose(drivers, getattr(embodiment.limits, theirs), atol=1e-6)
