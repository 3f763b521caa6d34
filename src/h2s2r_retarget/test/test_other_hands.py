"""LEAP hand and parallel jaw: against their published tables, and following a human hand."""

import numpy as np
import pytest

from h2s2r_retarget.description.model import rotation_from_rpy
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics

P = 1.57079632679
# xyz and rpy of the joints' origins in the authors' right-hand URDF, the tip last; every axis is (0, 0, -1).
FINGER = [((-0.0122, 0.0381, 0.0145), (-P, 0, P)), ((0.015, 0.0143, -0.013), (P, -P, 0)), ((0, -0.0361, 0), (0, 0, 0))]
FINGERS = {
    base_y: [((-0.0070, base_y, -0.0187), (P, P, 0)), *FINGER, ((0.0, -0.036, 0.0147), (0, 0, 0))]
    for base_y in (0.0230, -0.0224, -0.0678)
}
THUMB = [
    ((-0.0693, -0.0012, -0.0216), (0, P, 0)),
    ((0, 0.0143, -0.013), (P, -P, 0)),
    ((0, 0.0145, -0.017), (-P, 0, 0)),
    ((0, 0.0466, 0.0002), (0, 0, np.pi)),
    ((0, -0.048, -0.015), (0, 0, 0)),
]
# Their palm frame has the fingers along x and the palm's back along z; ours begins where the middle finger does.
R_OURS_THEIRS = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
ORIGIN = np.array([-0.007, -0.0376, -0.0195])


def published_tip(origins, angles):
    T = np.eye(4)
    for (xyz, rpy), angle in zip(origins, [*angles, 0.0], strict=True):
        step, turn = np.eye(4), np.eye(4)
        step[:3, :3], step[:3, 3] = rotation_from_rpy(rpy), xyz
        turn[:3, :3] = rotation_from_rpy((0.0, 0.0, -angle))
        T = T @ step @ turn
    return R_OURS_THEIRS @ (T[:3, 3] - ORIGIN)


def test_leap_fingertips_are_where_the_published_table_has_them():
    e = load_embodiment("iiwa14_leap")
    hand = slice(e.arm_dof, e.dof)
    for posture in np.random.default_rng(0).uniform(e.limits.lower[hand], e.limits.upper[hand], (30, e.hand_dof)):
        found = BatchedKinematics(e).forward(np.append(e.home[: e.arm_dof], posture)[None])
        T = found.T_world_palm[0]
        ours = (found.fingertip_position[0] - T[:3, 3]) @ T[:3, :3]
        chains = [*FINGERS.values(), THUMB]
        theirs = [published_tip(chain, posture[4 * i : 4 * i + 4]) for i, chain in enumerate(chains)]
        assert np.abs(ours - theirs).max() < 5e-4


def test_a_jaw_opens_and_closes_by_its_stroke_with_its_fingers_parallel():
    e = load_embodiment("iiwa14_umi")
    kinematics = BatchedKinematics(e)
    gaps = []
    for coordinate in (e.synergy_centre - e.synergy_half_range, e.synergy_centre + e.synergy_half_range):
        posture = np.append(e.home[: e.arm_dof], e.synergy_mean + coordinate @ e.synergy_basis)
        hand = kinematics.forward(posture[None])
        T = hand.T_world_palm[0]
        left, right = (hand.fingertip_position[0] - T[:3, 3]) @ T[:3, :3]
        assert left[1] == pytest.approx(-right[1]) and left[[0, 2]] == pytest.approx(right[[0, 2]])
        gaps.append(left[1] - right[1] - e.fingertip_radius.sum())
    assert gaps == pytest.approx([0.111, 0.001], abs=1e-3)


def test_a_finger_that_stands_for_several_follows_their_mean(hand_at):
    e, hand = load_embodiment("iiwa14_umi"), hand_at((0.5, -0.2, 0.3))
    thumb, opposing = fingertip_targets(hand, e)
    assert (thumb == hand[4]).all()
    assert opposing == pytest.approx((hand[8] + hand[12] + hand[16]) / 3)
    assert e.human_fingertips == ("thumb", "index+middle+ring")


def test_the_palm_offset_is_constant_in_the_palms_own_frame(hand_at):
    e, hand = load_embodiment("iiwa14_umi"), hand_at((0.5, -0.2, 0.3))
    T_human, T_robot = palm_target(hand), palm_target(hand, e)
    assert np.linalg.inv(T_human) @ T_robot == pytest.approx(e.T_hand_palm, abs=1e-12)
    assert (palm_target(hand, load_embodiment("iiwa14_leap")) == T_human).all()
    # The jaw is then where the human's fingers are: its middle between thumb and fingers, to 3 cm.
    tips = fingertip_targets(hand, e)
    centre = T_robot[:3, 3] + 0.1 * T_robot[:3, 2]
    assert np.linalg.norm((tips.mean(axis=0) - centre) @ T_robot[:3, :2]) < 0.03
