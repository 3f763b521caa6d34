"""Figures of a benchmark: a table for people, a flat JSON file for machines, with where they come from."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

Figure = float | int | str | bool | None


def publish_figures(figures: Mapping[str, Figure], output: Path, printed: Mapping[str, Figure] | None = None) -> None:
    """Print figures as a table and write them with machine and commit.

    Args:
        figures: Flat; the unit is in the key; None where nothing was measured.
        output: The JSON file; its folder is made.
        printed: The figures for the table where all are too many.
    """
    printed = figures if printed is None else printed
    width = max(len(name) for name in printed)
    for name, value in printed.items():
        print(f"{name:{width}}  {f'{value:.4g}' if isinstance(value, float) else value}")
    output.parent.mkdir(parents=True, exist_ok=True)
    stated = {**figures, "machine": machine(), "commit": commit()}
    output.write_text(json.dumps(stated, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """Architecture, number and name of the processors."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return f"{platform.machine()}, {len(names)} x {names[0]}"
    except (OSError, IndexError):
        return f"{platform.machine()}, {platform.processor()}"


def commit() -> str:
    """The commit of the tree the command runs in, `+` where files differ from it."""
    head = _git("rev-parse", "HEAD")
    return "unknown" if not head else head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
