"""Writes URDF and MJCF of every bundled robot beside its embodiment's YAML."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from h2s2r_retarget.description.mjcf import to_mjcf
from h2s2r_retarget.description.robots import ROBOTS
from h2s2r_retarget.description.urdf import to_urdf


def main() -> None:
    """Write `NAME.urdf` and `NAME.xml` of each."""
    folder = Path(str(resources.files("h2s2r_retarget"))) / "embodiments"
    for robot in ROBOTS:
        values = yaml.safe_load((folder / f"{robot.name}.yaml").read_text(encoding="utf-8"))
        (folder / f"{robot.name}.urdf").write_text(to_urdf(robot), encoding="utf-8")
        mjcf = to_mjcf(robot, stiffness=values["stiffness"], damping=values["damping"], home=values["home"])
        (folder / f"{robot.name}.xml").write_text(mjcf, encoding="utf-8")


if __name__ == "__main__":
    main()
