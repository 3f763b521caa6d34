"""No code knows a robot: what is particular to one is in its YAML, and in the tables its files are written from."""

import ast
import re
from pathlib import Path

import pytest

from h2s2r_retarget.embodiment import bundled_embodiments, load_embodiment

ROOT = Path(__file__).parents[2]
DESCRIPTIONS = ROOT / "src/h2s2r_retarget/h2s2r_retarget/description"
DRIVERS = ROOT / "src/h2s2r_drivers"
"""A driver is for one device."""
NODE_TABLE = ROOT / "launch/h2s2r_bringup/node_table.py"
"""It may start a driver by its name."""
DEVICE = re.compile(r"allegro|iiwa|kuka|leap|wsg|umi_|_umi|lbr_", re.IGNORECASE)


def modules():
    everything = [*ROOT.glob("src/*/h2s2r_*/**/*.py"), *ROOT.glob("launch/h2s2r_bringup/**/*.py")]
    everything += ROOT.glob("launch/launch/*.py")
    kept = [path for path in everything if not path.is_relative_to(DESCRIPTIONS) and not path.is_relative_to(DRIVERS)]
    assert len(kept) > 100
    return kept


def code_words(path):
    """Names and texts of a module, without comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def test_three_robots_come_along():
    assert len(bundled_embodiments()) >= 3
    units = {load_embodiment(name).joint_units for name in bundled_embodiments()}
    assert any("m" in unit for unit in units)


@pytest.mark.parametrize("name", bundled_embodiments())
def test_no_code_names_a_robot_its_joints_or_its_links(name):
    e = load_embodiment(name)
    names = {name, *e.joint_names, e.base_frame, e.palm_frame, *e.fingertip_frames}
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in sorted(names)))
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word[:60]}"
        for path in modules()
        for line, word in code_words(path)
        if pattern.search(word)
    ]
    assert not found, "\n".join(found)


def test_no_code_names_a_device():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word[:60]}"
        for path in modules()
        if path != NODE_TABLE
        for line, word in code_words(path)
        if DEVICE.search(word)
    ]
    assert not found, "\n".join(found)
