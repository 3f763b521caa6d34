"""The reward against cases computed by hand, and what must hold for all cases."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2s2r_sim.reward import RewardSettings, fingertip_distance, tracking_reward

SETTINGS = RewardSettings()


@pytest.mark.parametrize(
    ("distance", "hand", "expected"),
    [
        (0.0, 0.1, 1.0),
        (0.01, 0.1, math.exp(-0.1)),
        (0.10, 0.29, math.exp(-1.0)),
        (0.20, 0.1, math.exp(-2.0)),  # the gate is strict: at 0.20 m the goal still moves
        (0.21, 0.1, 0.1 * math.exp(-2.1)),
        (0.0, 0.30, 0.0),  # the hand has left
        (0.0, 0.31, 0.0),
    ],
)
def test_cases_by_hand(distance, hand, expected):
    reward = tracking_reward(np.array([distance]), np.array([hand]), SETTINGS)
    assert reward[0] == pytest.approx(expected, abs=1e-15)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=8))
def test_it_lies_between_zero_and_one_and_treats_rows_alike(rows):
    distance, hand = np.array(rows).T
    reward = tracking_reward(distance, hand, SETTINGS)
    assert ((reward >= 0.0) & (reward <= 1.0)).all()
    for row, value in zip(rows, reward, strict=True):
        assert tracking_reward(np.array(row[:1]), np.array(row[1:]), SETTINGS)[0] == value


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_nearer_is_never_worse(first, second):
    near, far = min(first, second), max(first, second)
    rewards = tracking_reward(np.array([near, far]), np.array([0.1, 0.1]), SETTINGS)
    assert rewards[0] >= rewards[1]


def test_alpha_is_per_metre():
    settings = RewardSettings(alpha_per_m=20.0)
    assert tracking_reward(np.array([0.05]), np.array([0.0]), settings)[0] == pytest.approx(math.exp(-1.0))


def test_fingertip_distance_is_the_mean_over_fingers():
    tips = np.array([[[0.1, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.2], [0.0, 0.0, 0.0]]])
    assert fingertip_distance(tips, np.zeros((1, 3)))[0] == pytest.approx(0.15)


def test_torch_gives_the_same():
    import torch

    distance, hand = np.linspace(0.0, 0.3, 50), np.linspace(0.0, 0.4, 50)
    by_torch = tracking_reward(torch.from_numpy(distance), torch.from_numpy(hand), SETTINGS)
    np.testing.assert_allclose(by_torch.numpy(), tracking_reward(distance, hand, SETTINGS), rtol=1e-14)
