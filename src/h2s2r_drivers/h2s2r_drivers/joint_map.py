"""A driver's joints by name: whatever order a message has, arrays come out in the driver's order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from h2s2r_drivers.errors import DriverError

Vector = NDArray[np.float64]


class JointMap:
    """Remembers the driver's order, and the places of the last order of names it met.

    Args:
        joint_names: The driver's, in the order of its wire.
        others: Joints of the same robot that other drivers move; they may be in the message. Any other name is refused:
            whoever sent it means another robot.
    """

    def __init__(self, joint_names: Sequence[str], others: Collection[str] = ()) -> None:
        self.joint_names = tuple(joint_names)
        self._known = frozenset(joint_names) | frozenset(others)
        self._met: tuple[str, ...] = ()
        self._places: list[int] = []

    def pick(self, names: Sequence[str], values: Sequence[float]) -> Vector:
        """The values `(J,)` of the driver's joints, in its order; they may be NaN, which the guard judges.

        Raises:
            DriverError: A name is unknown, missing or there twice, or there is not one value for each.
        """
        if tuple(names) != self._met:
            self._places = self._find(list(names))
            self._met = tuple(names)
        if len(values) != len(names):
            raise DriverError(f"{len(values)} values for {len(names)} joint names; the message was ignored")
        return np.array([values[place] for place in self._places], dtype=np.float64)

    def _find(self, names: list[str]) -> list[int]:
        unknown = [name for name in names if name not in self._known]
        if unknown:
            raise DriverError(f"joint `{unknown[0]}` is not of this robot; the message was ignored")
        for name in self.joint_names:
            if names.count(name) != 1:
                found = "missing" if name not in names else "there twice"
                raise DriverError(f"joint `{name}` is {found}; the message was ignored")
        return [names.index(name) for name in self.joint_names]
