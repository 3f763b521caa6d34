"""Joints by name: whatever order a message has, arrays come out in the embodiment's order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

Vector = NDArray[np.float64]


class JointMap:
    """Remembers the wanted order, and the places of the last order of names it met.

    Args:
        joint_names: The wanted order.
    """

    def __init__(self, joint_names: Sequence[str]) -> None:
        self.joint_names = tuple(joint_names)
        self._met: tuple[str, ...] = ()
        self._places: NDArray[np.intp] = np.zeros(0, dtype=np.intp)

    def pick(self, names: Sequence[str], values: Sequence[float], *, source: str, field: str) -> Vector:
        """The values `(J,)` of the wanted joints, in the wanted order.

        Args:
            names: Of the message, any order; joints that are not wanted are ignored.
            values: One for each name.
            source: The topic, for the error.
            field: `position` or `velocity`, for the error.

        Raises:
            InputError: A joint is missing, twice there, has no value, or its value is not finite.
        """
        if tuple(names) != self._met:
            self._places = self._find(names, source)
            self._met = tuple(names)
        array = np.asarray(values, dtype=np.float64)
        if array.shape != (len(names),):
            raise InputError(
                source,
                field,
                found=f"{array.size} values",
                expected=f"{len(names)}, one for each name",
                remedy="correct the driver that publishes it",
            )
        picked = array[self._places]
        if not np.isfinite(picked).all():
            joint = int(np.argmin(np.isfinite(picked)))
            raise InputError(
                source,
                f"{field} of joint `{self.joint_names[joint]}`",
                found=str(picked[joint]),
                expected="a finite number",
                remedy="check the encoder or the driver; the message was ignored",
            )
        return picked

    def _find(self, names: Sequence[str], source: str) -> NDArray[np.intp]:
        place = {name: index for index, name in enumerate(names)}
        for name in self.joint_names:
            if list(names).count(name) != 1:
                raise InputError(
                    source,
                    f"joint `{name}`",
                    found="no such joint" if name not in place else "it twice",
                    expected="each of the embodiment's joints once",
                    remedy="start its driver, or map its name; the message was ignored",
                )
        return np.array([place[name] for name in self.joint_names], dtype=np.intp)
