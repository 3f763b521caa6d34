"""The bundled robots: an arm and what it carries."""

from __future__ import annotations

from types import ModuleType

from h2s2r_retarget.description import allegro, bracket, iiwa14, leap, wsg50
from h2s2r_retarget.description.model import Description


def _robot(name: str, *parts: ModuleType) -> Description:
    """Links and joints of the parts, the arm's first; each part is a module of tables."""
    materials = {colour: rgba for part in parts for colour, rgba in part.MATERIALS.items()}
    carried = [part for part in parts if hasattr(part, "LINKS")]
    return Description(
        name=name,
        links=tuple(link for part in carried for link in part.LINKS),
        joints=tuple(joint for part in carried for joint in part.JOINTS),
        materials=materials,
    )


ROBOTS = (
    _robot("iiwa14_allegro", iiwa14, bracket, allegro),
    _robot("iiwa14_leap", iiwa14, bracket, leap),
    _robot("iiwa14_umi", iiwa14, bracket, wsg50),
)
