"""`h2s2r embodiment`: exit codes, and one line for what a user gave wrong."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path

import pytest

from h2s2r_bringup import cli

FOLDER = Path(str(resources.files("h2s2r_retarget"))) / "embodiments"


def copied(folder: Path, name: str = "iiwa14_umi") -> Path:
    """A bundled embodiment's files in a folder of their own; its YAML."""
    for suffix in (".yaml", ".urdf", ".xml"):
        shutil.copy(FOLDER / f"{name}{suffix}", folder)
    return folder / f"{name}.yaml"


def test_a_bound_that_is_not_met_exits_with_1_and_says_where(tmp_path, capsys):
    path = copied(tmp_path)
    mjcf = path.with_suffix(".xml")
    mjcf.write_text(mjcf.read_text().replace('kp="2000"', 'kp="1900"', 1))
    assert cli.main(["embodiment", "check", str(path), "--output", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert re.search(
        r"^FAIL  limits: stiffness.*\n +wsg_left_finger_joint: 1900 in the MJCF, 2000 in the YAML", shown, re.M
    )
    assert shown.rstrip().endswith("not met")
    report = json.loads((tmp_path / "out" / "embodiment_check.json").read_text())
    assert not report["passed"] and (tmp_path / "out" / "workspace.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        (".urdf", r"<inertial>.*?</inertial>", "", "link `lbr_link_1` <inertial>"),
        (".urdf", r'<joint name="lbr_A1"', '<joint name="lbr_A9"', "joint `lbr_A1`"),
        (".urdf", r'velocity="[^"]*"', 'velocity="0"', "joint `lbr_A1` velocity limit: expected a limit > 0, found 0"),
        (".urdf", r"<cylinder [^>]*/>(?=\s*</geometry>\s*</collision>)", '<mesh filename="a.stl"/>', "mesh a.stl"),
        (".yaml", "human: thumb", "human: toe", "fingertip `wsg_left_tip`"),
    ],
    ids=["no inertia", "wrong joint", "zero limit", "absent mesh", "unknown finger"],
)
def test_a_wrong_robot_is_one_line_and_exit_code_2(tmp_path, capsys, file, old, new, named):
    path = copied(tmp_path)
    target = path.with_suffix(file)
    text = target.read_text()
    start = text.index('<link name="lbr_link_1"') if "inertial" in old else 0
    changed = text[:start] + re.sub(old, new, text[start:], count=1, flags=re.S)
    assert changed != text
    target.write_text(changed)
    assert cli.main(["embodiment", "check", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and named in error and "expected" in error and "found" in error and "; " in error


def test_new_writes_over_nothing(tmp_path, capsys):
    path = copied(tmp_path)
    arguments = ["embodiment", "new", "--urdf", str(path.with_suffix(".urdf")), "--palm", "wsg_palm", "--name", "again"]
    assert cli.main([*arguments, "--output", str(tmp_path / "new")]) == 0
    assert "LOOK: two fingers" in capsys.readouterr().out
    before = (tmp_path / "new" / "again.yaml").read_text()
    assert cli.main([*arguments, "--output", str(tmp_path / "new")]) == 2
    assert "found one already" in capsys.readouterr().err
    assert (tmp_path / "new" / "again.yaml").read_text() == before


def test_fix_wants_a_number(capsys):
    assert cli.main(["embodiment", "new", "--urdf", "a.urdf", "--palm", "p", "--fix", "elbow"]) == 2
    assert "JOINT=VALUE" in capsys.readouterr().err
