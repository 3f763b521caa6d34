#!/usr/bin/env python3
"""Kill `h2s2r demo` without warning at random moments, then let it finish: `tools/kill_demo.py EMPTY_ROOT`.

Checks that it finishes, that no finished stage is made again, and that no process stays behind.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

H2S2R = Path(sys.executable).parent / "h2s2r"
KILL_WINDOWS_S = ((5, 20), (10, 30), (10, 40), (20, 80), (40, 120))
"""When each run may be killed after its start: early stages first, then training and what follows it."""


def finished_stages(run_folder: Path) -> dict[str, int]:
    """Finished artefacts and when each was written [ns]."""
    return {meta.parent.name: meta.stat().st_mtime_ns for meta in run_folder.glob("[a-z]*/meta.json")}


def main() -> int:
    """Run the check; 0 when all holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    run_folder, demo = options.root / "snackbox_push", [str(H2S2R), "demo", "--root", str(options.root)]
    before: dict[str, int] = {}
    for window in KILL_WINDOWS_S:
        process = subprocess.Popen(demo, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        delay_s = chance.uniform(*window)
        time.sleep(delay_s)
        process.kill()
        process.wait()
        now = finished_stages(run_folder)
        redone = sorted(name for name, written in before.items() if now.get(name) != written)
        print(
            f"killed after {delay_s:.0f} s; finished: {', '.join(sorted(now)) or 'nothing'}; redone: {redone}",
            flush=True,
        )
        if redone:
            return 1
        before = now
    started = time.monotonic()
    code = subprocess.run(demo, check=False).returncode
    now = finished_stages(run_folder)
    redone = sorted(name for name, written in before.items() if now.get(name) != written)
    left = subprocess.run(["pgrep", "-f", str(options.root.resolve())], capture_output=True, text=True, check=False)
    others = [pid for pid in left.stdout.split() if int(pid) not in _own_processes()]
    print(f"last run: exit {code} after {time.monotonic() - started:.0f} s; redone: {redone}; processes left: {others}")
    return 1 if code or redone or others else 0


def _own_processes() -> set[int]:
    # This script and whatever started it carry the folder's name in their arguments, too.
    own, pid = set(), os.getpid()
    while pid > 1:
        own.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return own


if __name__ == "__main__":
    sys.exit(main())
