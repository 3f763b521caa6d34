"""Writes the bundled URDF and MJCF beside the embodiment's YAML."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from h2s2r_retarget.description.iiwa14_allegro import DESCRIPTION
from h2s2r_retarget.description.mjcf import to_mjcf
from h2s2r_retarget.description.urdf import to_urdf


def main() -> None:
    """Write `iiwa14_allegro.urdf` and `iiwa14_allegro.xml`."""
    folder = Path(str(resources.files("h2s2r_retarget"))) / "embodiments"
    values = yaml.safe_load((folder / "iiwa14_allegro.yaml").read_text(encoding="utf-8"))
    (folder / "iiwa14_allegro.urdf").write_text(to_urdf(DESCRIPTION), encoding="utf-8")
    mjcf = to_mjcf(DESCRIPTION, stiffness=values["stiffness"], damping=values["damping"], home=values["home"])
    (folder / "iiwa14_allegro.xml").write_text(mjcf, encoding="utf-8")


if __name__ == "__main__":
    main()
