"""The batched environment: what an episode is, and that the robot's own code runs in it."""

import dataclasses

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_policy.anchors import anchor_distance
from h2s2r_policy.policy_runner import Measurement
from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.contact_check import ContactCheck
from h2s2r_sim.environment import Environment
from h2s2r_sim.randomisation import NONE
from h2s2r_sim.reward import RewardSettings, fingertip_distance, tracking_reward
from h2s2r_sim.twin import build_twin

N = 16


def make(task, embodiment, reference, **options):
    return Environment(task, embodiment, reference, num_environments=N, **{"seed": 3, **options})


@pytest.fixture
def environment(task, embodiment, push_reference):
    return make(task, embodiment, push_reference)


def nothing(environment):
    return np.zeros((environment.num_environments, environment.num_actions))


def forward(environment, speed=0.4):
    """Push along +y."""
    action = nothing(environment)
    action[:, 1] = speed
    return action


def run(environment, policy, steps):
    rows = []
    for _ in range(steps):
        result = environment.step(policy(environment))
        rows.append(np.concatenate([result.reward, environment.observation()[0].ravel()]))
    return np.array(rows)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(task, embodiment, push_reference):
    def play(seed, threads=0):
        return run(make(task, embodiment, push_reference, seed=seed, num_threads=threads), forward, 30)

    first = play(3)
    np.testing.assert_array_equal(play(3, threads=1), first)
    assert (play(4) != first).any()


def test_it_continues_bit_identically_from_its_state(task, embodiment, push_reference, environment):
    run(environment, forward, 20)
    state = environment.state_dict()
    expected = run(environment, forward, 70)  # through the ends of episodes
    fresh = make(task, embodiment, push_reference, seed=99)
    fresh.load_state_dict(state)
    np.testing.assert_array_equal(run(fresh, forward, 70), expected)


def test_observations_are_new_arrays_each_step(environment):
    before = environment.observation()
    copies = [array.copy() for array in before]
    environment.step(forward(environment))
    after = environment.observation()
    for old, copy, new in zip(before, copies, after, strict=True):
        assert not np.shares_memory(old, new)
        np.testing.assert_array_equal(old, copy)
    assert before[0].dtype == np.float32


def test_the_observation_is_what_the_robots_code_makes_of_the_same_measurement(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference, table=NONE)
    from h2s2r_policy.interface import make_runner

    runner = make_runner(embodiment, task.object.symmetry)
    position, velocity = environment.engine.joint_state()
    observed = environment.observed_object.pose
    runner.reset(position, observed)
    for _ in range(5):
        seen = runner.observe(Measurement(position, velocity, observed, environment.episodes.T_world_goal))
        np.testing.assert_array_equal(seen, environment.observation()[0])
        action = forward(environment)
        runner.act(action)
        environment.step(action)
        position, velocity = environment.engine.joint_state()
        observed = environment.observed_object.pose


def test_starts_reach_the_pre_manipulation_palm_and_touch_nothing(task, embodiment, push_reference):
    exact = dataclasses.replace(task, reset=dataclasses.replace(task.reset, joint_rad=0.0))
    environment = make(exact, embodiment, push_reference)
    joints, T_world_object = environment.engine.joint_state()[0], environment.engine.object_pose()
    palm = BatchedKinematics(embodiment).palm(joints).T_world_palm
    wanted = T_world_object @ push_reference.T_object_palm
    assert np.linalg.norm(palm[:, :3, 3] - wanted[:, :3, 3], axis=1).max() < 0.002
    assert ContactCheck(build_twin(task, embodiment)).free(joints, T_world_object).all()


def test_a_pre_manipulation_pose_inside_the_object_is_refused(task, embodiment, push_reference):
    inside = push_reference.T_object_palm.copy()
    inside[:3, 3] = [-0.03, 0.0, 0.02]
    with pytest.raises(InputError, match="start poses reachable and free of contact"):
        make(task, embodiment, dataclasses.replace(push_reference, T_object_palm=inside))


def test_a_demonstration_that_starts_in_the_air_is_refused(task, embodiment, push_reference):
    path = push_reference.goal_path
    T = path.T_world_object.copy()
    T[:, 2, 3] += 0.10
    flying = dataclasses.replace(push_reference, goal_path=type(path).from_poses(path.phase_s, T))
    with pytest.raises(InputError, match="at rest"):
        make(task, embodiment, flying)


def test_the_goal_walks_the_demonstrated_path_wherever_the_object_starts(environment, push_reference):
    path, speed = push_reference.goal_path, environment.episodes.speed
    np.testing.assert_array_equal(environment.episodes.T_world_goal, np.tile(path.T_world_object[0], (N, 1, 1)))
    for _ in range(15):
        environment.step(nothing(environment))
    expected = path.pose(speed * 15 / POLICY_RATE_HZ)
    np.testing.assert_allclose(environment.episodes.T_world_goal, expected, atol=1e-12)


def test_the_goal_waits_for_an_object_left_behind(environment, task, push_reference):
    """Doing nothing leaves the box where it is: the goal stops 0.2 m ahead of it, and no episode succeeds."""
    ended = np.zeros(N, dtype=bool)
    steps = 0
    while not ended.all():
        steps += 1
        distance = anchor_distance(
            environment.engine.object_pose(), environment.episodes.T_world_goal, environment.runner.anchors
        )
        assert (distance < environment.goal_clock.pause_distance_m + 0.06).all()
        result = environment.step(nothing(environment))
        ended |= result.terminated | result.truncated
        assert not result.success.any()
    assert environment.maximum_episode_steps >= steps > push_reference.goal_path.duration_s * POLICY_RATE_HZ


def test_reward_is_the_formula_on_the_true_object(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference)
    for _ in range(10):
        tips = environment.runner.kinematics.fingertip_position
        result = environment.step(forward(environment))
        assert not (result.terminated | result.truncated).any()
        T = environment.engine.object_pose()
        distance = anchor_distance(T, environment.episodes.T_world_goal, environment.runner.anchors)
        np.testing.assert_allclose(result.anchor_distance, distance, atol=1e-12)
        expected = tracking_reward(distance, fingertip_distance(tips, T[:, :3, 3]), RewardSettings())
        np.testing.assert_allclose(result.reward, expected, atol=1e-12)


def test_success_needs_the_object_at_its_goal_when_the_path_is_over(task, embodiment, push_reference):
    # The object is carried away from the hand here, which must not end the episode.
    reward = RewardSettings(hand_distance_m=1.0)
    environment = make(task, embodiment, push_reference, table=NONE, reward=reward)
    ends = []
    for _ in range(environment.maximum_episode_steps):
        # Carry the object: it is wherever the goal is, but in the first four environments 4 cm beside it.
        T = environment.episodes.T_world_goal.copy()
        T[:4, 0, 3] -= 0.04
        environment.engine.reset(np.arange(N), environment.engine.joint_state()[0], T)
        result = environment.step(nothing(environment))
        if result.truncated.any():
            ends.append(result)
            break
    (result,) = ends
    assert result.truncated.all()
    assert not result.success[:4].any()
    assert result.success[4:].all()


def test_a_lost_object_ends_the_episode_as_a_failure_and_a_new_one_begins(environment):
    T = environment.engine.object_pose()
    T[5, 0, 3] += 0.4
    environment.engine.reset(np.arange(N), environment.engine.joint_state()[0], T)
    result = environment.step(nothing(environment))
    assert result.terminated[5]
    assert not result.success[5]
    assert result.terminated.sum() == 1
    assert environment.episodes.steps[5] == 0
    assert environment.episodes.total_reward[5] == 0.0
    assert abs(environment.engine.object_pose()[5, 0, 3] - 0.6) <= 0.03


def test_a_fallen_object_is_lost(environment):
    T = environment.engine.object_pose()
    T[2, :3, 3] += [0.0, 0.0, -0.5]
    environment.engine.reset(np.arange(N), environment.engine.joint_state()[0], T)
    assert environment.step(nothing(environment)).terminated[2]


def test_commands_keep_the_joint_limits_whatever_the_policy_says(environment, embodiment):
    rng = np.random.default_rng(0)
    commands = []
    send = environment.engine.set_joint_target

    def listen(joint_position):
        commands.append(joint_position.copy())
        send(joint_position)

    environment.engine.set_joint_target = listen
    for _ in range(20):
        environment.step(5.0 * rng.normal(size=(N, environment.num_actions)))
    limits, stack = embodiment.limits, np.array(commands)
    assert (stack >= limits.lower - 1e-9).all()
    assert (stack <= limits.upper + 1e-9).all()


def test_the_critic_alone_sees_the_true_object(task, embodiment, push_reference):
    environment = make(task, embodiment, push_reference)
    policy, privileged = (array.copy() for array in environment.observation())
    T = environment.engine.object_pose()
    np.testing.assert_allclose(privileged[:, 12:15], T[:, :3, 3])
    assert policy.shape[1] == environment.runner.layout.size
    np.testing.assert_allclose(privileged[:, -5], environment.randomiser.episode["object_mass"])
