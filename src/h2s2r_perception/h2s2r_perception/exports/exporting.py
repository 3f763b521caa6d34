"""Write a Recording, and what is known about it, in another's format."""

from __future__ import annotations

from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.exports import bop, published, realsense, rosbag
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.place import making
from h2s2r_perception.exports.source import ExportSource

EXPORTS: tuple[ExportLayout, ...] = (rosbag.LAYOUT, realsense.LAYOUT, published.LAYOUT, bop.LAYOUT)


def export_recording(
    source: ExportSource,
    output: Path,
    layout: str,
    options: ExportOptions | None = None,
    *,
    replace: bool = False,
) -> tuple[str, ...]:
    """Write the export; it appears whole or not at all.

    Args:
        source: What to write.
        output: Folder or file that is to appear.
        layout: One of `EXPORTS` by name.
        options: What the format asks for.
        replace: Whether what is at `output` may go.

    Returns:
        What the user should know of it.

    Raises:
        InputError: There is no such layout, something is at `output`, or a part of the source is unusable.
    """
    kind = next((kind for kind in EXPORTS if kind.name == layout), None)
    if kind is None:
        names = ", ".join(kind.name for kind in EXPORTS)
        raise InputError("--layout", "layout", found=layout, expected=names, remedy="choose one of these")
    if output.suffix != kind.suffix and kind.suffix:
        raise InputError(
            output, "name", found=output.name, expected=f"a name that ends in {kind.suffix}", remedy="name it so"
        )
    with making(output, replace=replace) as path:
        return kind.write(source, path, options or ExportOptions())
