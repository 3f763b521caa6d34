import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_policy.joint_map import JointMap

NAMES = ("a", "b", "c")


@given(st.permutations(["a", "b", "c", "gripper", "wheel"]))
def test_joints_are_found_by_name_in_any_order_and_extra_ones_ignored(order):
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "gripper": np.nan, "wheel": 9.0}
    picked = JointMap(NAMES).pick(order, [values[n] for n in order], source="/joint_states", field="position")
    np.testing.assert_array_equal(picked, [1.0, 2.0, 3.0])


def test_the_order_may_change_between_messages():
    joints = JointMap(NAMES)
    joints.pick(["a", "b", "c"], [1, 2, 3], source="t", field="position")
    np.testing.assert_array_equal(joints.pick(["c", "a", "b"], [3, 1, 2], source="t", field="position"), [1, 2, 3])


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (["a", "c"], [1.0, 2.0], r"/joint_states: joint `b`: .*found no such joint"),
        (["a", "b", "b", "c"], [1.0, 2.0, 3.0, 4.0], r"joint `b`: .*found it twice"),
        (["a", "b", "c"], [1.0, 2.0], r"position: expected 3, one for each name, found 2 values"),
        (["a", "b", "c"], [1.0, np.nan, 2.0], r"position of joint `b`: expected a finite number, found nan"),
    ],
)
def test_a_bad_joint_state_is_named(names, values, message):
    with pytest.raises(InputError, match=message):
        JointMap(NAMES).pick(names, values, source="/joint_states", field="position")
