"""Folders that appear whole or not at all, and know what they were made from.

Every artefact holds a `meta.json`: schema, the SHA-256 of each input, the configuration and the
command that made it, and its quality figures. It is written to a hidden sibling and renamed, so a
crash or a full disk leaves either the old folder or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h2s2r_perception.artefact.configuration import as_plain
from h2s2r_perception.artefact.errors import InputError

META = "meta.json"


@dataclass(frozen=True)
class Schema:
    """Name and version of an artefact's layout; a newer version than ours is refused."""

    name: str
    version: int


@dataclass
class ArtefactWriter:
    """What a stage fills while its artefact is being made."""

    folder: Path
    """Where to write files; renamed to the final place at the end."""
    quality: dict[str, Any] = field(default_factory=dict)
    """Figures to keep in `meta.json`, keys with their units."""
    fields: dict[str, Any] = field(default_factory=dict)
    """Further top-level entries of `meta.json` (camera name, stamps, ...)."""


@contextlib.contextmanager
def writing(
    folder: Path,
    schema: Schema,
    *,
    inputs: Mapping[str, Path] | None = None,
    configuration: Any = None,
) -> Iterator[ArtefactWriter]:
    """Make an artefact atomically.

    Args:
        folder: The final place; an older artefact there is replaced only when the new one is whole.
        schema: Name and version of the layout.
        inputs: Files and artefact folders it is made from; their hashes go into `meta.json`.
        configuration: The dataclass (or mapping) that shaped it.

    Raises:
        InputError: The disk is full or not writable; nothing is left behind.
    """
    recover(folder)
    hashes = {name: content_sha256(path) for name, path in (inputs or {}).items()}
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    started = time.time()
    try:
        partial.mkdir(parents=True)
        writer = ArtefactWriter(partial)
        yield writer
        meta = {
            "schema": schema.name,
            "schema_version": schema.version,
            "inputs": hashes,
            "configuration": as_plain(configuration),
            "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            "seconds": round(time.time() - started, 3),
            "quality": as_plain(writer.quality),
            **as_plain(writer.fields),
            "content_sha256": _hash_folder(partial),
        }
        _write_synced(partial / META, json.dumps(meta, indent=2) + "\n")
        _replace(partial, folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            raise InputError(
                folder,
                "disk",
                found=error.strerror or str(error),
                expected="room to write this artefact",
                remedy="free some space or choose another --root; nothing was overwritten",
            ) from error
        raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def read_meta(
    folder: Path, schema: Schema, *, remedy: str = "make it with the stage before this one"
) -> dict[str, Any]:
    """Read and check an artefact's `meta.json`.

    Raises:
        InputError: It is missing, unreadable, of another kind, or of a newer schema than this code knows.
    """
    recover(folder)
    path = folder / META
    if not path.is_file():
        raise InputError(folder, META, found="no such file", expected=f"a {schema.name} artefact", remedy=remedy)
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "content", found=str(error), expected="JSON", remedy=remedy) from error
    if not isinstance(meta, dict) or meta.get("schema") != schema.name:
        found = repr(meta.get("schema")) if isinstance(meta, dict) else type(meta).__name__
        raise InputError(path, "schema", found=found, expected=repr(schema.name), remedy="give the right folder")
    version = meta.get("schema_version")
    if not isinstance(version, int) or version > schema.version:
        raise InputError(
            path,
            "schema_version",
            found=str(version),
            expected=f"at most {schema.version}",
            remedy="update h2s2r: this artefact was made by a newer one",
        )
    return meta


def is_current(
    folder: Path, schema: Schema, *, inputs: Mapping[str, Path] | None = None, configuration: Any = None
) -> bool:
    """Whether the artefact exists and was made from these very inputs and this configuration."""
    recover(folder)
    if not (folder / META).is_file():
        return False
    meta = read_meta(folder, schema)
    hashes = {name: content_sha256(path) for name, path in (inputs or {}).items()}
    same_configuration = meta.get("configuration") == json.loads(json.dumps(as_plain(configuration)))
    return meta["schema_version"] == schema.version and meta.get("inputs") == hashes and bool(same_configuration)


def content_sha256(path: Path) -> str:
    """SHA-256 of a file, or of an artefact folder's content as its `meta.json` states it."""
    meta = path / META
    if meta.is_file():
        stated = json.loads(meta.read_text(encoding="utf-8")).get("content_sha256")
        if stated:
            return str(stated)
    if path.is_dir():
        return _hash_folder(path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            path, "file", found=error.strerror or str(error), expected="a readable file", remedy="check the path"
        ) from error


def recover(folder: Path) -> None:
    """Finish a replacement that was cut off between its two renames."""
    previous = _previous(folder)
    if not previous.exists():
        return
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
    else:
        previous.rename(folder)


def _replace(partial: Path, folder: Path) -> None:
    previous = _previous(folder)
    if folder.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    partial.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _hash_folder(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != META):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
