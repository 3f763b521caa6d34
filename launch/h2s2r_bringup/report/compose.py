"""Puts a run's artefacts into the page: which figure, drawing and video goes where, in words for people."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from h2s2r_bringup.report import plots, sources, video
from h2s2r_bringup.report.figures import (
    CONTENDERS,
    PERCEPTION_KEYS,
    RETARGETING_KEYS,
    TWIN_KEYS,
    Figures,
    gather,
)
from h2s2r_bringup.report.page import ErrorRow, Page, Picture, SecondsRow, SuccessRow, Tile, TwinSection, render
from h2s2r_bringup.report.twin import TwinPicture, twin_picture
from h2s2r_bringup.run_folder import RunFolder, is_imported

if TYPE_CHECKING:
    from h2s2r_sim.task import Task


def write_report(run: RunFolder, name: str, task: Task | None = None) -> Figures:
    """Write `report.html`; it appears whole or not at all.

    Args:
        run: The run; any artefact may still be missing, the page then says which command makes it.
        name: For the title.
        task: Its scene and object are drawn over the recording; without it that section is left out.

    Returns:
        The figures shown.
    """
    twin = twin_picture(run, task)
    figures = gather(run, twin)
    html = render(compose(run, name, figures, twin, sources.fingerprint(run, task)))
    partial = run.report.with_name(f".{run.report.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(html)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(run.report)
    return figures


def report_is_current(run: RunFolder, task: Task | None = None) -> bool:
    """Whether the page on disk shows the artefacts of now."""
    if not run.report.is_file():
        return False
    with run.report.open(encoding="utf-8") as file:
        head = file.read(1000)
    return f'content="{sources.fingerprint(run, task)}"' in head


def compose(run: RunFolder, name: str, figures: Figures, twin: TwinPicture | None, fingerprint: str) -> Page:
    """Choose what the page shows."""
    values = figures.values
    curve = sources.learning_curve(run.training / sources.CURVE)
    path = sources.object_path(run)
    latencies = sources.latencies_ms(run.deployment)
    drawings = {
        "curve": "" if curve is None else plots.learning_curve(curve),
        "path": "" if path is None else plots.object_path(path.tracked, path.truth, path.stamp_s),
        "latency": plots.latency({hop.replace("_", " "): samples for hop, samples in latencies.items()})
        if latencies
        else "",
    }
    rendered = not is_imported(run)
    training_s = None if curve is None else float(curve.seconds[-1])
    return Page(
        task=name,
        summary=summary(values, training_s, rendered=rendered),
        fingerprint=fingerprint,
        videos=_videos(run),
        human_caption="rendered; the only demonstration there is" if rendered else "the only demonstration there is",
        robot_caption="the first trial, through ROS 2 nodes and the live tracker",
        tiles=_tiles(values),
        success=_success_rows(values),
        success_note=_SUCCESS_NOTE,
        plots=drawings,
        twin=_twin_section(twin),
        hands=_hands(run),
        errors=_error_rows(values),
        seconds=_seconds_rows(sources.stage_seconds(run)),
        provenance=sources.provenance(),
    )


_SUCCESS_NOTE = (
    "Strict success: at the end the mean anchor distance is below the task's limit, and the object was never lost. "
    "Policy and baselines meet the same start poses and the same randomisation; trials through ROS 2 see the object "
    "only through the live tracker."
)


def summary(values: Mapping[str, float], training_s: float | None, *, rendered: bool) -> str:
    """One or two sentences: what happened in this run, as far as it went.

    Args:
        values: The figures.
        training_s: Time spent in training; None before it began.
        rendered: Whether the recording comes from the synthetic demonstrator, which the page must not hide.
    """
    who = "A rendered human hand" if rendered else "A person"
    if training_s is None:
        return f"{who} does the task once. This page grows with each stage that is run."
    text = f"{who} did the task once. From that one video a policy was learned in {duration(training_s)}"
    reached = []
    if "success_policy" in values and "success_policy_n" in values:
        count = int(values["success_policy_n"])
        reached.append(f"in {100 * values['success_policy']:.1f} % of {count} randomised simulated episodes")
    if "deployed_success" in values and "deployed_n" in values:
        trials = int(values["deployed_n"])
        reached.append(f"in {round(values['deployed_success'] * trials)} of {trials} trials through ROS 2 nodes")
    return f"{text}; it reaches the goal {' and '.join(reached)}." if reached else f"{text}."


def duration(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
    return f"{minutes} min {rest:02d} s"


def _videos(run: RunFolder) -> dict[str, str]:
    found = {}
    if (run.recording / "rgb" / "00000.png").is_file():
        found["human"] = video.from_frames(run.recording / "rgb", sources.frame_rate_hz(run))
    for name, path in (
        ("overlay", run.demonstration / sources.OVERLAY),
        ("robot", _first_that_exists(run.deployment / sources.ROLLOUT, run.evaluation / sources.ROLLOUT)),
    ):
        if path is not None and path.is_file():
            found[name] = video.from_file(path)
    return found


def _first_that_exists(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _tiles(values: Mapping[str, float]) -> list[Tile]:
    tiles = []
    if "success_policy" in values:
        tiles.append(Tile(f"{100 * values['success_policy']:.1f} %", "policy success, simulated"))
    if "deployed_success" in values and "deployed_n" in values:
        trials = int(values["deployed_n"])
        tiles.append(Tile(f"{round(values['deployed_success'] * trials)} / {trials}", "trials through ROS 2"))
    if "object_translation_mm_p50" in values:
        tiles.append(Tile(f"{values['object_translation_mm_p50']:.2f} mm", "object position error, median"))
    if "latency_ms_p50" in values:
        tiles.append(Tile(f"{values['latency_ms_p50']:.0f} ms", "image to joint command, median"))
    return tiles


def _success_rows(values: Mapping[str, float]) -> list[SuccessRow]:
    rows = []
    for who, name in CONTENDERS.items():
        key = f"success_{who}"
        if all(key + end in values for end in ("", "_lo", "_hi", "_n")):
            low, high, count = values[f"{key}_lo"], values[f"{key}_hi"], int(values[f"{key}_n"])
            rows.append(SuccessRow(name, values[key], low, high, count, ours=who == "policy"))
    if "deployed_success" in values and "deployed_n" in values:
        from h2s2r_sim.evaluation import wilson_interval

        count = int(values["deployed_n"])
        low, high = wilson_interval(round(values["deployed_success"] * count), count)
        rows.append(SuccessRow("Policy through ROS 2", values["deployed_success"], low, high, count, ours=True))
    return rows


def _error_rows(values: Mapping[str, float]) -> list[ErrorRow]:
    groups = (("perceive", PERCEPTION_KEYS), ("retarget", RETARGETING_KEYS))
    return [
        ErrorRow(stage, label, f"{values[key]:.3g}")
        for stage, keys in groups
        for key, label in keys.items()
        if key in values
    ]


def _twin_section(twin: TwinPicture | None) -> TwinSection | None:
    if twin is None:
        return None
    rows = [
        ErrorRow("twin", label, f"{twin.figures[key]:.3g}") for key, label in TWIN_KEYS.items() if key in twin.figures
    ]
    return TwinSection(twin.url, rows)


_HANDS = {
    "hands_in_image.jpg": ("In the camera's image", "the robot's hand where it begins, and the human's bones"),
    "hands_from_left.jpg": ("From the left", "white: from a robot fingertip to the human's that it follows"),
    "hands_from_right.jpg": ("From the right", "each finger in its colour, the thumb in yellow"),
}
"""Files of the Retargeting (`h2s2r_sim.retargeting_view`), and what they show."""


def _hands(run: RunFolder) -> list[Picture]:
    found = [(run.retargeting / name, *words) for name, words in _HANDS.items() if (run.retargeting / name).is_file()]
    return [
        Picture("data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii"), title, text)
        for path, title, text in found
    ]


def _seconds_rows(seconds: Mapping[str, float]) -> list[SecondsRow]:
    longest = max(seconds.values(), default=1.0) or 1.0
    return [SecondsRow(stage, 100 * spent / longest, duration(spent)) for stage, spent in seconds.items()]
