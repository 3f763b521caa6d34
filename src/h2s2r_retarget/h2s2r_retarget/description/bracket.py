"""The angled bracket that carries a hand of human shape on the arm's flange.

The palm's normal is 30 deg from the flange axis, whose line meets the middle of the palm 75 mm from the flange. The
published system's bracket has the normal along the flange axis (xyz 0.008219 -0.02063 0.08086, rpy 0 -pi/2 pi/4);
with it, poses from which the bundled box can be pushed are out of reach.
"""

from __future__ import annotations

from math import pi

from h2s2r_retarget.description.model import Capsule, Joint, Shape

MATERIALS = {"bracket_grey": (0.42, 0.44, 0.47, 1.0)}

SHAPE = Shape(Capsule((-0.0639, 0.0, -0.079), (-0.0266, 0.0, -0.0575), 0.026), "bracket_grey")
"""Of the palm link: from the flange to the back of the palm."""


def mount(name: str, palm_link: str) -> Joint:
    """The fixed joint from the flange to the palm's frame, whose origin is where the long fingers begin."""
    return Joint(name, "lbr_link_ee", palm_link, (-0.0258, -0.0258, 0.106804), (0.0, -pi / 3, pi / 4))
