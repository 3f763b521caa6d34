"""A stage of a task as its YAML states it: conditions on the object that must all hold at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Literal

from h2s2r_perception.artefact import InputError

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class Upright:
    """An axis of the object points along a direction of the world."""

    axis: Vector3
    """In the object's frame."""
    along: Vector3 = (0.0, 0.0, 1.0)
    """In the world."""
    within_rad: float = 0.35
    """Largest angle between them."""
    either_way: bool = False
    """The opposite direction counts as well."""


@dataclass(frozen=True)
class Over:
    """A point of the object is above the opening of a body of the scene (a spout over a saucepan)."""

    point_m: Vector3
    """In the object's frame."""
    body: str
    """A box of the scene, or a fixture: the boxes whose names begin with `body_`."""
    margin_m: float = 0.0
    """How far inside the body's outline, seen from above, the point has to be."""


@dataclass(frozen=True)
class Within:
    """The object's origin is inside an upright box of the world."""

    centre_m: Vector3
    size_m: Vector3
    """Full edge lengths."""


@dataclass(frozen=True)
class StageSpec:
    """One stage; what is not asked for is left out. The conditions hold at the same instant."""

    name: str
    when: Literal["once", "end"] = "once"
    """Reached as soon as it held `once`, or only if it holds at the `end` of the episode."""
    touches: str | None = None
    """Body or fixture that the object's surface is within `touch_m` of."""
    touch_m: float = 0.01
    above_table_m: float | None = None
    """The object's lowest point is at least this high above the table."""
    upright: Upright | None = None
    over: Over | None = None
    within: Within | None = None
    at_rest: bool = False
    """The object has moved by less than 5 mm and 0.05 rad within the last 0.4 s."""

    def check(self, task_name: str, bodies: Collection[str]) -> None:
        """Refuse a stage that names a body the scene lacks, or that asks for nothing.

        Args:
            task_name: Named in errors.
            bodies: Names of the scene's boxes, the table among them.

        Raises:
            InputError: As said.
        """
        for field, body in (("touches", self.touches), ("over.body", self.over.body if self.over else None)):
            if body is not None and not boxes_of(body, bodies):
                raise InputError(
                    f"task {task_name}",
                    f"success stage `{self.name}`: {field}",
                    found=repr(body),
                    expected=f"one of {', '.join(sorted(bodies))}, or the beginning of such names before `_`",
                    remedy="correct the task file",
                )
        conditions = [getattr(self, f.name) for f in fields(self) if f.name not in {"name", "when", "touch_m"}]
        if all(condition is None or condition is False for condition in conditions):
            raise InputError(
                f"task {task_name}",
                f"success stage `{self.name}`",
                found="no condition",
                expected="touches, above_table_m, upright, over, within or at_rest",
                remedy="add one, or remove the stage",
            )


def boxes_of(body: str, names: Collection[str]) -> list[str]:
    """The boxes that make up a body: the one of its name, or all whose names begin with `body_`."""
    return [name for name in names if name == body or name.startswith(f"{body}_")]
