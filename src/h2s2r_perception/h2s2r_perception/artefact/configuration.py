"""Frozen dataclasses are the configuration; a YAML file overrides their defaults."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import dacite
import numpy as np
import yaml

from h2s2r_perception.artefact.errors import InputError

T = TypeVar("T")


def load_configuration(kind: type[T], path: Path, *, overrides: Mapping[str, Any] | None = None) -> T:
    """Read a YAML file into a frozen dataclass.

    Args:
        kind: The dataclass; nested dataclasses and tuples are filled from nested mappings and lists.
        path: The YAML file.
        overrides: Top-level values that win over the file's (command-line options).

    Raises:
        InputError: The file is missing, is not YAML, has an unknown key, lacks a required one, or
            holds a value of the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            path,
            "file",
            found=error.strerror or str(error),
            expected="a readable YAML file",
            remedy="check the path",
        ) from error
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise InputError(
            path, "syntax", found=str(error), expected="valid YAML", remedy="mend the line named"
        ) from error
    if not isinstance(values, dict):
        raise InputError(
            path,
            "top level",
            found=type(values).__name__,
            expected="a mapping",
            remedy="write `key: value` lines",
        )
    return from_mapping(kind, {**values, **(overrides or {})}, source=path)


def from_mapping(kind: type[T], values: Mapping[str, Any], *, source: Path | str) -> T:
    """Build the dataclass `kind` from plain values; `source` is named in errors."""
    config = dacite.Config(strict=True, cast=[tuple, Path], type_hooks={float: _as_float})
    try:
        return dacite.from_dict(kind, dict(values), config=config)
    except dacite.UnexpectedDataError as error:
        key = sorted(error.keys)[0]
        close = difflib.get_close_matches(key, _all_fields(kind), n=1)
        remedy = f"did you mean `{close[0]}`?" if close else "remove it"
        raise InputError(
            source, f"key `{key}`", found="an unknown key", expected=f"a field of {kind.__name__}", remedy=remedy
        ) from error
    except dacite.MissingValueError as error:
        raise InputError(
            source, f"key `{error.field_path}`", found="nothing", expected="a value", remedy="add the key"
        ) from error
    except dacite.DaciteError as error:
        field = getattr(error, "field_path", None) or "value"
        raise InputError(
            source, f"key `{field}`", found=str(error), expected="the type named", remedy="correct the value"
        ) from error


def as_plain(value: Any) -> Any:
    """Turn dataclasses, arrays and paths into what JSON and YAML can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return value


def _as_float(value: Any) -> Any:
    # YAML reads `1` as an integer; a float field means the same number.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _all_fields(kind: Any) -> list[str]:
    hints = typing.get_type_hints(kind)
    names: list[str] = []
    for field in dataclasses.fields(kind):
        names.append(field.name)
        for part in (hints[field.name], *typing.get_args(hints[field.name])):
            if dataclasses.is_dataclass(part):
                names += _all_fields(part)
    return names
