"""The pitcher of the pouring task: a jug whose handle leaves room for a robot's fingers.

`python -m h2s2r_sim.objects.jug FOLDER` writes the surface; `h2s2r twin object` makes the task's object of it. The
shelf's pitcher stays what it is: the tracking benchmark is measured on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from h2s2r_sim.objects.revolution import Handle, Spout
from h2s2r_sim.objects.tableware import Vessel, build_vessel

JUG = Vessel(
    [(0, 0), (0.044, 0), (0.052, 0.045), (0.051, 0.10), (0.043, 0.155), (0.046, 0.185), (0.042, 0.185),
     (0.039, 0.155), (0.047, 0.10), (0.048, 0.045), (0.040, 0.006), (0, 0.006)],
    (40, 96, 190),
    (2, 4),
    ((10, 140, 140), (250, 204, 40), (246, 244, 236)),
    "LEMONADE",
    Handle(0.022, 0.165, 0.066, 0.012, 0.020),
    Spout(0.018, 0.050),
)  # fmt: skip


def write_jug(folder: Path) -> Path:
    """Write `jug.obj` with its texture into a folder; returns its path."""
    return build_vessel(JUG, plain=False).write(folder, "jug")


if __name__ == "__main__":
    print(write_jug(Path(sys.argv[1])))
