"""The report's drawings, as SVG that follows the page's light or dark colours."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from h2s2r_bringup.report.sources import LearningCurve

FloatArray = NDArray[np.float64]
Drawing = TypeVar("Drawing", bound=Callable[..., str])

INK = "#010203"
"""Stands for the page's text colour; replaced by `currentColor` in the SVG."""
BLUE, ORANGE, GREEN, GREY = "#3b82f6", "#f97316", "#10b981", "#8b95a5"
"""Mid tones: readable on white and on near-black."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's font
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.8,
}


def _styled(draw: Drawing) -> Drawing:
    """Draw and render in our style; matplotlib reads some of it late, so it must hold until the end."""

    @functools.wraps(draw)
    def with_style(*arguments: Any, **options: Any) -> str:
        import matplotlib as mpl

        with mpl.rc_context({**_STYLE, "svg.hashsalt": draw.__name__}):
            return draw(*arguments, **options)

    return cast(Drawing, with_style)


@_styled
def object_path(tracked: FloatArray, truth: FloatArray | None, stamp_s: FloatArray) -> str:
    """The object seen from above, and how far the tracker is from the truth at each moment.

    Args:
        tracked: `(T, 4, 4)` estimated `T_world_object` [m].
        truth: `(T, 4, 4)` true `T_world_object` [m], or None for a real recording.
        stamp_s: `(T,)` time since the first frame [s].
    """
    figure, (above, error) = _figure(columns=2, size=(8.6, 3.1))
    if truth is not None:
        above.plot(100 * truth[:, 0, 3], 100 * truth[:, 1, 3], color=GREY, linewidth=5, alpha=0.5, label="truth")
    above.plot(100 * tracked[:, 0, 3], 100 * tracked[:, 1, 3], color=BLUE, label="tracked")
    above.scatter(100 * tracked[0, 0, 3], 100 * tracked[0, 1, 3], color=GREEN, s=28, zorder=3, label="start")
    above.scatter(100 * tracked[-1, 0, 3], 100 * tracked[-1, 1, 3], color=ORANGE, s=28, zorder=3, label="end")
    above.set(title="seen from above", xlabel="x [cm]", ylabel="y [cm]")
    above.set_aspect("equal", adjustable="datalim")
    above.legend(loc="best")
    if truth is None:
        for axis, name in enumerate("xyz"):
            error.plot(stamp_s, 100 * (tracked[:, axis, 3] - tracked[0, axis, 3]), label=name)
        error.set(title="way from the start", xlabel="time [s]", ylabel="[cm]")
        error.legend(loc="best")
    else:
        distance_mm = 1000 * np.linalg.norm(tracked[:, :3, 3] - truth[:, :3, 3], axis=1)
        error.plot(stamp_s, distance_mm, color=BLUE, label="translation [mm]")
        error.plot(stamp_s, _angle_deg(tracked, truth), color=ORANGE, label="rotation [deg]")
        error.set(title="error of the tracked pose", xlabel="time [s]")
        error.set_ylim(bottom=0)
        error.legend(loc="best")
    return _svg(figure, "path")


@_styled
def learning_curve(curve: LearningCurve) -> str:
    """Success and return against environment steps."""
    figure, (axes,) = _figure(columns=1, size=(8.6, 2.9))
    million = curve.steps / 1e6
    axes.plot(million, 100 * curve.success, color=BLUE, label="while exploring")
    axes.fill_between(million, 0, 100 * curve.success, color=BLUE, alpha=0.12)
    axes.step(million, 100 * curve.evaluated_success, where="post", color=GREEN, label="deterministic policy")
    axes.set(xlabel="environment steps [million]", ylabel="success [%]", ylim=(0, 102))
    axes.set_xlim(0, million[-1] * 1.02)
    right = axes.twinx()
    right.plot(million, curve.episode_return, color=ORANGE, linewidth=1.2, label="return")
    right.set_ylabel("return", color=ORANGE)
    right.grid(visible=False)
    right.spines["right"].set_visible(True)
    axes.legend(handles=[*axes.get_lines(), *right.get_lines()], loc="lower right")
    return _svg(figure, "curve")


@_styled
def latency(samples_ms: Mapping[str, FloatArray]) -> str:
    """One small histogram for each hop.

    Args:
        samples_ms: Hop -> latencies [ms].
    """
    hops = {name: values[np.isfinite(values)] for name, values in samples_ms.items()}
    hops = {name: values for name, values in hops.items() if values.size}
    columns = 2 if len(hops) > 1 else 1
    rows = -(-len(hops) // columns)
    figure, axes = _figure(columns=columns, rows=rows, size=(8.6, 1.9 * rows))
    for axis, (name, values) in zip(axes, hops.items(), strict=False):
        top = max(float(np.percentile(values, 99.5)), 1e-3)
        axis.hist(values, bins=np.linspace(0, top, 40).tolist(), color=BLUE, alpha=0.75)
        p50, p99 = np.percentile(values, [50, 99])
        axis.axvline(p50, color=GREEN, linewidth=1.6)
        axis.axvline(p99, color=ORANGE, linewidth=1.6)
        axis.set(xlabel="[ms]", yticks=[], xlim=(0, top))
        axis.set_title(name)
        axis.set_title(f"p50 {p50:.1f} ms,  p99 {p99:.1f} ms", loc="right", fontsize=8.5)
        axis.grid(visible=False)
    for axis in axes[len(hops) :]:
        axis.set_visible(False)
    return _svg(figure, "latency")


def _angle_deg(a: FloatArray, b: FloatArray) -> FloatArray:
    cosine = (np.einsum("tij,tij->t", a[:, :3, :3], b[:, :3, :3]) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))), dtype=np.float64)


def _figure(*, columns: int, size: tuple[float, float], rows: int = 1) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _svg(figure: Figure, name: str) -> str:
    """Render to inline SVG; `name` keeps the ids of several drawings in one page apart."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r'\bid="(figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend)_', rf'id="{name}_\1_', svg)
    # The page decides the size.
    opening, rest = svg.split(">", 1)
    return re.sub(r' (width|height)="[^"]*"', "", opening) + ">" + rest
