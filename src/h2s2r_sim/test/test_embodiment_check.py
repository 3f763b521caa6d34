"""Every bundled embodiment passes the conformance suite, and each kind of fault is found and named."""

from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import yaml

from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim.embodiment_check import (
    check_embodiment,
    fingertips,
    home,
    inertias,
    kinematics,
    limits,
    palm_frame,
    self_collision,
    servos,
)
from h2s2r_sim.embodiment_check.subject import Subject
from h2s2r_sim.embodiment_check.workspace import check_workspace, sample_workspace

FOLDER = Path(str(resources.files("h2s2r_retarget"))) / "embodiments"
BUNDLED = sorted(path.stem for path in FOLDER.glob("*.yaml"))
ROBOT = load_embodiment("iiwa14_allegro")


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_embodiment_passes_every_check(name, tmp_path):
    report = check_embodiment(load_embodiment(name))
    assert report.failures == 0, "\n".join(report.lines())
    report.save(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"embodiment_check.json", "workspace.png"}


def changed(tmp_path, *, yaml_change=None, urdf=(), mjcf=()):
    """A copy of a bundled embodiment with replacements in its files."""
    values = yaml.safe_load((FOLDER / "iiwa14_allegro.yaml").read_text())
    if yaml_change is not None:
        yaml_change(values)
    for file, replacements in ((ROBOT.urdf, urdf), (ROBOT.mjcf, mjcf)):
        text = file.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / file.name).write_text(text)
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    return Subject(load_embodiment(path))


def failures(findings):
    return [finding for finding in findings if finding.verdict == "FAIL"]


def test_a_link_moved_by_a_millimetre_in_the_mjcf_is_found(tmp_path):
    subject = changed(tmp_path, mjcf=[('pos="0 -0.0105 0.2075"', 'pos="0 -0.0105 0.2085"')])
    (found,) = failures(kinematics.check(subject))
    assert "URDF against MJCF" in found.what and found.measured == "1 mm"


def test_an_mjcf_that_mujoco_refuses_says_why(tmp_path):
    subject = changed(tmp_path, mjcf=[("<worldbody>", "<worldbody><geom type='torus'/>")])
    (found,) = failures(kinematics.check(subject))
    assert "torus" in found.detail
    assert failures(servos.check(subject))
    assert not failures([*limits.check(subject), *home.check(subject), *inertias.check(subject)])  # the URDF is sound


def test_other_limits_and_gains_in_the_mjcf_are_found(tmp_path):
    subject = changed(
        tmp_path, mjcf=[('range="-2.09439510239 2.09439510239"', 'range="-2 2"'), ('kp="500"', 'kp="501"')]
    )
    found = " ".join(f"{finding.what} {finding.detail}" for finding in failures(limits.check(subject)))
    assert "joint ranges" in found and "servo" in found and "lbr_A2: -2 to 2 in the MJCF" in found


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('value="5.289529"', 'value="5289.529"', "density"),  # grams
        ('ixx="0.042462"', 'ixx="0.42462"', "no matter can have"),  # against the triangle inequality
        ('ixx="0.042462" iyy="0.042838" izz="0.01587"', 'ixx="42462" iyy="42838" izz="15870"', "gyration"),  # g mm^2
        ('value="5.289529"', 'value="-5.289529"', "not positive"),
    ],
)
def test_impossible_inertias_are_found(tmp_path, old, new, named):
    found = failures(inertias.check(changed(tmp_path, urdf=[(old, new)])))
    assert any(named in finding.what and "lbr_link_1" in finding.detail for finding in found)


def test_fingers_in_each_other_are_found(tmp_path):
    checker, subject = CollisionChecker(ROBOT, CollisionWorld()), Subject(ROBOT)
    pair = {"link_3_0_0", "link_15_0_0"}  # the tips of index and thumb
    met = (q for q in subject.postures(200) if any({c.robot, c.obstacle} == pair for c in checker.self_contacts(q)))
    crossed = next(met)

    def crossing(values):
        values["home"] = [float(value) for value in crossed]

    (found,) = failures(self_collision.check(changed(tmp_path, yaml_change=crossing)))
    assert all(shape in found.detail for shape in pair)


def test_a_home_at_a_limit_and_beside_the_keyframe_is_found(tmp_path):
    def at_the_limit(values):
        values["home"][3] = -2.09

    margin, keyframe = failures(home.check(changed(tmp_path, yaml_change=at_the_limit)))
    assert "lbr_A4 at -2.09" in margin.detail and "lbr_A4" in keyframe.detail


def test_a_confused_fingertip_map_is_found(tmp_path):
    def confused(values):
        values["fingertips"][0]["human"] = "middle"
        values["fingertips"][3]["human"] = "little"

    found = failures(fingertips.check(changed(tmp_path, yaml_change=confused)))
    assert [finding.detail.split(";")[0] for finding in found] == ["middle", "thumb"]


def test_a_palm_that_looks_backwards_is_found(tmp_path):
    turned = (
        '<link name="turned" /><joint name="turn" type="fixed"><parent link="turned" /><child link="palm_link" />'
        '<origin xyz="0 0 0" rpy="3.14159265359 0 0" /></joint><joint name="allegro_mount" type="fixed">'
    )
    replacements = [
        ('<child link="palm_link" />', '<child link="turned" />'),
        ('<joint name="allegro_mount" type="fixed">', turned),
    ]
    subject = changed(tmp_path, yaml_change=lambda v: v.update(palm_frame="turned"), urdf=replacements)
    (found,) = failures(palm_frame.check(subject))
    assert "mean z" in found.what and found.measured.startswith("-")
    assert not failures(palm_frame.check(Subject(ROBOT)))


@pytest.mark.parametrize(("stiffness", "damping", "named"), [(8.0, 54.0, "settling"), (600.0, 1.0, "swinging")])
def test_gains_that_do_not_settle_are_found(stiffness, damping, named):
    subject = Subject(ROBOT)
    model, _ = subject.simulated
    model.actuator_gainprm[1, 0], model.actuator_biasprm[1, 1:3] = stiffness, (-stiffness, -damping)
    found = failures(servos.check(subject))
    assert any(named in finding.what and "lbr_A2" in finding.detail for finding in found)


def test_weight_that_nothing_compensates_sags(tmp_path):
    found = failures(servos.check(changed(tmp_path, mjcf=[('gravcomp="1"', "")])))
    assert any("sag" in finding.what for finding in found)


def test_a_table_out_of_reach_is_found():
    (share,) = failures(check_workspace(sample_workspace(Subject(ROBOT), 2.0)))[:1]
    assert share.measured == "0 %" and "--table-height" in share.detail


def test_random_postures_are_the_same_at_every_call():
    subject = Subject(ROBOT)
    assert np.array_equal(subject.postures(5), subject.postures(5))
