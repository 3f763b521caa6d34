"""Behaviour cloning: its demonstrations are the moved path, and what it learned it repeats."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed: pip install -c constraints.txt diffusers")

from h2s2r_perception.geometry import inverse
from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.baselines import BehaviourCloning, CloningSettings
from h2s2r_sim.baselines.behaviour_cloning.diffusion import DiffusionPolicy
from h2s2r_sim.baselines.behaviour_cloning.synthesis import synthesise
from h2s2r_sim.environment import Environment
from h2s2r_sim.randomisation import NONE

SMALL = CloningSettings(training_steps=300, hidden=64, demonstrations=4, learning_rate=3e-3)


@pytest.fixture(scope="module")
def kinematics(embodiment):
    return BatchedKinematics(embodiment)


def samples_of(task, reference, kinematics, count=3, **reset):
    moved = dataclasses.replace(task, reset=dataclasses.replace(task.reset, **reset))
    rng = np.random.default_rng(1)
    return synthesise(moved, reference, kinematics, demonstrations=count, horizon=8, hold_s=1.2, rng=rng)


def test_without_a_start_range_every_demonstration_is_the_shown_one(task, push_reference, kinematics):
    samples = samples_of(task, push_reference, kinematics, position_m=0.0, yaw_rad=0.0)
    steps = len(samples.action) // 3
    np.testing.assert_allclose(samples.observation[:steps], samples.observation[steps : 2 * steps], atol=1e-12)
    path, dof = push_reference.human_path, push_reference.joint_position.size
    time_s = (
        np.arange(steps) / POLICY_RATE_HZ * max(1.0, path.stamp_s[-1] / (push_reference.goal_path.duration_s + 0.9))
    )
    shown = np.stack([np.interp(time_s, path.stamp_s, column) for column in path.joint_position.T], axis=1)
    np.testing.assert_allclose(samples.observation[:steps, :dof], shown, atol=1e-3)  # solved anew: the palm is met
    # Each action leads from one observation to the next.
    np.testing.assert_allclose(
        samples.observation[: steps - 1, :dof] + samples.action[: steps - 1, 0], samples.observation[1:steps, :dof]
    )


def test_the_object_rides_along_and_the_palm_stays_with_it(task, push_reference, kinematics):
    samples = samples_of(task, push_reference, kinematics, count=2)
    steps, dof = len(samples.action) // 2, push_reference.joint_position.size
    objects = samples.observation[:, dof + 7 :].reshape(2, steps, 4, 4)
    assert np.linalg.norm(objects[0, 0, :3, 3] - objects[1, 0, :3, 3]) > 1e-3
    travel = [inverse(objects[k, 0]) @ objects[k, -1] for k in range(2)]
    np.testing.assert_allclose(travel[0], travel[1], atol=1e-9)
    palms = np.asarray(kinematics.palm(samples.observation[:, :dof]).T_world_palm).reshape(2, steps, 4, 4)
    relative = [inverse(objects[k, 0]) @ palms[k, 0] for k in range(2)]
    np.testing.assert_allclose(relative[0], relative[1], atol=2e-3)


def test_it_repeats_what_it_was_shown_and_the_same_seed_learns_the_same(task, push_reference, kinematics):
    samples = samples_of(task, push_reference, kinematics, count=SMALL.demonstrations)
    first, again = DiffusionPolicy(samples, SMALL), DiffusionPolicy(samples, SMALL)
    predicted = first.predict(samples.observation)
    np.testing.assert_array_equal(predicted, again.predict(samples.observation))
    error = np.abs(predicted - samples.action).mean()
    assert error < 0.35 * np.abs(samples.action).mean()


def test_it_moves_the_robot_within_its_limits(task, embodiment, push_reference):
    environment = Environment(task, embodiment, push_reference, num_environments=3, seed=0, table=NONE)
    cloning = BehaviourCloning(environment, dataclasses.replace(SMALL, training_steps=60))
    before, _ = environment.engine.joint_state()
    for _ in range(3):
        assert np.isfinite(cloning.step(environment).reward).all()
    after, _ = environment.engine.joint_state()
    assert np.abs(after - before).max() > 1e-3
    assert (after >= embodiment.limits.lower - 1e-3).all() and (after <= embodiment.limits.upper + 1e-3).all()
