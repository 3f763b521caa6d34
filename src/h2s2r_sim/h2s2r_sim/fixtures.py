"""What stands fixed in a scene: boxes, and things made of boxes (a saucepan, a dish rack)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from h2s2r_perception.artefact import InputError

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class BoxSpec:
    """A fixed box of the scene, in the world frame (robot base, z up)."""

    name: str
    size_m: Vector3
    """Full edge lengths."""
    position_m: Vector3
    """Centre."""
    yaw_rad: float = 0.0
    friction: float = 0.5


@dataclass(frozen=True)
class FixtureSpec:
    """A thing of a known kind; its boxes are named `<name>_0`, `<name>_1`, ..."""

    name: str
    kind: str
    """`saucepan` or `dish_rack`."""
    position_m: Vector3
    """Centre of its foot, which stands on the table."""
    yaw_rad: float = 0.0
    friction: float = 0.5

    def boxes(self) -> tuple[BoxSpec, ...]:
        """The boxes in the world frame.

        Raises:
            InputError: The kind is unknown.
        """
        if self.kind not in KINDS:
            raise InputError(
                f"fixture {self.name}",
                "kind",
                found=repr(self.kind),
                expected=f"one of {', '.join(KINDS)}",
                remedy="correct the task file",
            )
        cosine, sine = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        made = []
        for index, (size, (x, y, z), yaw) in enumerate(KINDS[self.kind]()):
            turned = (cosine * x - sine * y, sine * x + cosine * y, z)
            place = (
                self.position_m[0] + turned[0],
                self.position_m[1] + turned[1],
                self.position_m[2] + turned[2],
            )
            made.append(BoxSpec(f"{self.name}_{index}", size, place, self.yaw_rad + yaw, self.friction))
        return tuple(made)


_Part = tuple[Vector3, Vector3, float]
"""Full edge lengths, centre above the foot's centre, yaw."""

_PAN_RADIUS_M, _PAN_HEIGHT_M, _PAN_WALL_M, _PAN_SIDES = 0.09, 0.09, 0.006, 12


def _saucepan() -> list[_Part]:
    """A twelve-sided pot without its handle, open above."""
    floor = math.sqrt(2.0) * _PAN_RADIUS_M
    side = 2.0 * _PAN_RADIUS_M * math.tan(math.pi / _PAN_SIDES)
    turns = (0.0, math.pi / 6.0, math.pi / 3.0)
    parts: list[_Part] = [((floor, floor, 0.008), (0.0, 0.0, 0.004), turn) for turn in turns]
    for index in range(_PAN_SIDES):
        angle = 2.0 * math.pi * index / _PAN_SIDES
        centre = (_PAN_RADIUS_M * math.cos(angle), _PAN_RADIUS_M * math.sin(angle), _PAN_HEIGHT_M / 2)
        parts.append(((_PAN_WALL_M, side, _PAN_HEIGHT_M), centre, angle))
    return parts


RACK_RAIL_Y_M, RACK_RAIL_HEIGHT_M, RACK_SLOTS, RACK_PITCH_M, RACK_TINE_M = 0.05, 0.02, 3, 0.05, 0.11


def _dish_rack() -> list[_Part]:
    """Two rails along x, with tines between which plates stand on edge, their axis along x."""
    length = RACK_SLOTS * RACK_PITCH_M + 0.03
    parts: list[_Part] = []
    for side in (-1.0, 1.0):
        y = side * RACK_RAIL_Y_M
        parts.append(((length, 0.012, RACK_RAIL_HEIGHT_M), (0.0, y, RACK_RAIL_HEIGHT_M / 2), 0.0))
        for index in range(RACK_SLOTS + 1):
            x = (index - RACK_SLOTS / 2) * RACK_PITCH_M
            parts.append(((0.008, 0.008, RACK_TINE_M), (x, y, RACK_RAIL_HEIGHT_M + RACK_TINE_M / 2), 0.0))
    return parts


KINDS: Mapping[str, Callable[[], list[_Part]]] = {"saucepan": _saucepan, "dish_rack": _dish_rack}
