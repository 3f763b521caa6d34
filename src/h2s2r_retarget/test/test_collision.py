"""Signed distances against geometry done by hand."""

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import CollisionChecker, CollisionWorld, ObjectShape
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
