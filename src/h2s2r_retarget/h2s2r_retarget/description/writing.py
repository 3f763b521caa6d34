"""Writes descriptions as files, beside what is there and never over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.hulls import hull_files
from h2s2r_retarget.description.model import Description
from h2s2r_retarget.description.urdf import to_urdf


def urdf_files(robot: Description) -> dict[str, str]:
    """The URDF and the meshes it names: text by file name."""
    return {f"{robot.name}.urdf": to_urdf(robot), **hull_files(robot)}


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write them all, or none if one is there already.

    Raises:
        InputError: One is there already, or the folder cannot be written to.
    """
    for name in files:
        if (folder / name).exists():
            raise InputError(
                folder / name,
                "file",
                found="one already",
                expected="none",
                remedy="give --output or --name",
            )
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            folder, "folder", found=error.strerror or str(error), expected="one to write to", remedy="give --output"
        ) from error
