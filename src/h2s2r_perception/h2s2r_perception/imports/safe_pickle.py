"""Reads pickles of arrays and plain values, and nothing else: a pickle can name any function to call."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError

_ARRAY_PARTS = frozenset({"_reconstruct", "scalar", "ndarray", "dtype"})
_PLAIN = {"builtins": frozenset({"complex", "set", "frozenset", "bytearray"})}
_PLAIN["__builtin__"] = _PLAIN["builtins"]


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"} and name in _ARRAY_PARTS:
            # NumPy 2 renamed the module that older pickles name.
            return getattr(np if module == "numpy" else np._core.multiarray, name)  # type: ignore[attr-defined]
        if name in _PLAIN.get(module, frozenset()):
            return super().find_class("builtins", name)
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array and no plain value")


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 pickles bytes for protocol 2; another encoding is not accepted."""
    return text.encode("latin1")


def read_pickle(path: Path) -> Any:
    """Read a pickle of NumPy arrays and built-in values, of Python 2 or 3.

    Raises:
        InputError: It is missing, cut off, or holds objects of any other kind.
    """
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file, encoding="latin1").load()
    except Exception as error:  # a broken pickle may raise anything
        raise InputError(
            path,
            "content",
            found=str(error) or type(error).__name__,
            expected="a pickle of arrays and plain values",
            remedy="restore the file",
        ) from error
