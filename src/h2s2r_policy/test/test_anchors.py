import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_policy.anchors import anchor_distance, anchor_positions, object_anchors


def _pose(position, rotation_vector=(0.0, 0.0, 0.0)):
    return pose(rotation_from_vector(np.array([rotation_vector])), np.array([position]))


def test_a_pure_translation_moves_every_anchor_by_its_length():
    anchors = object_anchors("none")
    distance = anchor_distance(_pose([0.0, 0.0, 0.0]), _pose([0.03, 0.04, 0.0]), anchors)
    np.testing.assert_allclose(distance, [0.05], atol=1e-15)


def test_half_a_turn_about_z_moves_two_of_three_anchors_by_twice_their_length():
    distance = anchor_distance(_pose([1.0, 2.0, 3.0]), _pose([1.0, 2.0, 3.0], (0, 0, np.pi)), object_anchors("none"))
    np.testing.assert_allclose(distance, [2 * 0.4 / 3], atol=1e-12)


def test_a_yaw_symmetric_object_does_not_notice_yaw_but_notices_tilt():
    anchors = object_anchors("yaw")
    T = _pose([0.1, 0.2, 0.3])
    assert anchor_distance(T, _pose([0.1, 0.2, 0.3], (0, 0, 1.3)), anchors)[0] < 1e-15
    tilted = anchor_distance(T, _pose([0.1, 0.2, 0.3], (np.pi / 2, 0, 0)), anchors)
    np.testing.assert_allclose(tilted, [0.2 * np.sqrt(2) / 3], atol=1e-12)


def test_positions_are_the_transformed_points():
    T = _pose([0.5, -0.1, 0.2], (0.3, -0.2, 0.9))
    anchors = object_anchors("none")
    expected = np.array([T[0, :3, :3] @ k + T[0, :3, 3] for k in anchors])
    np.testing.assert_allclose(anchor_positions(T, anchors)[0], expected, atol=1e-15)


def test_an_unknown_symmetry_is_an_input_error():
    with pytest.raises(InputError, match="expected none or yaw, found 'round'"):
        object_anchors("round")
