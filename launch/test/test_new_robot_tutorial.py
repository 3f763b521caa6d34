"""The tutorial on a new robot works as it is written: its commands are run, one after the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "new_robot.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), re.M | re.S)


def test_the_commands_of_the_tutorial_end_in_a_checked_robot_that_reaches_a_hand_pose(tmp_path):
    try:
        metadata.distribution("example-robot-data")
    except metadata.PackageNotFoundError:
        pytest.skip("the Franka's URDF is not installed: `pip install example-robot-data`")
    if not TUTORIAL.is_file():
        pytest.skip("the docs are not beside the tests")
    commands, (python,) = _blocks("bash"), _blocks("python")
    assert len(commands) == 3
    script = "set -eu\n" + "\n".join(commands) + f"\npython - <<'PYTHON'\n{python}\nPYTHON\n"
    # The tutorial's reader has `h2s2r` and `python` from the environment that runs the tests.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "checked" / "embodiment_check.json").read_text())["passed"]
    assert re.search(r"^palm 0\.0\d\d mm", done.stdout, re.M)
    # What the page shows of step 2 is what the command says.
    (shown,) = _blocks("text")
    assert shown in done.stdout
