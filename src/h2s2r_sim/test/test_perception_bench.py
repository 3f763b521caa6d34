"""The benchmark of perception: sequences that are what they say, metrics on cases whose answer is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import load_object_model
from h2s2r_perception.object_pose.ray_casting import render
from h2s2r_sim.perception_bench import report
from h2s2r_sim.perception_bench.conditions import (
    ALL_CONDITIONS,
    CONDITIONS,
    OBJECTS_SEEDED,
    SPLITS,
    Condition,
    random_for,
)
from h2s2r_sim.perception_bench.measuring import METHODS, Job, Outcome, measure, read_outcome, write_outcome
from h2s2r_sim.perception_bench.metrics import PoseMeter, bootstrap_interval, diameter_m, wilson_interval
from h2s2r_sim.perception_bench.object_motion import draw_path, speeds
from h2s2r_sim.perception_bench.sequences import generate
from h2s2r_sim.perception_bench.summary import recovered, share_within, summarise

SHORT = Condition(0.22, 90.0, 0.7)
WHOLE = Crop(0, 0, 640, 480, 1)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Sequences of 21 frames; the rest is as in the benchmark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ALL_CONDITIONS, "slow", SHORT)
        folder = tmp_path_factory.mktemp("meshes")
        yield lambda split, index=1: generate(split, "can_printed", "slow", index, folder)


@pytest.fixture(scope="module")
def sequence(make):
    return make("dev")


def test_the_same_seed_gives_the_same_sequence_and_another_half_another(sequence, make):
    again, other = make("dev"), make("test")
    np.testing.assert_array_equal(again.rgb, sequence.rgb)
    np.testing.assert_array_equal(again.depth_mm, sequence.depth_mm)
    np.testing.assert_array_equal(again.T_camera_object, sequence.T_camera_object)
    assert not np.array_equal(other.rgb[0], sequence.rgb[0])
    assert not np.allclose(other.T_camera_object[0], sequence.T_camera_object[0])


def test_measured_depth_is_that_of_the_object_at_the_true_pose(sequence):
    model = load_object_model(sequence.mesh, sequence.symmetry)
    for frame in (0, 13, 20):
        rendered = render(model, sequence.T_camera_object[frame], sequence.camera_matrix, WHOLE).depth_m
        measured = sequence.depth_m(frame)
        both = (rendered > 0) & (measured > 0)
        # Where the hand is before it the difference is large; most of the object is in view.
        assert np.median(np.abs(measured - rendered)[both]) < 0.003
    outline = render(model, sequence.T_camera_object[0], sequence.camera_matrix, WHOLE).depth_m > 0
    assert (outline & sequence.mask).sum() > 0.95 * (outline | sequence.mask).sum()


def test_the_first_frame_shows_the_whole_object_and_hands_come_later(sequence):
    assert sequence.visible_fraction[0] > 0.97
    assert sequence.visible_fraction.min() >= 0.2
    x0, y0, x1, y1 = sequence.box
    assert x0 > 0
    assert y0 > 0
    assert x1 < 640
    assert y1 < 480


@pytest.mark.parametrize("split", sorted(SPLITS))
@pytest.mark.parametrize("name", sorted(ALL_CONDITIONS))
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_no_path_is_faster_than_its_condition(split, name, seed):
    condition = {**CONDITIONS, "unprompted": ALL_CONDITIONS["unprompted"]}[name]
    path = draw_path(np.random.default_rng(seed), SPLITS[split], condition, 0.1, 0.3)
    speed_m_s, turn_deg_s = speeds(path.T_world_object)
    assert speed_m_s.max() <= condition.speed_m_s
    assert turn_deg_s.max() <= condition.turn_deg_s
    assert path.T_world_object[:, 2, 3].min() >= 0.05 - 1e-9  # never in the table
    np.testing.assert_allclose(speed_m_s[: path.held[0] - 1], 0.0, atol=1e-9)
    if path.covered is not None:
        assert (path.covered[1] - path.covered[0]) / 30.0 == pytest.approx(1.0)


def test_the_streams_of_all_sequences_differ():
    first = {
        random_for(split, item, name, index).integers(2**63)
        for split in SPLITS
        for item in OBJECTS_SEEDED
        for name in ALL_CONDITIONS
        for index in range(20)
    }
    assert len(first) == len(SPLITS) * len(OBJECTS_SEEDED) * len(ALL_CONDITIONS) * 20


@pytest.mark.parametrize("method", [m for m in METHODS if m != "tracker"])
def test_peers_hold_an_object_at_rest(sequence, method):
    still = replace(
        sequence, **{name: getattr(sequence, name)[:6] for name in ("stamp_ns", "T_camera_object", "visible_fraction")}
    )
    outcome = measure([Job("dev", "can_printed", "slow", 1, method)], still)[0]
    assert share_within(outcome) == 1.0


METER = PoseMeter(np.random.default_rng(0).normal(size=(300, 3)) * [0.05, 0.03, 0.1], "none", 0.4)
ROTATION_VECTOR = st.tuples(*[st.floats(-1.5, 1.5)] * 3).map(np.array)
SHIFT = st.tuples(*[st.floats(-0.5, 0.5)] * 3).map(np.array)


@settings(max_examples=50, deadline=None)
@given(ROTATION_VECTOR, SHIFT, SHIFT)
def test_a_shift_is_its_length_in_add_and_no_rotation(turn, place, shift):
    true = pose(rotation_from_vector(turn), place)[None]
    moved = true.copy()
    moved[0, :3, 3] += shift
    errors = METER.errors(true, moved)
    length_mm = 1e3 * np.linalg.norm(shift)
    assert errors["add_mm"][0] == pytest.approx(length_mm, abs=1e-6)
    assert errors["translation_mm"][0] == pytest.approx(length_mm, abs=1e-6)
    assert errors["rotation_deg"][0] == pytest.approx(0.0, abs=1e-4)
    assert errors["add_s_mm"][0] <= errors["add_mm"][0] + 1e-9


@settings(max_examples=50, deadline=None)
@given(ROTATION_VECTOR, st.floats(0.01, 3.1))
def test_turns_about_z_count_unless_they_are_declared_to_look_the_same(turn, angle):
    true = pose(rotation_from_vector(turn), np.zeros(3))[None]
    turned = true @ pose(rotation_from_vector(np.array([0.0, 0.0, angle])), np.zeros(3))
    assert METER.errors(true, turned)["rotation_deg"][0] == pytest.approx(np.rad2deg(angle), abs=1e-4)
    assert replace(METER, symmetry="yaw").errors(true, turned)["rotation_deg"][0] == pytest.approx(0.0, abs=1e-4)


def test_the_diameter_of_a_box_is_its_diagonal():
    corners = np.array([[x, y, z] for x in (0, 3.0) for y in (0, 4.0) for z in (0, 12.0)])
    assert diameter_m(corners) == pytest.approx(13.0)


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson_interval_holds_the_share_and_stays_a_probability(successes, more):
    trials = successes + more
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0


def test_nineteen_of_twenty_is_known_to_within_wilsons_interval():
    np.testing.assert_allclose(wilson_interval(19, 20), (0.764, 0.991), atol=0.001)  # published example of the formula


def test_the_interval_of_equal_sequences_is_a_point():
    assert bootstrap_interval(np.full(20, 0.9)) == pytest.approx((0.9, 0.9))


def outcome(add_mm, visible=None, *, method="tracker", condition="occlusion", item="snack_box", index=0):
    count = len(add_mm)
    return Outcome(
        Job("test", item, condition, index, method), 0, True, 250.0, 10.0,
        visible or [1.0] * count, add_mm, add_mm, add_mm, [0.5] * count, [False] * count,
    )  # fmt: skip


def test_hidden_frames_do_not_count_for_accuracy_but_the_end_counts_for_recovery():
    lost_while_hidden = outcome([1.0] * 10 + [99.0] * 10 + [1.0] * 10, [1.0] * 10 + [0.0] * 10 + [1.0] * 10)
    assert share_within(lost_while_hidden) == 1.0
    assert recovered(lost_while_hidden)
    assert not recovered(outcome([1.0] * 29 + [99.0]))
    figures = summarise([lost_while_hidden, outcome([99.0] * 30, index=1)])
    assert figures["recovery_after_occlusion"] == 0.5
    assert figures["within_01d_slow"] is None  # not run, not zero


def test_ahead_means_ahead_of_both_peers_on_every_object():
    good, bad = [1.0] * 10, [1.0] * 5 + [99.0] * 5
    runs = [outcome(good), outcome(bad, method="icp"), outcome(bad, method="coloured_icp")]
    assert summarise(runs)["ahead_of_icp_on_every_object"] is True
    other = [outcome(bad, item="can_printed"), outcome(good, item="can_printed", method="icp")]
    figures = summarise([*runs, *other])
    assert figures["ahead_of_icp_on_every_object"] is False
    assert figures["ahead_of_icp_snack_box"] is True
    assert summarise([outcome(good)])["ahead_of_icp_on_every_object"] is None


def test_an_outcome_is_read_back_as_it_was_written(tmp_path):
    kept = outcome([1.0, 2.0, 3.0])
    write_outcome(tmp_path / "deep" / "one.json", kept)
    assert read_outcome(tmp_path / "deep" / "one.json") == kept
    assert read_outcome(tmp_path / "none.json") is None


def test_results_replace_results_on_the_page_and_nothing_else(tmp_path):
    page = tmp_path / report.PAGE
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({"a": 1}))
    with pytest.raises(InputError, match="no place"):
        report.publish_results(tmp_path, figures, "new")
    page.parent.mkdir(parents=True)
    page.write_text(f"before\n{report._BEGIN}\nold\n{report._END}\nafter\n")
    outcomes = [outcome([1.0] * 10, method=method) for method in METHODS]
    report.publish_results(tmp_path, figures, report.table(outcomes, {"split": "test", "sequences": 1}))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "1 of 1 | 100.0 %" in text
    assert json.loads((tmp_path / report.RESULTS).read_text()) == {"a": 1}
