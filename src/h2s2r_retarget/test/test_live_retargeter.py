"""The live retargeter: it follows, it holds, it engages anew, and it never leaves limits, workspace or room."""

import numpy as np
import pytest

from h2s2r_perception.geometry import rotation_angle
from h2s2r_retarget.collision import CollisionChecker
from h2s2r_retarget.human_hand import fingertip_targets, palm_target
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.live import ClutchMode, LiveConfiguration, LiveRetargeter, OneEuroConfiguration
from h2s2r_retarget.live.hand_filter import HandFilterConfiguration

PERIOD_S = 1.0 / 30.0
TABLE_M = 0.155
KNUCKLE = np.array([0.555, -0.20, 0.33])


@pytest.fixture(scope="module")
def kinematics(embodiment):
    return BatchedKinematics(embodiment)


@pytest.fixture(scope="module")
def checker(embodiment, world):
    return CollisionChecker(embodiment, world)


@pytest.fixture
def make(embodiment, world):
    def make(**values):
        return LiveRetargeter(embodiment, world, LiveConfiguration(table_height_m=TABLE_M, **values))

    return make


def offset(position, metres):
    return position + np.asarray(metres)


class Player:
    """Shows hands to a retargeter at 30 Hz and checks after each that no joint limit was passed."""

    def __init__(self, live):
        self.live, self.frame, self.targets = live, 0, []

    def show(self, hands, confidence=1.0, measured=None):
        limits = self.live.embodiment.limits
        for hand in hands:
            self.frame += 1
            target = self.live.update(self.frame * PERIOD_S, hand, confidence, measured)
            q = target.joint_position
            assert (q >= limits.lower).all() and (q <= limits.upper).all()
            if self.targets:
                speed = np.abs(q - self.targets[-1].joint_position) / PERIOD_S
                assert (speed <= limits.velocity * (1.0 + 1e-6)).all()
            self.targets.append(target)
        return self.targets[-1]


def palm_of(kinematics, target):
    return np.asarray(kinematics.palm(target.joint_position[None]).T_world_palm[0])


def path(hand_at, start, end, seconds):
    share = np.linspace(0.0, 1.0, round(seconds / PERIOD_S) + 1)
    return [hand_at(start + s * (np.asarray(end) - start)) for s in share]


def test_the_palm_comes_to_the_humans_and_the_fingertips_near_theirs(make, kinematics, hand_at, embodiment):
    last = Player(make()).show([hand_at(KNUCKLE)] * 60)
    wanted = palm_target(hand_at(KNUCKLE))
    reached = palm_of(kinematics, last)
    assert last.following and last.distance_m < 0.001
    assert np.linalg.norm(reached[:3, 3] - wanted[:3, 3]) < 0.001
    assert rotation_angle(reached[:3, :3], wanted[:3, :3]) < np.radians(0.5)
    tips = kinematics.forward(last.joint_position[None]).fingertip_position[0]
    error = np.linalg.norm(tips - fingertip_targets(hand_at(KNUCKLE), embodiment), axis=1)
    fingers = [name != "thumb" for name in embodiment.human_fingertips]
    assert error[fingers].max() < 0.02  # the thumb's joints do not reach the human's


def test_a_moving_hand_is_followed_with_little_lag(make, kinematics, hand_at):
    player = Player(make())
    player.show([hand_at(KNUCKLE)] * 40)
    hands = path(hand_at, KNUCKLE, offset(KNUCKLE, [0.0, 0.30, 0.0]), 1.5)  # 0.2 m/s
    player.show(hands)
    late_m = [
        np.linalg.norm(palm_of(kinematics, target)[:3, 3] - palm_target(hand)[:3, 3])
        for target, hand in zip(player.targets[-30:], hands[-30:], strict=True)
    ]
    assert max(late_m) < 0.2 * 0.1  # a tenth of a second


@pytest.mark.parametrize(
    ("hand", "confidence", "why"), [(None, 1.0, "no hand"), ("nan", 1.0, "no hand"), ("seen", 0.1, "not trusted")]
)
def test_without_a_trusted_hand_the_robot_stands_still(make, hand_at, hand, confidence, why):
    player = Player(make())
    before = player.show([hand_at(KNUCKLE)] * 20)
    given = {None: None, "nan": np.full((21, 3), np.nan), "seen": hand_at(KNUCKLE + 0.1)}[hand]
    after = player.show([given] * 10, confidence)
    assert not after.following and why in after.reason
    np.testing.assert_array_equal(after.joint_position, before.joint_position)


def test_a_hand_without_a_palm_is_refused(make):
    assert Player(make()).show([np.zeros((21, 3))]).reason == "no palm in the hand"


def test_an_old_hand_moves_nothing(make, hand_at):
    live = make()
    first = live.update(1.0, hand_at(KNUCKLE), 1.0)
    again = live.update(1.0, hand_at(KNUCKLE + 0.1), 1.0)
    assert not again.following
    np.testing.assert_array_equal(again.joint_position, first.joint_position)


def test_after_a_gap_the_palm_approaches_no_faster_than_allowed(make, kinematics, hand_at):
    player = Player(make(palm_speed_m_s=0.3))
    player.show([hand_at(KNUCKLE)] * 60)
    player.show([None] * 30)
    player.show([hand_at(offset(KNUCKLE, [0.0, 0.25, 0.05]))] * 45)
    positions = np.stack([palm_of(kinematics, target)[:3, 3] for target in player.targets[-46:]])
    steps_m = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert steps_m.max() < 1.2 * 0.3 * PERIOD_S
    assert player.targets[-1].distance_m < 0.002


def test_in_relative_mode_engaging_moves_nothing_and_the_hands_motion_does(make, kinematics, hand_at):
    player = Player(make(mode=ClutchMode.RELATIVE))
    far = offset(KNUCKLE, [0.3, 0.4, 0.5])  # out of the robot's workspace
    before = palm_of(kinematics, player.show([None]))
    engaged = palm_of(kinematics, player.show([hand_at(far)] * 10))
    assert np.linalg.norm(engaged[:3, 3] - before[:3, 3]) < 0.001
    moved = palm_of(
        kinematics,
        player.show(
            [*path(hand_at, far, offset(far, [0.05, 0.1, 0.05]), 1.0), *[hand_at(offset(far, [0.05, 0.1, 0.05]))] * 30]
        ),
    )
    np.testing.assert_allclose(moved[:3, 3] - before[:3, 3], [0.05, 0.1, 0.05], atol=0.003)
    # A gap is a clutch: the hand comes back elsewhere, the palm stays.
    player.show([None] * 15)
    again = palm_of(kinematics, player.show([hand_at(offset(far, [-0.2] * 3))] * 10))
    assert np.linalg.norm(again[:3, 3] - moved[:3, 3]) < 0.001


def test_released_it_holds_until_engaged(make, hand_at):
    live = make()
    player = Player(live)
    player.show([hand_at(KNUCKLE)] * 20)
    live.release()
    held = player.show([hand_at(KNUCKLE + 0.1)] * 5)
    assert held.reason == "released"
    live.engage()
    assert player.show([hand_at(KNUCKLE + 0.1)] * 5).following


def test_a_hand_outside_the_workspace_stops_the_palm_at_its_border(make, kinematics, hand_at):
    last = Player(make(workspace_upper_m=(0.6, 0.7, 1.0))).show([hand_at(offset(KNUCKLE, [0.3, 0.0, 0.0]))] * 90)
    assert palm_of(kinematics, last)[0, 3] < 0.605
    assert last.distance_m > 0.1


def test_a_hand_pressed_into_table_and_wall_never_takes_the_robot_with_it(make, kinematics, checker, hand_at):
    live = make()
    player = Player(live)
    player.show([hand_at(KNUCKLE)] * 40)
    sunk = np.array([0.6, -0.1, 0.10])  # the middle knuckle below the table
    into_wall = np.array([0.6, 0.25, 0.20])
    hands = [*path(hand_at, KNUCKLE, sunk, 0.5), *path(hand_at, sunk, into_wall, 1.0), *[hand_at(into_wall)] * 15]
    player.show(hands)
    depths = [checker.penetration(target.joint_position, None) for target in player.targets[::2]]
    assert max(depths) <= live.configuration.posture.penetration_m + 1e-6
    for target in player.targets[::5]:
        assert palm_of(kinematics, target)[2, 3] > TABLE_M
    # It does not stick there.
    free = player.show([*path(hand_at, into_wall, KNUCKLE, 0.5), *[hand_at(KNUCKLE)] * 45])
    assert free.distance_m < 0.003


def test_a_robot_that_is_held_up_is_not_left_behind(make, embodiment, hand_at):
    home = np.array(embodiment.home)
    player = Player(make())
    last = player.show([hand_at(offset(KNUCKLE, [0.1, 0.2, 0.0]))] * 90, measured=home)
    arm = slice(0, embodiment.arm_dof)
    assert np.abs(last.joint_position[arm] - home[arm]).max() <= player.live.configuration.leash_rad + 1e-9


def test_it_engages_from_where_the_robot_is_measured(make, embodiment, hand_at):
    standing = np.array(embodiment.home)
    standing[0] += 0.4
    first = make().update(0.0, hand_at(KNUCKLE), 1.0, standing)
    step = np.abs(first.joint_position - standing)
    assert (step <= embodiment.limits.velocity * PERIOD_S + 1e-9).all()


def test_noise_of_the_estimate_hardly_reaches_the_joints(make, hand_at, embodiment):
    open_ = OneEuroConfiguration(minimum_cutoff_hz=1000.0, beta_hz_s=0.0)
    noise = np.random.default_rng(3).normal(0.0, 0.001, (45, 21, 3))
    jitter = []
    for configuration in (HandFilterConfiguration(), HandFilterConfiguration(open_, open_, open_)):
        player = Player(make(filter=configuration))
        player.show([hand_at(KNUCKLE)] * 30)
        player.show(hand_at(KNUCKLE) + noise)
        positions = np.stack([target.joint_position for target in player.targets[-40:]])
        jitter.append(np.diff(positions[:, : embodiment.arm_dof], axis=0).std())
    assert jitter[0] < 0.5 * jitter[1]
