"""Figures of the drivers' benchmarks: a flat JSON file with machine and commit. This package imports none of ours."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

Figure = float | int | str | bool | None


def publish_figures(figures: Mapping[str, Figure], output: Path) -> None:
    """Print figures, units in their names, and write them with machine and commit."""
    width = max(len(name) for name in figures)
    for name, figure in figures.items():
        print(f"{name:{width}}  {f'{figure:.4g}' if isinstance(figure, float) else figure}")
    output.parent.mkdir(parents=True, exist_ok=True)
    stated = {**figures, "machine": _machine(), "commit": _commit()}
    output.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def _machine() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return f"{platform.machine()}, {len(names)} x {names[0]}"
    except (OSError, IndexError):
        return platform.machine()


def _commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
