"""The Demonstration artefact: it comes back as it was written, and anything wrong is named."""

import dataclasses
import json

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.demonstration import ARRAYS, SCHEMA, Demonstration

FRAMES = 40


def _demonstration(**changes) -> Demonstration:
    T = np.tile(np.eye(4), (FRAMES, 1, 1))
    T[:, 1, 3] = np.linspace(0.0, 0.4, FRAMES)
    hand = np.random.default_rng(0).normal(size=(FRAMES, 21, 3))
    confidence = np.full(FRAMES, 0.9)
    hand[30:], confidence[30:] = np.nan, 0.0
    values = {
        "stamp_ns": np.arange(FRAMES, dtype=np.int64) * 33_333_333 + 5,
        "T_world_object": T,
        "object_confidence": np.ones(FRAMES),
        "hand_joints_world": hand,
        "hand_confidence": confidence,
        "motion_start": 20,
        "motion_end": 35,
        "premanipulation_index": 10,
    }
    return Demonstration(**{**values, **changes})


def _write(folder, demonstration):
    with writing(folder, SCHEMA) as writer:
        demonstration.save(writer.folder)
    return folder


def test_round_trip(tmp_path):
    written = _demonstration()
    read = Demonstration.load(_write(tmp_path / "demonstration", written))
    for field in dataclasses.fields(written):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(written, field.name), strict=True)


def test_goal_trajectory_spans_the_motion_from_time_zero():
    demonstration = _demonstration()
    stamp_s, T = demonstration.goal_trajectory()
    assert stamp_s[0] == 0.0
    assert stamp_s[-1] == pytest.approx(15 / 30.0, abs=1e-6)
    np.testing.assert_array_equal(T, demonstration.T_world_object[20:36])
    T[:] = 0.0  # a caller's change must not reach the artefact
    assert demonstration.T_world_object[20:36].any()


def _changed(array, index, value):
    array = array.copy()
    array[index] = value
    return array


GOOD = _demonstration()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stamp_ns": GOOD.stamp_ns.astype(float)}, "stamp_ns"),
        ({"stamp_ns": _changed(GOOD.stamp_ns, 7, 3)}, "stamp_ns"),
        ({"stamp_ns": GOOD.stamp_ns[:1]}, "stamp_ns"),
        ({"T_world_object": GOOD.T_world_object.astype(np.float32)}, "T_world_object"),
        ({"T_world_object": GOOD.T_world_object[:-1]}, "T_world_object"),
        ({"T_world_object": _changed(GOOD.T_world_object, (3, 0, 3), np.nan)}, "T_world_object"),
        ({"T_world_object": _changed(GOOD.T_world_object, (3, 0, 0), 1.01)}, "T_world_object"),
        ({"T_world_object": _changed(GOOD.T_world_object, (3, 0, 0), -1.0)}, "T_world_object"),
        ({"object_confidence": GOOD.object_confidence * 1.5}, "object_confidence"),
        ({"hand_confidence": _changed(GOOD.hand_confidence, 3, np.nan)}, "hand_confidence"),
        ({"hand_confidence": _changed(GOOD.hand_confidence, 3, 0.0)}, "hand_confidence"),
        ({"hand_joints_world": GOOD.hand_joints_world[:, :20]}, "hand_joints_world"),
        ({"hand_joints_world": _changed(GOOD.hand_joints_world, (3, 4), np.nan)}, "hand_joints_world"),
        ({"hand_joints_world": _changed(GOOD.hand_joints_world, (3, 4), np.inf)}, "hand_joints_world"),
        ({"motion_end": FRAMES}, "motion"),
        ({"motion_start": 36}, "motion"),
        ({"premanipulation_index": -1}, "motion"),
        ({"premanipulation_index": 32, "motion_start": 33}, "hand_joints_world"),
    ],
)
def test_what_breaks_a_rule_is_neither_written_nor_read(tmp_path, changes, field):
    bad = dataclasses.replace(GOOD, **changes)
    with pytest.raises(InputError) as refused:
        _write(tmp_path / "demonstration", bad)
    assert refused.value.field == field
    assert not (tmp_path / "demonstration").exists()
    with writing(tmp_path / "demonstration", SCHEMA) as writer:
        np.savez(writer.folder / ARRAYS, **vars(bad))
    with pytest.raises(InputError) as refused:
        Demonstration.load(tmp_path / "demonstration")
    assert refused.value.field == field


def test_missing_array_is_named(tmp_path):
    with writing(tmp_path / "demonstration", SCHEMA) as writer:
        np.savez(writer.folder / ARRAYS, stamp_ns=GOOD.stamp_ns)
    with pytest.raises(InputError, match="T_world_object"):
        Demonstration.load(tmp_path / "demonstration")


def test_fractional_index_is_refused(tmp_path):
    with writing(tmp_path / "demonstration", SCHEMA) as writer:
        np.savez(writer.folder / ARRAYS, **{**vars(GOOD), "motion_start": 20.5})
    with pytest.raises(InputError, match="motion_start"):
        Demonstration.load(tmp_path / "demonstration")


def test_truncated_file_and_missing_file_are_input_errors(tmp_path):
    folder = _write(tmp_path / "demonstration", GOOD)
    path = folder / ARRAYS
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="NumPy arrays"):
        Demonstration.load(folder)
    path.unlink()
    with pytest.raises(InputError, match="NumPy arrays"):
        Demonstration.load(folder)


def test_newer_schema_and_other_artefacts_are_refused(tmp_path):
    folder = _write(tmp_path / "demonstration", GOOD)
    meta = json.loads((folder / "meta.json").read_text())
    for changes in ({"schema_version": 99}, {"schema": "recording"}):
        (folder / "meta.json").write_text(json.dumps({**meta, **changes}))
        with pytest.raises(InputError, match="schema"):
            Demonstration.load(folder)
