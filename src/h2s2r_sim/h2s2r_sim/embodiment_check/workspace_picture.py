"""Draws where the palm reaches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from h2s2r_sim.embodiment_check.workspace import TABLE_M, Workspace

_DOTS = 10_000


def draw_workspace(workspace: Workspace, name: str, path: Path) -> None:
    """Write a PNG: the table from above and the reach from the side, coloured by manipulability."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 5.0), dpi=110)
    FigureCanvasAgg(figure)
    above, beside = figure.subplots(1, 2, gridspec_kw={"width_ratios": (3, 2)})
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.11, top=0.92, wspace=0.15)
    edges = workspace.edges
    values = np.ma.masked_invalid(workspace.manipulability)
    cells = above.pcolormesh(edges, edges, values.T, cmap="viridis", vmin=0.0)
    above.plot(0.0, 0.0, "o", color="black", markersize=8)
    above.annotate("base", (0.0, 0.0), xytext=(6, 6), textcoords="offset points")
    (x0, x1), (y0, y1) = TABLE_M
    above.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color="brown", linewidth=1.5)
    share = f"{100 * workspace.table_share:.0f} % of the table"
    above.set(title=f"{name}: palm low over {share}", xlabel="x [m]", ylabel="y [m]")
    radius, height, manipulability = workspace.side[:_DOTS].T
    order = np.argsort(manipulability)  # the best are drawn last
    beside.scatter(radius[order], height[order], c=manipulability[order], s=2.0, cmap="viridis", vmin=0.0)
    beside.axhline(workspace.table_height_m, color="brown", linewidth=1.5)
    beside.annotate("table", (0.02, workspace.table_height_m), xytext=(0, 4), textcoords="offset points", color="brown")
    beside.set(title="palm from the side, all directions", xlabel="distance from the base's axis [m]", ylabel="z [m]")
    for axes in (above, beside):
        axes.set_aspect("equal")
        axes.grid(alpha=0.3)
    figure.colorbar(cells, ax=above, label="manipulability of the palm, best in each cell")
    figure.savefig(path)
