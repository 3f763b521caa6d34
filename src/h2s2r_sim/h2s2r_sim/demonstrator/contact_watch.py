"""Watches that bodies do not pass through each other while a demonstration is made."""

from __future__ import annotations

import mujoco

from h2s2r_perception.artefact import InputError
from h2s2r_sim.demonstrator.hand_body import FLESH_PREFIX
from h2s2r_sim.scene import OBJECT_COLLISION


class ContactWatch:
    """Remembers the deepest penetration of the object by each partner.

    Attributes:
        deepest_m: Partner (`hand`, or the name of a box of the scene) to its deepest penetration [m].
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        names = [model.geom(geom).name for geom in range(model.ngeom)]
        self._partner = ["hand" if name.startswith(FLESH_PREFIX) else name for name in names]
        self._object = {geom for geom, name in enumerate(names) if name.startswith(OBJECT_COLLISION)}
        self.deepest_m: dict[str, float] = {}

    def note(self, data: mujoco.MjData) -> None:
        """Take in the contacts of an instant."""
        for geoms, distance in zip(data.contact.geom.tolist(), data.contact.dist.tolist(), strict=True):
            if self._object.intersection(geoms):
                partner = self._partner[geoms[1] if geoms[0] in self._object else geoms[0]]
                self.deepest_m[partner] = max(self.deepest_m.get(partner, 0.0), -distance)

    def check(self, task_name: str, limit_m: float, remedy: str) -> None:
        """Refuse what went deeper than the limit.

        Raises:
            InputError: Naming task, partner and depth.
        """
        for partner, depth_m in self.deepest_m.items():
            if depth_m > limit_m:
                raise InputError(
                    f"demonstration of {task_name}",
                    f"penetration of {partner} and object",
                    found=f"{depth_m * 1000:.2f} mm",
                    expected=f"at most {limit_m * 1000:.2f} mm",
                    remedy=remedy,
                )
