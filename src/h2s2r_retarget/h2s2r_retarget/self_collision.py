"""Where a robot is in itself: overlaps of its own shapes, by pinocchio and coal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.embodiment import Embodiment


@dataclass(frozen=True)
class Overlap:
    """Two links that are in each other."""

    links: tuple[str, str]
    depth_m: float


class SelfCollision:
    """Asks which links of a robot overlap.

    Links that are joined overlap in their joint and are not asked about; a link without shapes between two others
    (the knuckle of a finger) joins them.

    Args:
        embodiment: The robot, with convex shapes in its URDF.
    """

    def __init__(self, embodiment: Embodiment) -> None:
        import coal
        import pinocchio

        self._coal, self._pinocchio = coal, pinocchio
        urdf = str(embodiment.urdf)
        self._model: Any = pinocchio.buildModelFromUrdf(urdf)
        self._geometry: Any = pinocchio.buildGeomFromUrdf(
            self._model, urdf, pinocchio.COLLISION, package_dirs=[str(embodiment.urdf.parent)]
        )
        self._data, self._geometry_data = self._model.createData(), self._geometry.createData()
        self._columns = [self._model.joints[self._model.getJointId(name)].idx_q for name in embodiment.joint_names]
        self._carriers = [int(shape.parentJoint) for shape in self._geometry.geometryObjects]
        self._pairs = self._asked()

    def overlaps(self, joint_position: NDArray[np.float64]) -> list[Overlap]:
        """Pairs of links in each other at `(J,)` rad or m, the deepest first."""
        q = np.zeros(self._model.nq)
        q[self._columns] = joint_position
        self._pinocchio.updateGeometryPlacements(self._model, self._data, self._geometry, self._geometry_data, q)
        request = self._coal.DistanceRequest(True, True)
        found: dict[tuple[str, str], float] = {}
        shapes = self._geometry.geometryObjects
        for a, b in self._pairs:
            at = [self._geometry_data.oMg[index] for index in (a, b)]
            transforms = [self._coal.Transform3s(place.rotation, place.translation) for place in at]
            distance = self._coal.distance(
                shapes[a].geometry,
                transforms[0],
                shapes[b].geometry,
                transforms[1],
                request,
                self._coal.DistanceResult(),
            )
            if distance < 0.0:
                links = self._link(a), self._link(b)
                found[links] = max(found.get(links, 0.0), -float(distance))
        return sorted((Overlap(*item) for item in found.items()), key=lambda overlap: -overlap.depth_m)

    def usual(self, postures: NDArray[np.float64], share: float = 0.25) -> set[tuple[str, str]]:
        """Pairs that overlap at so large a share of random postures `(N, J)` that their shapes must be too thick."""
        count = Counter(overlap.links for posture in postures for overlap in self.overlaps(posture))
        return {links for links, times in count.items() if times >= share * len(postures)}

    def _asked(self) -> list[tuple[int, int]]:
        shaped = set(self._carriers)
        pairs = []
        for a in range(len(self._carriers)):
            for b in range(a + 1, len(self._carriers)):
                one, other = self._carriers[a], self._carriers[b]
                if one != other and not (self._joined(one, other, shaped) or self._joined(other, one, shaped)):
                    pairs.append((a, b))
        return pairs

    def _joined(self, above: int, below: int, shaped: set[int]) -> bool:
        """Whether the body of joint `above` is the next one with a shape on the way from `below` to the base."""
        while below > 0:
            below = int(self._model.parents[below])
            if below in shaped:
                return below == above
        return above == 0

    def _link(self, shape: int) -> str:
        return str(self._model.frames[self._geometry.geometryObjects[shape].parentFrame].name)
