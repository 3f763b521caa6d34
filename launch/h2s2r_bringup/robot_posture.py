"""Joint positions from a file, by name, and where they put the gripper."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment

FloatArray = NDArray[np.float64]


def read_joint_positions(path: Path, embodiment: Embodiment, *, arm_only: bool = False) -> FloatArray:
    """Read postures `(V, J)` [rad] in the embodiment's order.

    The file is a CSV with joint names in its first line and a posture in each further one, a JSON object of name
    to a number or a list, or an NPZ of such arrays (`joint_names` and `joint_position` are read too). Columns
    with other names (a stamp) are passed over.

    Args:
        path: `.csv`, `.json` or `.npz`.
        embodiment: Names the joints.
        arm_only: The hand may be missing; it is then taken at its home.

    Raises:
        InputError: It cannot be read, a joint is missing, or a number is none or looks like degrees.
    """
    columns = _columns(path)
    postures = []
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1 or not next(iter(counts), 0):
        raise InputError(
            path, "rows", found=f"columns of {sorted(counts)} rows", expected="as many rows in each", remedy="mend it"
        )
    for index, name in enumerate(embodiment.joint_names):
        if name not in columns:
            if arm_only and name in embodiment.hand_joint_names:
                postures.append(np.full(next(iter(counts)), embodiment.home[index]))
                continue
            raise InputError(
                path,
                "joint",
                found=", ".join(list(columns)[:8]) or "no column",
                expected=f"one named {name}",
                remedy=f"name the joints as {embodiment.name} does",
            )
        postures.append(
            _checked(path, name, columns[name], embodiment.limits.lower[index], embodiment.limits.upper[index])
        )
    return np.stack(postures, axis=1)


def gripper_poses(joint_position: FloatArray, embodiment: Embodiment) -> FloatArray:
    """`T_base_palm (V, 4, 4)` [m] of postures `(V, J)` [rad]: the palm is the gripper's frame."""
    from h2s2r_retarget.kinematics import BatchedKinematics

    return np.asarray(BatchedKinematics(embodiment).palm(joint_position).T_world_palm)


def _columns(path: Path) -> dict[str, FloatArray]:
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, skipinitialspace=True))
            return {name: _floats([row[name] for row in rows]) for name in (rows[0] if rows else {})}
        if path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(content, Mapping):
                raise ValueError("not an object of joint names")
            return {str(name): _floats(np.ravel(values)) for name, values in content.items()}
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                if "joint_names" in stored and "joint_position" in stored:
                    positions = np.atleast_2d(stored["joint_position"])
                    return {str(name): _floats(positions[:, i]) for i, name in enumerate(stored["joint_names"])}
                return {name: _floats(np.ravel(stored[name])) for name in stored.files}
    except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(
            path, "content", found=str(error), expected="joint positions by name", remedy="export them again"
        ) from error
    raise InputError(path, "ending", found=path.suffix, expected=".csv, .json or .npz", remedy="export it as one")


def _floats(values: Sequence[object] | NDArray) -> FloatArray:
    try:
        return np.array([float(value) for value in values])  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a column of text is no joint; as one it is refused as not finite
        return np.full(len(values), np.nan)


def _checked(path: Path, name: str, values: FloatArray, lower: float, upper: float) -> FloatArray:
    margin = 0.05
    bad = ~np.isfinite(values) | (values < lower - margin) | (values > upper + margin)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            path,
            f"{name}, row {row}",
            found=f"{values[row]:g}",
            expected=f"{lower:.2f} to {upper:.2f} rad",
            remedy="are these degrees?",
        )
    return values
