"""Checkpoints that are whole or absent: written beside, synced, renamed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from h2s2r_perception.artefact import InputError

CHECKPOINT = "checkpoint.pt"
CURVE = "curve.csv"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write `state` as `folder/checkpoint.pt`; a crash leaves the checkpoint before it."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{CHECKPOINT}.partial"
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / CHECKPOINT)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint of `folder`, or nothing if training has not saved one yet.

    Raises:
        InputError: There is one, but it cannot be read.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        # Our own file: it holds NumPy arrays and generator states besides tensors.
        state = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise InputError(
            path,
            "checkpoint",
            found=str(error).splitlines()[0],
            expected="a checkpoint of h2s2r train",
            remedy=f"remove {folder} to train afresh",
        ) from error
    return dict(state)


def write_curve(folder: Path, rows: list[dict[str, float]]) -> None:
    """Write the training curve, one row for each iteration, as `folder/curve.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{CURVE}.partial"
    with partial.open("w", encoding="utf-8") as file:
        if rows:
            file.write(",".join(rows[0]) + "\n")
        file.writelines(",".join(f"{value:.6g}" for value in row.values()) + "\n" for row in rows)
    partial.replace(folder / CURVE)
