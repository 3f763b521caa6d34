"""The border of the policy: what it sees and what its actions do, the same alone and in a crowd."""

import numpy as np
import pytest

from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_policy.action import ActionConfiguration
from h2s2r_policy.interface import hand_synergy, make_runner
from h2s2r_policy.policy_runner import Measurement
from h2s2r_retarget.kinematics import BatchedKinematics

N = 128


@pytest.fixture
def world(embodiment):
    rng = np.random.default_rng(3)
    joints = embodiment.home + rng.normal(0.0, 0.05, (N, embodiment.dof))
    joints = np.clip(joints, embodiment.limits.lower, embodiment.limits.upper)

    def poses():
        return pose(rotation_from_vector(rng.normal(0.0, 0.3, (N, 3))), rng.normal(0.5, 0.1, (N, 3)))

    return Measurement(joints, rng.normal(0.0, 0.3, joints.shape), poses(), poses())


def _row(measurement, row):
    return Measurement(*(value[row : row + 1] for value in vars(measurement).values()))


def _started(embodiment, measurement):
    runner = make_runner(embodiment, "none")
    runner.reset(measurement.joint_position, measurement.T_world_object)
    return runner


def test_a_row_is_the_same_to_the_bit_alone_and_in_a_crowd(embodiment, world):
    rng = np.random.default_rng(0)
    crowd = _started(embodiment, world)
    alone = {row: _started(embodiment, _row(world, row)) for row in (0, 77, 127)}
    for _ in range(3):
        action = rng.normal(0.0, 0.7, (N, 11)).astype(np.float32)
        observation, target = crowd.observe(world), crowd.act(action)
        for row, runner in alone.items():
            single = _row(world, row)
            np.testing.assert_array_equal(runner.observe(single)[0], observation[row])
            np.testing.assert_array_equal(runner.act(action[row : row + 1])[0], target[row])
        world = Measurement(target, world.joint_velocity, world.T_world_goal, world.T_world_object)


def test_the_observation_holds_each_term_at_its_place(embodiment, world):
    runner = _started(embodiment, world)
    observation = runner.observe(world)
    assert observation.dtype == np.float32
    assert observation.shape == (N, runner.layout.size)
    places = {term.name: (runner.layout.slices[term.name], term.scale) for term in runner.layout.terms}

    def part(name):
        place, scale = places[name]
        return observation[:, place] / scale

    hand = BatchedKinematics(embodiment).forward(world.joint_position)
    palm = hand.T_world_palm[:, :3, 3]
    np.testing.assert_allclose(part("joint_position"), world.joint_position, atol=1e-6)
    np.testing.assert_allclose(part("joint_velocity"), world.joint_velocity, atol=1e-6)
    np.testing.assert_array_equal(part("joint_target_error"), 0.0)
    np.testing.assert_array_equal(part("object_anchor_change"), 0.0)
    np.testing.assert_allclose(part("palm_position"), palm, atol=1e-6)
    np.testing.assert_allclose(part("palm_rotation")[:, 3:], hand.T_world_palm[:, :3, 1], atol=1e-6)
    tips = part("fingertip_position").reshape(N, -1, 3) + palm[:, None]
    np.testing.assert_allclose(tips, hand.fingertip_position, atol=1e-6)
    x_anchor = world.T_world_object[:, :3, 3] + 0.2 * world.T_world_object[:, :3, 0]
    np.testing.assert_allclose(part("object_anchor")[:, :3] + palm, x_anchor, atol=1e-6)
    difference = part("goal_anchor") - part("object_anchor") - np.tile(palm, 3)
    np.testing.assert_allclose(part("goal_difference"), difference, atol=1e-6)


def test_an_object_that_moved_shows_in_its_anchor_change_once(embodiment, world):
    runner = _started(embodiment, world)
    runner.observe(world)
    T = world.T_world_object.copy()
    T[:, 0, 3] += 0.01
    moved = Measurement(world.joint_position, world.joint_velocity, T, world.T_world_goal)
    place = runner.layout.slices["object_anchor_change"]
    change = runner.observe(moved)[:, place].reshape(N, 3, 3) / 20.0
    np.testing.assert_allclose(change, np.broadcast_to([0.01, 0.0, 0.0], (N, 3, 3)), atol=1e-7)
    np.testing.assert_array_equal(runner.observe(moved)[:, place], 0.0)


def test_restarting_one_row_leaves_the_others(embodiment, world):
    runner = _started(embodiment, world)
    runner.observe(world)
    runner.act(np.ones((N, 11)))
    before = runner.commanded
    rows = np.zeros(N, dtype=bool)
    rows[5] = True
    runner.reset(world.joint_position, world.T_world_object, rows)
    np.testing.assert_array_equal(runner.commanded.joint_target[5], world.joint_position[5])
    np.testing.assert_array_equal(np.delete(runner.commanded.synergy, 5, 0), np.delete(before.synergy, 5, 0))


def test_the_palm_target_moves_as_told_and_the_joints_reach_it(embodiment, world):
    runner = _started(embodiment, world)
    kinematics = BatchedKinematics(embodiment)
    start = kinematics.forward(world.joint_position).T_world_palm
    action = np.zeros((N, 11))
    action[:, 1] = 1.0
    runner.observe(world)
    reached = kinematics.forward(runner.act(action)).T_world_palm
    np.testing.assert_allclose(reached[:, :3, 3] - start[:, :3, 3], np.tile([0.0, 0.02, 0.0], (N, 1)), atol=1.5e-3)
    assert rotation_angle(start[:, :3, :3], reached[:, :3, :3]).max() < 0.01


def test_the_leash_keeps_the_target_near_a_blocked_palm(embodiment, world):
    runner = _started(embodiment, world)
    configuration = ActionConfiguration()
    palm = BatchedKinematics(embodiment).forward(world.joint_position).T_world_palm
    for _ in range(20):
        runner.observe(world)
        runner.act(np.ones((N, 11)))
    target = runner.commanded.T_world_palm_target
    distance = np.linalg.norm(target[:, :3, 3] - palm[:, :3, 3], axis=1)
    np.testing.assert_allclose(distance, configuration.leash_m, rtol=1e-9)
    angle = rotation_angle(palm[:, :3, :3], target[:, :3, :3])
    np.testing.assert_allclose(angle, configuration.leash_rad, rtol=1e-6)


def test_targets_stay_inside_the_joint_limits(embodiment, world):
    rng = np.random.default_rng(1)
    runner = _started(embodiment, world)
    for _ in range(60):
        runner.observe(world)
        target = runner.act(rng.uniform(-30.0, 30.0, (N, 11)))
        world = Measurement(target, world.joint_velocity, world.T_world_object, world.T_world_goal)
        assert np.all(target >= embodiment.limits.lower)
        assert np.all(target <= embodiment.limits.upper)


def test_closing_the_hand_is_rate_limited_and_ends_closed(embodiment, world):
    runner = _started(embodiment, world)
    synergy = hand_synergy(embodiment)
    close = np.zeros((N, 11))
    close[:, 6] = 1.0
    before = runner.commanded.synergy
    for _ in range(20):
        runner.observe(world)
        runner.act(close)
        now = runner.commanded.synergy
        assert np.all(np.abs(now - before) <= 0.25 + 1e-12)
        before = now
    np.testing.assert_allclose(now[:, 0], synergy.centre[0] + synergy.half_range[0])


def test_a_hand_posture_is_its_synergies_plus_the_rest(embodiment, world):
    synergy = hand_synergy(embodiment)
    coordinate, residual = synergy.decompose(world.joint_position)
    assert np.all(np.abs(coordinate - synergy.centre) <= synergy.half_range + 1e-12)
    again = synergy.compose(world.joint_position, coordinate, residual)
    np.testing.assert_allclose(again, world.joint_position, atol=1e-12)


def test_numpy_and_torch_agree(embodiment, world):
    import torch

    few = Measurement(*(value[:4] for value in vars(world).values()))
    ours = _started(embodiment, few)
    theirs = make_runner(embodiment, "none", like=torch.zeros(0, dtype=torch.float64))
    tensors = Measurement(*(torch.asarray(value) for value in vars(few).values()))
    theirs.reset(tensors.joint_position, tensors.T_world_object)
    np.testing.assert_allclose(theirs.observe(tensors).numpy(), ours.observe(few), atol=1e-6)
    action = np.linspace(-1.0, 1.0, 44).reshape(4, 11)
    np.testing.assert_allclose(theirs.act(torch.asarray(action)).numpy(), ours.act(action), atol=1e-9)


OTHER_ACTIONS = [
    ActionConfiguration(palm="absolute"),
    ActionConfiguration(hand="joints"),
    ActionConfiguration(palm="absolute", hand="joints"),
]


@pytest.mark.parametrize("configuration", OTHER_ACTIONS)
def test_other_actions_too_are_the_same_to_the_bit_alone_and_in_a_crowd(embodiment, world, configuration):
    crowd, alone = (make_runner(embodiment, "none", configuration) for _ in range(2))
    crowd.reset(world.joint_position, world.T_world_object)
    alone.reset(world.joint_position[77:78], world.T_world_object[77:78])
    size = sum(term.size for term in crowd.actions.terms)
    action = np.random.default_rng(0).normal(0.0, 0.7, (N, size)).astype(np.float32)
    crowd.observe(world)
    alone.observe(_row(world, 77))
    np.testing.assert_array_equal(alone.act(action[77:78])[0], crowd.act(action)[77])


def test_an_absolute_palm_target_is_approached_in_steps_until_the_palm_is_there(embodiment):
    kinematics = BatchedKinematics(embodiment)
    runner = make_runner(embodiment, "none", ActionConfiguration(palm="absolute"))
    joints = embodiment.home[None].copy()
    T, still = np.tile(np.eye(4), (1, 1, 1)), np.zeros_like(joints)
    runner.reset(joints, T)
    start = kinematics.palm(joints).T_world_palm[0]
    turned = rotation_from_vector(np.array([0.0, 0.0, 0.3])) @ start[:3, :3]
    goal = start[:3, 3] + np.array([0.1, 0.1, 0.05])
    lower, upper = np.array(ActionConfiguration.palm_lower_m), np.array(ActionConfiguration.palm_upper_m)
    action = np.zeros((1, 11), dtype=np.float32)
    action[0, :3] = 2.0 * (goal - lower) / (upper - lower) - 1.0
    action[0, 5] = 0.3 / np.pi
    runner.observe(Measurement(joints, still, T, T))
    first = runner.act(action)
    assert np.abs(kinematics.palm(first).T_world_palm[0, :3, 3] - start[:3, 3]).max() < 0.021
    for _ in range(40):
        runner.observe(Measurement(joints, still, T, T))
        joints = runner.act(action)
    reached = kinematics.palm(joints).T_world_palm[0]
    np.testing.assert_allclose(reached[:3, 3], goal, atol=2e-3)
    assert rotation_angle(reached[:3, :3], turned) < 0.01


def test_joint_actions_reach_every_limit_of_the_hand(embodiment):
    runner = make_runner(embodiment, "none", ActionConfiguration(hand="joints"))
    joints = embodiment.home[None].copy()
    T, still = np.tile(np.eye(4), (1, 1, 1)), np.zeros_like(joints)
    hand = slice(embodiment.arm_dof, embodiment.dof)
    for sign, bound in ((1.0, embodiment.limits.upper), (-1.0, embodiment.limits.lower)):
        runner.reset(joints, T)
        runner.observe(Measurement(joints, still, T, T))
        action = np.zeros((1, 6 + embodiment.hand_dof))
        action[:, 6:] = sign
        for _ in range(10):
            target = runner.act(action)
        np.testing.assert_allclose(target[0, hand], bound[hand], atol=1e-12)
