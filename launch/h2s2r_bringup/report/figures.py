"""The figures of a run, flat: one key, one number, gathered from what the artefacts say of themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2s2r_bringup.run_folder import RunFolder, has_ground_truth
from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.folder import META

if TYPE_CHECKING:
    from h2s2r_bringup.report.twin import TwinPicture

PERCEPTION_KEYS: Mapping[str, str] = {
    "object_translation_mm_p50": "object position, median [mm]",
    "object_translation_mm_p95": "object position, 95th percentile [mm]",
    "object_rotation_deg_p50": "object orientation, median [deg]",
    "object_rotation_deg_p95": "object orientation, 95th percentile [deg]",
    "premanipulation_frame_error": "pre-manipulation frame [frames]",
    "hand_joint_mm_p50": "hand joints, median [mm]",
}
RETARGETING_KEYS: Mapping[str, str] = {
    "ik_palm_mm": "palm to its target [mm]",
    "ik_palm_deg": "palm to its target [deg]",
    "ik_fingertip_mm_mean": "fingertips to the human's, mean [mm]",
    "ik_penetration_mm": "deepest penetration [mm]",
}
TWIN_KEYS: Mapping[str, str] = {
    "twin_table_depth_mm_p50": "table: measured against twin depth, median [mm]",
    "twin_statics_depth_mm_p50": "boxes: measured against twin depth, median [mm]",
    "twin_object_depth_mm_p50": "object: measured against twin depth, median [mm]",
    "twin_object_iou": "object: twin's outline over its mask, intersection over union",
}
DEPLOYMENT_KEYS: Mapping[str, str] = {
    "deployed_success": "success through the ROS graph, rate",
    "deployed_n": "trials through the ROS graph",
    "latency_ms_p50": "image stamp to joint command, median [ms]",
    "latency_ms_p99": "image stamp to joint command, 99th percentile [ms]",
}
CONTENDERS: Mapping[str, str] = {
    "policy": "Policy",
    "replay": "Replay",
    "object_aware_replay": "Object-Aware Replay",
}
"""Who is evaluated on the same episodes, with the name for people."""

MAKES_PERCEPTION = "h2s2r demonstrate && h2s2r perceive"
MAKES_RETARGETING = "h2s2r retarget"
MAKES_EVALUATION = "h2s2r evaluate"
MAKES_DEPLOYMENT = "h2s2r up simulated --trials 10"


@dataclass(frozen=True)
class Figures:
    """What is known of a run, and how to learn the rest."""

    values: Mapping[str, float]
    missing: Mapping[str, str]
    """Key -> the command that makes it."""

    def flat(self) -> dict[str, Any]:
        """For `h2s2r report --json`: the figures, and `missing` when something is."""
        return {**self.values, **({"missing": dict(self.missing)} if self.missing else {})}


def gather(run: RunFolder, twin: TwinPicture | None = None) -> Figures:
    """Collect every figure that the artefacts of a run hold.

    Args:
        run: The run.
        twin: The digital twin over the recording, where it was drawn; what it does not show has no figure.

    Raises:
        InputError: An artefact is there but unreadable.
    """
    groups = (
        (perception_accuracy(run), PERCEPTION_KEYS, MAKES_PERCEPTION),
        (quality(run.retargeting), RETARGETING_KEYS, MAKES_RETARGETING),
        (quality(run.evaluation), evaluation_keys(), MAKES_EVALUATION),
        (quality(run.deployment), DEPLOYMENT_KEYS, MAKES_DEPLOYMENT),
    )
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for known, keys, command in groups:
        for key in keys:
            value = known.get(key)
            if isinstance(value, int | float) and math.isfinite(value):
                values[key] = value
            else:
                missing[key] = command
    values |= {key: value for key, value in (twin.figures if twin else {}).items() if key in TWIN_KEYS}
    if not (run.demonstration / META).is_file():
        missing |= {key: MAKES_PERCEPTION for key in TWIN_KEYS if key not in values}
    return Figures(values, missing)


def evaluation_keys() -> tuple[str, ...]:
    """`success_<who>` with its Wilson interval and count, for each contender."""
    return tuple(f"success_{who}{end}" for who in CONTENDERS for end in ("", "_lo", "_hi", "_n"))


def perception_accuracy(run: RunFolder) -> Mapping[str, Any]:
    """Error of the Demonstration against the recording's ground truth; empty without one."""
    if not (run.demonstration / META).is_file() or not has_ground_truth(run):
        return {}
    from h2s2r_perception.accuracy import compare_with_ground_truth

    figures: Mapping[str, Any] = compare_with_ground_truth(run.demonstration, run.ground_truth)
    return figures


def quality(folder: Path) -> Mapping[str, Any]:
    """The `quality` entry of an artefact's `meta.json`; empty when there is no artefact."""
    entry = meta(folder).get("quality", {})
    return entry if isinstance(entry, dict) else {}


def meta(folder: Path) -> Mapping[str, Any]:
    """An artefact's `meta.json`, whatever its kind; empty when there is no artefact.

    Raises:
        InputError: It is not JSON.
    """
    path = folder / META
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            path, "content", found=str(error), expected="JSON", remedy="make that artefact again with --force"
        ) from error
    return content if isinstance(content, dict) else {}
