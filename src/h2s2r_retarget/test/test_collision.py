"""Signed distances against geometry done by hand."""

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld, ObjectShape
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

pytest.importorskip("pinocchio")
pytest.importorskip("coal")
TABLE_HEIGHT = 0.155


def test_distance_of_a_fingertip_to_the_table(embodiment, world):
    checker = CollisionChecker(embodiment, world)
    contacts = checker.contacts(embodiment.home, None, within_m=1.0)
    found = {c.robot: c for c in contacts if c.obstacle == "table"}
    tips = BatchedKinematics(embodiment).forward(embodiment.home[None]).fingertip_position[0]
    for frame, tip, radius in zip(embodiment.fingertip_frames, tips, embodiment.fingertip_radius, strict=True):
        contact = found[frame.removesuffix("_tip") + "_0"]
        if frame != "link_15_0_tip":  # the thumb points up: its lowest point is elsewhere
            assert contact.distance_m == pytest.approx(tip[2] - radius - TABLE_HEIGHT, abs=1e-6)
            assert np.allclose(contact.normal, [0, 0, 1], atol=1e-6)
    assert contacts == sorted(contacts, key=lambda c: c.distance_m)


def test_an_object_put_into_the_palm_is_noticed_and_the_way_out_is_right(embodiment, world):
    checker = CollisionChecker(embodiment, world)
    T_palm = BatchedKinematics(embodiment).forward(embodiment.home[None]).T_world_palm[0]
    T_object = np.eye(4)
    # The palm's face is at x = 11.1 mm in its frame; the box's lower face 4 mm behind it.
    T_object[:3, :3] = T_palm[:3, :3] @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    T_object[:3, 3] = T_palm[:3, 3] + T_palm[:3, :3] @ [0.0111 - 0.004 + 0.03, 0.0, -0.12]
    palm = [c for c in checker.contacts(embodiment.home, T_object) if c.robot == "palm_link_0"]
    assert [c.obstacle for c in palm] == ["object"]
    assert palm[0].distance_m == pytest.approx(-0.004, abs=1e-5)
    assert np.allclose(palm[0].normal, -T_palm[:3, 0], atol=1e-3)
    assert checker.penetration(embodiment.home, T_object) >= 0.004 - 1e-5
    assert checker.penetration(embodiment.home, None) == 0.0


def test_a_box_and_its_hull_are_the_same(embodiment, world, box_vertices):
    T_object = np.eye(4)
    T_object[:3, 3] = [0.6, -0.2, 0.25]
    answers = []
    for kind in ("box", "hull"):
        checker = CollisionChecker(embodiment, CollisionWorld((), ObjectShape(box_vertices, kind)))
        answers.append({c.robot: c.distance_m for c in checker.contacts(embodiment.home, T_object, within_m=1.0)})
    assert answers[0].keys() == answers[1].keys()
    assert max(abs(answers[0][name] - answers[1][name]) for name in answers[0]) < 1e-5


def test_a_point_in_an_obstacle_is_pushed_out_the_short_way(embodiment, world):
    checker = CollisionChecker(embodiment, world)
    pushed = checker.pushed_out(np.array([0.5, -0.5, 0.160]), 0.012, None)
    assert np.allclose(pushed, [0.5, -0.5, 0.167], atol=1e-6)
    free = np.array([0.5, -0.5, 0.3])
    assert (checker.pushed_out(free, 0.012, None) == free).all()


def test_an_unknown_kind_of_object_is_refused(embodiment, box_vertices):
    with pytest.raises(InputError, match="sponge"):
        CollisionChecker(embodiment, CollisionWorld((), ObjectShape(box_vertices, "sponge")))


@pytest.mark.parametrize("name", ["iiwa14_allegro", "iiwa14_leap", "iiwa14_umi"])
def test_no_robot_touches_itself_at_home(name):
    robot = load_embodiment(name)
    assert CollisionChecker(robot, CollisionWorld()).self_contacts(robot.home) == []


def test_a_thumb_pressed_into_the_palm_is_noticed_and_neighbours_are_not(embodiment):
    checker = CollisionChecker(embodiment, CollisionWorld())
    posture = embodiment.home.copy()
    posture[19:] = [1.3, 0.0, 1.6, 1.6]
    contacts = checker.self_contacts(posture)
    assert contacts and contacts[0].distance_m < -0.002
    assert "link_15_0_0" in contacts[0].robot and contacts[0].other_joint > 0
    # The way out is the right one: the pair parts when the first is moved along it.
    named = {frozenset((c.robot, c.obstacle)) for c in checker.self_contacts(posture, within_m=1.0)}
    assert frozenset(("link_1_0_0", "link_2_0_0")) not in named  # share a joint
    assert frozenset(("lbr_link_5_0", "lbr_link_7_0")) not in named  # fat: overlap in half of all postures
    assert frozenset(("link_3_0_0", "link_15_0_0")) in named


def test_many_postures_are_judged_as_one_by_one(embodiment, world):
    checker, kinematics = CollisionChecker(embodiment, world), BatchedKinematics(embodiment)
    random = np.random.default_rng(0)
    postures = np.tile(embodiment.home, (30, 1))
    postures[:, :7] += random.normal(0.0, 0.3, (30, 7))
    postures[:, 7:] = random.uniform(embodiment.limits.lower[7:], embodiment.limits.upper[7:], (30, 16))
    T_object = np.tile(np.eye(4), (30, 1, 1))
    T_object[:, :3, 3] = [0.5, -0.3, 0.25]
    near = checker.near(postures, kinematics.joints(postures), T_object, within_m=0.01)
    for row, posture in enumerate(postures):
        one_by_one = checker.contacts(posture, T_object[row], within_m=0.01)
        one_by_one += checker.self_contacts(posture, within_m=0.01)
        expected = {(c.robot, c.obstacle): c.distance_m for c in one_by_one}
        chosen = near.row == row
        found = {checker.names(p): d for p, d in zip(near.pair[chosen], near.distance_m[chosen], strict=True)}
        assert found.keys() == expected.keys()
        assert all(found[name] == pytest.approx(expected[name], abs=1e-5) for name in found)
