"""A scene folder of the BOP format, for bop_toolkit: the inverse of `imports.bop`, which says where the facts are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.exports.frames import copy_frames, copy_masks
from h2s2r_perception.exports.layout import ExportLayout, ExportOptions
from h2s2r_perception.exports.source import ExportSource, FloatArray
from h2s2r_perception.geometry import inverse


def write(source: ExportSource, output: Path, options: ExportOptions) -> tuple[str, ...]:
    """Write the scene; the object gets the number `options.object_id`."""
    recording, notes = source.recording, ["no stamps in this layout"]
    copy_frames(recording, output, "{:06d}.png")
    T_camera_world = inverse(recording.T_world_camera)
    camera = {
        "cam_K": _rounded(recording.camera_matrix),
        "depth_scale": 1000.0 * recording.depth_scale_m,
        "cam_R_w2c": _rounded(T_camera_world[:3, :3]),
        "cam_t_w2c": _rounded(1000.0 * T_camera_world[:3, 3]),
    }
    _write(output / "scene_camera.json", {str(index): camera for index in range(recording.frame_count)})
    poses = source.T_camera_truth
    if poses is None and source.T_camera_object is not None:
        poses = source.T_camera_object
        notes.append("scene_gt.json holds what was perceived, not the truth")
    if poses is not None:
        _write(output / "scene_gt.json", _annotations(poses, options.object_id))
    if source.masks is not None:
        copy_masks(source.masks, output / "mask_visib", recording.frame_count, "{:06d}_000000.png")
    return tuple(notes)


LAYOUT = ExportLayout("bop", "a BOP scene: rgb/ depth/ scene_camera.json scene_gt.json mask_visib/", write)


def _annotations(poses: FloatArray, object_id: int) -> dict[str, list[dict[str, Any]]]:
    known = np.asarray(np.isfinite(poses).all(axis=(1, 2)))
    return {
        str(index): [{"cam_R_m2c": _rounded(T[:3, :3]), "cam_t_m2c": _rounded(1000.0 * T[:3, 3]), "obj_id": object_id}]
        if known[index]
        else []
        for index, T in enumerate(poses)
    }


def _rounded(values: FloatArray) -> list[float]:
    """Row by row; twelve digits keep a rotation a rotation."""
    return [round(float(value), 12) for value in np.asarray(values).reshape(-1)]


def _write(path: Path, content: dict[str, Any]) -> None:
    """One image a line, as in the datasets."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    path.write_text("{\n" + lines + "\n}\n", encoding="utf-8")
