"""Puts an export where it belongs when it is whole, and never before."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from h2s2r_perception.artefact import InputError


@contextlib.contextmanager
def making(output: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a path beside `output`, of the same name, and move what was written there into place at the end.

    Args:
        output: A file or folder.
        replace: Whether one that is there already may go.

    Raises:
        InputError: There is something at `output` already.
    """
    if output.exists() and not replace:
        raise InputError(
            output, "output", found="something already", expected="an empty place", remedy="choose another, or --force"
        )
    partial = output.absolute().with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial / output.name
        if output.is_dir():
            shutil.rmtree(output)
        (partial / output.name).replace(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
