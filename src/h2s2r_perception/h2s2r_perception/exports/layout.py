"""A format that a Recording can be written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from h2s2r_perception.exports.source import ExportSource


@dataclass(frozen=True)
class ExportOptions:
    """What a format asks for that a Recording does not hold."""

    object_id: int = 1
    """Number of the object in a BOP dataset."""
    world_frame: str = "world"
    """Name of the robot's base in a bag's /tf_static."""


@dataclass(frozen=True)
class ExportLayout:
    """A writer, by name."""

    name: str
    description: str
    write: Callable[[ExportSource, Path, ExportOptions], tuple[str, ...]]
    """Writes a folder or file that is not there yet; returns what the user should know of it."""
    suffix: str = ""
    """Ending that the output must have; empty for a folder."""
