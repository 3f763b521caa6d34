"""The bundled robot: iiwa 14 with a right Allegro hand."""

from __future__ import annotations

from h2s2r_retarget.description import allegro, iiwa14
from h2s2r_retarget.description.model import Description

MATERIALS = {
    "kuka_orange": (0.96, 0.45, 0.07, 1.0),
    "kuka_grey": (0.78, 0.79, 0.80, 1.0),
    "bracket_grey": (0.42, 0.44, 0.47, 1.0),
    "allegro_black": (0.13, 0.14, 0.16, 1.0),
    "allegro_white": (0.94, 0.94, 0.92, 1.0),
}

DESCRIPTION = Description(
    name="iiwa14_allegro",
    links=(*iiwa14.LINKS, *allegro.LINKS),
    joints=(*iiwa14.JOINTS, *allegro.JOINTS),
    materials=MATERIALS,
)
