"""Names of takes: one folder for each, none overwritten."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"\.?take_(\d{3,})(\..*)?")


def next_take(folder: Path) -> Path:
    """`folder/take_007` after `take_006`; what another recorder is just writing counts as well."""
    names = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    numbers = [int(match[1]) for match in names if match]
    return folder / f"take_{max(numbers, default=-1) + 1:03d}"
