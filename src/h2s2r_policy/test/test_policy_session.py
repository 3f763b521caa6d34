"""One robot under one policy: when it starts, what it sends, and when it falls silent."""

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import inverse, pose, rotation_from_vector
from h2s2r_policy.interface import open_policy
from h2s2r_policy.policy_runner import Measurement
from h2s2r_policy.policy_session import Phase, PolicySession, StartPose
from h2s2r_policy.task_guard import TaskGuard, TaskGuardConfiguration
from h2s2r_retarget.kinematics import BatchedKinematics

FRAME_NS = 33_333_333
T_OBJECT = pose(np.eye(3), np.array([0.6, -0.15, 0.185]))


class Rig:
    """A session fed at 30 Hz by a robot that is wherever the last target said."""

    def __init__(self, bundle_folder):
        bundle, embodiment, runner = open_policy(bundle_folder)
        kinematics = BatchedKinematics(embodiment)
        self.joints = np.array(embodiment.home)
        self.T_object_palm = inverse(T_OBJECT) @ kinematics.forward(self.joints[None]).T_world_palm[0]
        guard = TaskGuard(TaskGuardConfiguration(), kinematics, bundle.contract.table_height_m)
        self.session = PolicySession(
            bundle.policy, runner, kinematics, guard, StartPose(self.T_object_palm, self.joints.copy())
        )
        self.session.warm_up()
        self.stamp_ns = 10**9

    def frame(self, T_object=T_OBJECT, T_goal=T_OBJECT, *, pose_comes=True):
        """One camera frame; the robot obeys at once."""
        self.stamp_ns += FRAME_NS
        self.session.joint_state(self.stamp_ns, self.joints, np.zeros_like(self.joints))
        target = self.session.pair(self.stamp_ns, T_object, T_goal) if pose_comes else None
        if target is not None:
            self.joints = target
        return target

    def begin(self):
        """Up to the first frame of a run."""
        self.frame()
        self.session.start()
        assert self.session.phase is Phase.ARRIVED
        self.session.run()


@pytest.fixture
def rig(bundle_folder):
    return Rig(bundle_folder)


def test_nothing_is_sent_before_the_start(rig):
    assert all(rig.frame() is None for _ in range(5))
    assert rig.session.phase is Phase.IDLE


def test_starting_blind_is_refused(rig):
    with pytest.raises(InputError, match="/joint_states: expected a joint state, found none yet"):
        rig.session.start()
    rig.frame(pose_comes=False)
    with pytest.raises(InputError, match=r"/object_pose: .*none yet"):
        rig.session.start()
    rig.frame()
    for _ in range(10):
        rig.frame(pose_comes=False)
    with pytest.raises(InputError, match=r"/object_pose: expected at most 0\.2 s, found 0\.333 s old"):
        rig.session.start()


def test_an_object_out_of_reach_is_refused(rig):
    rig.frame(T_object=pose(np.eye(3), np.array([2.5, 0.0, 0.2])))
    with pytest.raises(InputError, match=r"expected an object within the robot's reach, found .* mm"):
        rig.session.start()


def test_a_robot_far_from_the_start_pose_approaches_it_slowly_and_waits_there(rig):
    start = rig.joints.copy()
    rig.joints = start + np.linspace(-0.3, 0.3, len(start))
    rig.frame()
    rig.session.start()
    assert rig.session.phase is Phase.APPROACH
    before = rig.joints
    for _ in range(200):
        target = rig.frame()
        if rig.session.phase is Phase.ARRIVED:
            break
        if target is not None:
            assert np.abs(target - before).max() <= 0.4 / 15 + 1e-9
            before = target
    assert rig.session.phase is Phase.ARRIVED
    np.testing.assert_allclose(rig.joints, start, atol=5e-3)
    assert rig.frame() is None, "the policy waits for the goal"


def test_the_start_pose_follows_the_object(rig, embodiment):
    T_moved = pose(rotation_from_vector(np.array([0.0, 0.0, 0.1])), np.array([0.62, -0.13, 0.185]))
    rig.frame(T_object=T_moved)
    rig.session.start()
    for _ in range(200):
        rig.frame(T_object=T_moved)
    T_palm = BatchedKinematics(embodiment).forward(rig.joints[None]).T_world_palm[0]
    np.testing.assert_allclose(T_palm, T_moved @ rig.T_object_palm, atol=2e-3)


def test_the_policy_steps_at_fifteen_hertz_of_image_time(rig):
    rig.begin()
    sent = [rig.frame() is not None for _ in range(8)]
    assert sent == [True, False] * 4


def test_targets_are_those_of_the_library_to_the_bit(rig, bundle_folder):
    rig.begin()
    bundle, _, runner = open_policy(bundle_folder)
    runner.reset(rig.joints[None], T_OBJECT[None])
    for _ in range(3):
        joints = rig.joints[None]
        measurement = Measurement(joints, np.zeros_like(joints), T_OBJECT[None], T_OBJECT[None])
        expected = runner.act(bundle.policy.step(runner.observe(measurement)))[0]
        np.testing.assert_array_equal(rig.frame(), expected)
        rig.frame()


def test_a_second_run_remembers_nothing_of_the_first(rig):
    start = rig.joints
    rig.begin()
    first = [rig.frame() for _ in range(6)]
    rig.session.hold()
    assert rig.frame() is None
    rig.joints = start
    rig.begin()
    for one, again in zip(first, [rig.frame() for _ in range(6)], strict=True):
        np.testing.assert_array_equal(one, again)


def test_it_is_silent_when_the_object_pose_is_older_than_200_ms(rig):
    start = rig.joints
    rig.begin()
    rig.frame()
    for _ in range(6):
        rig.frame(pose_comes=False)
    assert rig.session.phase is Phase.RUN, "200 ms are allowed"
    rig.frame(pose_comes=False)
    assert rig.session.phase is Phase.HOLD
    assert "stale object pose" in rig.session.guard.latched.limit
    assert all(rig.frame() is None for _ in range(4)), "only a new start ends the silence"
    rig.joints = start
    rig.begin()
    assert rig.frame() is not None


def test_a_late_pose_that_was_taken_long_ago_is_not_acted_upon(rig):
    rig.begin()
    rig.session.joint_state(rig.stamp_ns + 250_000_000, rig.joints, np.zeros_like(rig.joints))
    assert rig.session.pair(rig.stamp_ns + 1, T_OBJECT, T_OBJECT) is None
    assert rig.session.phase is Phase.HOLD


def test_a_jumping_object_pose_ends_the_run(rig):
    rig.begin()
    rig.frame()
    assert rig.frame(T_object=pose(np.eye(3), np.array([0.6, 0.0, 0.185]))) is None
    assert rig.session.phase is Phase.HOLD
    intervention = rig.session.guard.interventions[-1]
    assert "jumped" in intervention.limit
    np.testing.assert_allclose(intervention.value, 0.15)


def test_a_hand_in_the_table_or_out_of_the_workspace_ends_the_run(rig, embodiment):
    kinematics = BatchedKinematics(embodiment)
    home = rig.joints
    tips = kinematics.forward(home[None]).fingertip_position[0, :, 2] - embodiment.fingertip_radius

    def check(height, **limits):
        guard = TaskGuard(TaskGuardConfiguration(**limits), kinematics, tips.min() + height)
        return guard, guard.check(home, home, stamp_ns=5)

    guard, result = check(0.02)
    assert result.command is None
    assert "measured height of link_" in result.violation.limit
    np.testing.assert_allclose(result.violation.value, -0.02, atol=1e-12)
    assert guard.check(home, home, stamp_ns=6).violation is result.violation, "it latches"
    assert "target height of" in check(0.07)[1].violation.limit
    assert "workspace, target x of" in check(-0.1, workspace_upper_m=(0.3, 0.7, 1.0))[1].violation.limit
    good = check(0.005)[1]
    assert good.violation is None
    np.testing.assert_array_equal(good.command, home)
