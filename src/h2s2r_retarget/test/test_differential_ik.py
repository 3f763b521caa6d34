"""Damped least squares: exact, within limits, calm, and blind to the batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_retarget.differential_ik import DampedLeastSquares, palm_error, solve_palm, step_palm
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

EMBODIMENT = load_embodiment("iiwa14_allegro")
KINEMATICS = BatchedKinematics(EMBODIMENT)
LIMITS = EMBODIMENT.limits


def near_home(count, spread, seed=0):
    postures = np.tile(EMBODIMENT.home, (count, 1))
    postures[:, :7] += np.random.default_rng(seed).uniform(-spread, spread, (count, 7))
    return np.clip(postures, LIMITS.lower, LIMITS.upper)


def within_limits(postures):
    return bool(((LIMITS.lower <= postures) & (postures <= LIMITS.upper)).all())


def test_twenty_random_reachable_targets_are_met():
    goals = KINEMATICS.forward(near_home(20, 0.5)).T_world_palm
    found = solve_palm(KINEMATICS, np.tile(EMBODIMENT.home, (20, 1)), goals)
    assert found.position_error_m.max() < 1e-3
    assert np.degrees(found.rotation_error_rad.max()) < 0.5
    assert within_limits(found.joint_position)
    # The residuals are what the kinematics says they are.
    error = palm_error(KINEMATICS.forward(found.joint_position).T_world_palm, goals)
    assert np.allclose(np.linalg.norm(error[:, :3], axis=1), found.position_error_m, atol=1e-12)


def test_a_target_out_of_reach_ends_near_and_says_so():
    T = KINEMATICS.forward(EMBODIMENT.home[None]).T_world_palm.copy()
    T[0, :3, 3] = [2.0, 0.0, 0.5]
    found = solve_palm(KINEMATICS, EMBODIMENT.home[None], T)
    assert found.position_error_m[0] > 0.5
    assert within_limits(found.joint_position) and np.isfinite(found.joint_position).all()


def test_steps_track_a_moving_target():
    q = EMBODIMENT.home[None].copy()
    T = KINEMATICS.forward(q).T_world_palm.copy()
    errors = []
    for _ in range(30):  # 2 s at 15 Hz, 10 cm/s
        T[0, 1, 3] += 0.1 / 15
        q = step_palm(KINEMATICS, q, T)
        errors.append(palm_error(KINEMATICS.forward(q).T_world_palm, T)[0])
    assert np.abs(errors)[:, :3].max() < 0.003
    assert np.abs(errors)[:, 3:].max() < np.radians(1.0)
    assert (q[0, 7:] == EMBODIMENT.home[7:]).all()


def test_the_null_space_goes_to_the_posture_and_the_palm_stays():
    start = EMBODIMENT.home[None].copy()
    T = KINEMATICS.forward(start).T_world_palm
    posture = EMBODIMENT.home[:7].copy()
    posture[2] += 0.4
    q = step_palm(KINEMATICS, start, T, posture=posture, iterations=60)
    error = palm_error(KINEMATICS.forward(q).T_world_palm, T)[0]
    assert np.linalg.norm(q[0, :7] - posture) < np.linalg.norm(start[0, :7] - posture) - 0.05
    assert np.linalg.norm(error[:3]) < 2e-3 and np.linalg.norm(error[3:]) < np.radians(0.5)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    position=st.tuples(*[st.floats(-3.0, 3.0)] * 3),
    maximum=st.floats(0.01, 0.5),
)
def test_no_target_gets_a_step_past_a_limit_or_over_its_size(seed, position, maximum):
    q = np.random.default_rng(seed).uniform(LIMITS.lower, LIMITS.upper, (3, 23))
    T = np.tile(np.eye(4), (3, 1, 1))
    T[:, :3, 3] = position
    moved = step_palm(KINEMATICS, q, T, settings=DampedLeastSquares(maximum_step_rad=maximum))
    assert within_limits(moved)
    assert np.abs(moved - q).max() <= maximum * (1 + 1e-12)
    assert (moved[:, 7:] == q[:, 7:]).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), count=st.integers(1, 40), library=st.sampled_from(["numpy", "torch"]))
def test_a_row_does_not_depend_on_the_others_to_the_bit(seed, count, library):
    q = near_home(40, 0.4, seed)
    T = KINEMATICS.forward(near_home(40, 0.4, seed + 1)).T_world_palm
    if library == "torch":
        torch = pytest.importorskip("torch")
        q, T = torch.tensor(q), torch.tensor(T)
    assert bool((step_palm(KINEMATICS, q, T)[:count] == step_palm(KINEMATICS, q[:count], T[:count])).all())
    everything, part = solve_palm(KINEMATICS, q, T), solve_palm(KINEMATICS, q[:count], T[:count])
    assert bool((everything.joint_position[:count] == part.joint_position).all())


def test_torch_equals_numpy():
    torch = pytest.importorskip("torch")
    q, T = near_home(8, 0.3), KINEMATICS.forward(near_home(8, 0.3, 1)).T_world_palm
    other = step_palm(KINEMATICS, torch.tensor(q), torch.tensor(T)).numpy()
    assert np.abs(other - step_palm(KINEMATICS, q, T)).max() < 1e-10
