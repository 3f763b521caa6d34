"""Hand synergies: computed again they are those of the YAML, and the first closes the hand."""

import numpy as np
import pytest
import yaml

from h2s2r_retarget.embodiment import bundled_embodiments, load_embodiment
from h2s2r_retarget.human_grasps import human_grasps
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.synergies import HALF_RANGE, compute_synergies, yaml_section

ROBOTS = {name: load_embodiment(name) for name in bundled_embodiments()}


def stated(embodiment):
    return yaml.safe_load(embodiment.urdf.with_suffix(".yaml").read_text())["synergies"]


COMPUTED = [name for name, e in ROBOTS.items() if "variance_explained" in stated(e)["basis"][0]]


@pytest.fixture(scope="module")
def grasps():
    return human_grasps()


def test_the_human_hands_are_always_the_same_and_close_from_open_to_touch(grasps):
    again = human_grasps()
    assert (grasps.joints == again.joints).all() and (grasps.closing == again.closing).all()
    apart = np.linalg.norm(grasps.joints[:, 4] - grasps.joints[:, 8], axis=1)
    open_, closed = grasps.closing < 0.2, grasps.closing > 0.8
    assert apart[open_].mean() > apart[closed].mean() + 0.02
    tips = grasps.joints[closed][:, [8, 12, 16, 20]]
    assert tips[..., 0].mean() > grasps.joints[open_][:, [8, 12, 16, 20], 0].mean() + 0.02  # out of the palm


@pytest.mark.parametrize("name", COMPUTED)
def test_the_stated_synergies_are_the_computed_ones(name, grasps):
    synergies, values = compute_synergies(ROBOTS[name], grasps), stated(ROBOTS[name])
    again = yaml.safe_load(yaml_section(synergies))["synergies"]
    assert again["mean"] == pytest.approx(values["mean"], abs=2e-3)
    assert [row["name"] for row in again["basis"]] == [row["name"] for row in values["basis"]]
    for computed, row in zip(again["basis"], values["basis"], strict=True):
        assert computed["row"] == pytest.approx(row["row"], abs=2e-3)
        assert computed["centre"] == pytest.approx(row["centre"], abs=0.02)
        assert computed["variance_explained"] == pytest.approx(row["variance_explained"], abs=2e-3)
        assert row["half_range"] == HALF_RANGE
    assert sum(row["variance_explained"] for row in values["basis"]) > 0.9


@pytest.mark.parametrize("name", ROBOTS)
def test_the_first_synergy_closes_the_hand_and_its_centre_is_half_closed(name):
    e = ROBOTS[name]
    hand = slice(e.arm_dof, e.dof)
    thumb = e.human_fingertips.index("thumb")
    centre = e.synergy_mean + e.synergy_centre @ e.synergy_basis
    assert ((e.limits.lower[hand] - 0.02 <= centre) & (centre <= e.limits.upper[hand] + 0.02)).all()
    gaps = []
    for action in (-1.0, 0.0, 1.0):
        coordinate = e.synergy_centre.copy()
        coordinate[0] += action * e.synergy_half_range[0]
        posture = np.clip(e.synergy_mean + coordinate @ e.synergy_basis, e.limits.lower[hand], e.limits.upper[hand])
        tips = BatchedKinematics(e).forward(np.append(e.home[: e.arm_dof], posture)[None]).fingertip_position[0]
        others = np.delete(tips, thumb, axis=0)
        gaps.append(np.linalg.norm(others - tips[thumb], axis=1).mean())
    assert gaps[0] > gaps[1] + 0.01 > gaps[2] + 0.02
