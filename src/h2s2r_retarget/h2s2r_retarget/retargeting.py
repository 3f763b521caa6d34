"""The Retargeting artefact: where the robot starts, and the demonstration as a path of the robot.

retargeting/
  retargeting.npz   the arrays of `Retargeting`
  meta.json         residuals under `quality`; embodiment name and hash
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, Schema, read_meta
from h2s2r_retarget.embodiment import Embodiment

SCHEMA = Schema("retargeting", 1)
ARRAYS = "retargeting.npz"
_REMEDY = "make it again with `h2s2r retarget`"
_NAMES = ("joint_position", "T_object_palm", "path_joint_position", "path_T_world_palm", "path_stamp_s")

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Retargeting:
    """A robot's version of one demonstration; joints in the order of `Embodiment.joint_names`."""

    joint_position: Array
    """`(J,)` rad at the pre-manipulation frame; the path's first row."""
    T_object_palm: Array
    """`(4, 4)` there."""
    path_joint_position: Array
    """`(M, J)` rad."""
    path_T_world_palm: Array  # noqa: N815
    """`(M, 4, 4)`; world = robot base."""
    path_stamp_s: Array
    """`(M,)`, from 0 at the pre-manipulation frame."""
    joint_names: tuple[str, ...]
    embodiment: str
    """Name."""
    embodiment_sha256: str
    quality: Mapping[str, Any]
    """Residuals, keys with their units."""

    @classmethod
    def load(cls, folder: Path) -> Retargeting:
        """Read a Retargeting folder and check everything in it.

        Raises:
            InputError: The folder is no Retargeting, is of a newer schema, or an array is missing or malformed.
        """
        folder = Path(folder)
        meta = read_meta(folder, SCHEMA, remedy=_REMEDY)
        path = folder / ARRAYS
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(path, "content", found=str(error), expected="NumPy arrays", remedy=_REMEDY) from error
        for name in _NAMES:
            if name not in arrays:
                _refuse(path, name, "nothing", "an array of this name")
        for name in ("embodiment", "embodiment_sha256", "joint_names"):
            if name not in meta:
                _refuse(folder / "meta.json", name, "nothing", "what the retarget stage writes")
        result = cls(
            **{name: arrays[name] for name in _NAMES},
            joint_names=tuple(meta["joint_names"]),
            embodiment=str(meta["embodiment"]),
            embodiment_sha256=str(meta["embodiment_sha256"]),
            quality=dict(meta.get("quality", {})),
        )
        result.validate(path)
        return result

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder that is being made by `artefact.writing`."""
        self.validate(folder)
        np.savez_compressed(folder / ARRAYS, **{name: getattr(self, name) for name in _NAMES})

    def validate(self, source: Path) -> None:
        """Check shapes, types, finiteness and order in time.

        Args:
            source: Named in errors.

        Raises:
            InputError: Naming the first array that is wrong.
        """
        dof, steps = len(self.joint_names), len(np.atleast_1d(self.path_stamp_s))
        shapes: dict[str, tuple[int, ...]] = {
            "joint_position": (dof,),
            "T_object_palm": (4, 4),
            "path_joint_position": (steps, dof),
            "path_T_world_palm": (steps, 4, 4),
            "path_stamp_s": (steps,),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.dtype != np.float64 or array.shape != shape:
                _refuse(source, name, f"{array.dtype} of shape {array.shape}", f"float64 of shape {shape}")
            if not np.isfinite(array).all():
                _refuse(source, name, "NaN or infinite values", "finite numbers")
        if steps < 2 or not (np.diff(self.path_stamp_s) > 0).all():
            _refuse(source, "path_stamp_s", "stamps that do not increase", "at least 2 increasing stamps")

    def check_embodiment(self, embodiment: Embodiment) -> None:
        """Refuse a robot other than the one this was made for.

        Raises:
            InputError: Another name or another hash.
        """
        if self.embodiment_sha256 != embodiment.sha256:
            raise InputError(
                "retargeting",
                "embodiment_sha256",
                found=f"{embodiment.name} {embodiment.sha256[:12]}",
                expected=f"{self.embodiment} {self.embodiment_sha256[:12]}",
                remedy="run `h2s2r retarget` for this embodiment",
            )


def _refuse(source: Path, field: str, found: str, expected: str) -> None:
    raise InputError(source, field, found=found, expected=expected, remedy=_REMEDY)
