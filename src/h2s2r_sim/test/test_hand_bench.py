"""The benchmark of hands with objects in them: grasps that touch, truth that fits the pictures, sums that are right."""

import numpy as np
import pytest

from h2s2r_perception.hand_pose import HandEstimate
from h2s2r_sim.hand_bench.grasps import GRASPS, TOUCH_M, close_hand, penetration, place_object
from h2s2r_sim.hand_bench.measure import FIRST_SEED, estimate_recording, summarise
from h2s2r_sim.hand_bench.recording import draw_recording
from h2s2r_sim.hand_bench.reliability import reliability_figures
from h2s2r_sim.hand_bench.solids import SOLIDS, Part, Solid


@pytest.mark.parametrize("grasp", GRASPS, ids=lambda grasp: grasp.name)
def test_fingers_close_until_they_touch_and_no_further(grasp):
    solid = SOLIDS[grasp.solid]
    T_hand_object = place_object(grasp, solid, np.zeros(3))
    posture = close_hand(solid, T_hand_object)
    depth = penetration(solid, T_hand_object, posture)
    assert -0.004 < depth <= TOUCH_M + 1e-9
    assert (posture.flexion >= 0.0).all()


def test_distance_to_a_mug_is_that_to_its_nearest_part():
    solid = Solid("t", (Part((0.04, 0.04, 0.05)), Part((0.01, 0.01, 0.01), (0.06, 0.0, 0.0), round=False)), (1, 1, 1))
    points = np.array([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0], [0.0, 0.0, 0.08], [0.09, 0.0, 0.0], [0.06, 0.0, 0.0]])
    np.testing.assert_allclose(solid.distance(points), [-0.04, 0.01, 0.03, 0.02, -0.01], atol=1e-12)
    np.testing.assert_allclose(solid.scaled(2.0).distance(2.0 * points), 2.0 * solid.distance(points), atol=1e-12)


@pytest.fixture(scope="module")
def recording():
    return draw_recording(1, every=6)


def test_truth_lies_under_the_skin_that_the_depth_image_shows(recording):
    K, last = recording.camera_matrix, len(recording.joints_camera) - 1
    joints = recording.joints_camera[last]
    pixels = np.rint(joints[:, :2] / joints[:, 2:] * K[[0, 1], [0, 1]] + K[:2, 2]).astype(int)
    surface = recording.depth_m[last, pixels[:, 1], pixels[:, 0]]
    behind = joints[:, 2] - surface
    shown = recording.joint_visible[last] & (surface > 0.0)
    assert shown.sum() > 12
    assert 0.003 < np.median(behind[shown]) < 0.02


def test_bones_have_the_drawn_size_in_every_frame_and_there_is_no_hand_at_first(recording):
    length = np.linalg.norm(recording.joints_camera[:, 6] - recording.joints_camera[:, 5], axis=1)
    np.testing.assert_allclose(length, 0.044 * recording.hand_scale, atol=1e-9)
    first, later = recording.depth_m[0], recording.depth_m[2]
    nearer = (first > 0.0) & (later > 0.0) & (later < first - 0.03)
    assert 0.005 < nearer.mean() < 0.5


def test_same_seed_gives_the_same_pixels_and_splits_do_not_meet(recording):
    again = draw_recording(1, every=29)
    np.testing.assert_array_equal(again.rgb[0], recording.rgb[0])
    np.testing.assert_array_equal(again.depth_m[0], recording.depth_m[0])
    assert FIRST_SEED["test"] - FIRST_SEED["dev"] >= 1000


class _Told:
    """Knows the truth, and errs by a constant; says so."""

    def __init__(self, recording, error_m, confidence):
        self._joints, self._error_m, self._confidence = iter(recording.joints_camera), error_m, confidence
        self._frame = -1

    def estimate(self, rgb, depth_m, camera_matrix):
        joints = next(self._joints) + np.array([0.0, 0.0, self._error_m])
        self._frame += 1
        return None if self._frame < 1 else HandEstimate(joints, self._confidence, np.zeros((21, 2)))

    def close(self):
        pass


def test_a_constant_error_is_told_as_such(recording):
    figures = summarise([estimate_recording(recording, _Told(recording, 0.010, 0.95))])
    assert figures["held_found_fraction"] == 1.0
    assert figures["held_within_20mm_fraction"] == 1.0
    assert figures["held_joint_mm_p50"] == pytest.approx(10.0)
    assert figures["empty_frames_with_hand"] == 0
    assert figures["right_fraction"] == 1.0


def test_confidence_that_is_wrong_is_told_as_wrong():
    error = np.array([0.01] * 90 + [0.05] * 10)
    honest = reliability_figures(np.full(100, 0.9), error)
    boastful = reliability_figures(np.full(100, 0.9), error[::-1].copy() + 0.04)
    assert honest["confidence_gap"] == pytest.approx(0.0, abs=1e-9)
    assert honest["reliability_80_100_true"] == pytest.approx(0.9)
    assert boastful["confidence_gap"] == pytest.approx(0.9)
    assert honest["reliability_0_20_said"] is None
