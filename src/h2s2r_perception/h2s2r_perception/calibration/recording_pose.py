"""Gives a Recording the camera pose that a calibration found; what stood there before is kept, and named."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, read_meta
from h2s2r_perception.artefact.folder import META
from h2s2r_perception.recording import RECORDING_SCHEMA, Recording

FloatArray = NDArray[np.float64]


def apply_to_recording(recording: Path, T_world_camera: FloatArray, source: str, *, replace: bool = False) -> None:
    """Write `T_world_camera` into a Recording's `meta.json`.

    The content hash changes with it, so that everything made from the Recording counts as outdated. The pose
    before, and where the new one comes from, stay in `meta.json`.

    Args:
        recording: A valid Recording.
        T_world_camera: `(4, 4)` [m].
        source: Where the pose comes from, for people.
        replace: Overwrite a pose that is neither the identity ("unknown") nor the same.

    Raises:
        InputError: It is not a Recording, or has another pose and `replace` is not given.
    """
    before = Recording.open(recording).T_world_camera
    if np.allclose(before, T_world_camera, atol=1e-9):
        return
    known = not np.allclose(before, np.eye(4))
    if known and not replace:
        shift_mm = 1000 * float(np.linalg.norm(before[:3, 3] - T_world_camera[:3, 3]))
        raise InputError(
            recording / META,
            "T_world_camera",
            found=f"another pose already, {shift_mm:.1f} mm away",
            expected="none yet (the identity)",
            remedy="give --replace if the new one is right; the old one is kept in meta.json",
        )
    meta = read_meta(recording, RECORDING_SCHEMA)
    history = meta.setdefault("T_world_camera_before", [])
    history.append({"T_world_camera": before.tolist(), "source": meta.get("T_world_camera_source", "recorded")})
    meta["T_world_camera"] = np.asarray(T_world_camera).tolist()
    meta["T_world_camera_source"] = source
    stated = f"{meta.get('content_sha256', '')} {meta['T_world_camera']}"
    meta["content_sha256"] = hashlib.sha256(stated.encode()).hexdigest()
    partial = recording / f".{META}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(meta, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(recording / META)
