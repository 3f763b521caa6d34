"""Of the equal poses of a turned plate, one is chosen so that nothing spins."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.geometry import pose, rotation_angle, rotation_from_vector
from h2s2r_perception.symmetry import nearest_yaw, without_yaw

ANGLE = st.floats(-3.1, 3.1)


def _turned(*vector: float) -> np.ndarray:
    return pose(rotation_from_vector(np.array(vector)), np.array([0.5, 0.1, 0.2]))


@settings(max_examples=60, deadline=None)
@given(st.tuples(ANGLE, ANGLE, ANGLE), ANGLE, st.tuples(ANGLE, ANGLE, ANGLE))
def test_no_other_yaw_is_nearer(vector, yaw, reference):
    T, near = _turned(*vector), nearest_yaw(_turned(*vector), _turned(*reference))
    np.testing.assert_allclose(near[:3, 2], T[:3, 2], atol=1e-9)  # its axis stays where it is
    other = T @ _turned(0.0, 0.0, yaw)
    assert rotation_angle(near[:3, :3], _turned(*reference)[:3, :3]) <= (
        rotation_angle(other[:3, :3], _turned(*reference)[:3, :3]) + 1e-6
    )


def test_tracks_with_their_own_yaw_become_one():
    tilt = np.linspace(0.0, 0.6, 30)
    truth = np.stack([_turned(a, 0.0, 0.0) for a in tilt])
    random = np.random.default_rng(0)
    spun = [
        np.stack([T @ pose(rotation_from_vector(np.array([0, 0, random.uniform(-3, 3)])), np.zeros(3)) for T in truth])
        for _ in range(2)
    ]
    sure, unsure = np.ones(30), np.full(30, 0.6)
    unsure[10:14] = 0.0
    a, b = without_yaw(spun, [sure, unsure])
    np.testing.assert_allclose(a[:, :3, 2], truth[:, :3, 2], atol=1e-9)
    np.testing.assert_allclose(a, b, atol=1e-9)
    step = rotation_angle(a[1:, :3, :3], a[:-1, :3, :3])
    assert step.max() < 1.1 * (tilt[1] - tilt[0])
